"""A real Chromium for tests: from the system; if missing, CI fails and other runs skip with a reason."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} was not found, and CI has to run this test")
    pytest.skip(f"{what} was not found")


def chromium_path() -> str | None:
    """The system's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def axe_source() -> str:
    """The script of axe-core, which ``make lint`` installs beside the linter."""
    path = Path(sys.prefix) / "node/node_modules/axe-core/axe.min.js"
    if not path.exists():
        missing("axe-core (make lint installs it)")
    return path.read_text(encoding="utf-8")


@contextmanager
def launched_chromium() -> Iterator[Browser]:
    """A headless browser, closed at the end of the block."""
    path = chromium_path()
    if path is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_ARGS)
        yield browser
        browser.close()
