"""Keeps the commands here and the two processes apart: one of them at a time in a data folder.

The same files and the same system lock as ``hosting.lock``, which the engine may not import; a test holds the two
against each other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.errors import StoreError


@contextmanager
def held(folder: Path, role: str) -> Iterator[None]:
    """Hold the lock of ``role`` ("server" or "dashboard"). Raises StoreError while a process of that role runs."""
    with (folder / f"{role}.lock").open("a+") as file:
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StoreError(f"the {role} (process {holder}) is using {folder}; stop it first") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(1 << 20)  # where hosting.lock has it
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
