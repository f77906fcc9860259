"""The log file: our own lines, and of the libraries only what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.logs import log_to

LIBRARIES = ("websockets", "aiosqlite", "httpx", "httpcore", "uvicorn.access", "numba")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for ``log_to``; the root logger is put back as it was, and the libraries' own."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield tmp_path
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_requests_and_frames_do_not_drown_what_happened(folder: Path, level: str) -> None:
    log_to(folder, "dashboard", level)
    for name in (*LIBRARIES, "httpcore.connection"):
        logging.getLogger(name).info("GET /health 200 of %s", name)
        logging.getLogger(name).warning("trouble in %s", name)
    logging.getLogger("pairbridge.monitor").info("reading from the first tick")
    lines = (folder / "logs/dashboard.log").read_text(encoding="utf-8").splitlines()
    assert [line.partition("Z ")[2] for line in lines] == [
        *(f"WARNING {name}: trouble in {name}" for name in (*LIBRARIES, "httpcore.connection")),
        "INFO pairbridge.monitor: reading from the first tick",
    ]


def test_the_console_hears_only_warnings_under_the_name_of_the_process(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to(folder, "server", "INFO")
    logging.getLogger("pairbridge.server").info("listening")
    logging.getLogger("pairbridge.server").warning("cut off")
    assert capsys.readouterr().err == "server: cut off\n"
