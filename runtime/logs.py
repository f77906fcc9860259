"""Log files in the data folder, and the same lines, from INFO up, on the console."""

from __future__ import annotations

import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_FILE_BYTES = 5_000_000
_FILES = 5
_TALKATIVE = ("websockets", "aiosqlite", "httpx", "httpcore", "uvicorn.access", "numba")  # a line for a frame, a step


def log_to(folder: Path, name: str, level: str) -> None:
    """Send this process's log to ``folder/logs/name.log``, with at most five old files of 5 MB. Times are UTC."""
    path = folder / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    file = RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8")
    file.setFormatter(formatter)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(logging.Formatter(f"{name}: %(message)s"))
    console.setLevel(logging.WARNING)
    root = logging.getLogger()
    root.setLevel(level)
    root.handlers = [file, console]
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)
