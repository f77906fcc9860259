from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.e2e.stack import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Processes that a test starts as it needs them; their output is shown when it fails."""
    made = Stack(tmp_path)
    yield made
    made.close()
    for path in sorted(tmp_path.glob("*.out")):
        print(f"--- {path.name}\n{path.read_text()[-2_000:]}")  # noqa: T201 - pytest shows it with a failure


def watched_page(browser: Browser, width: int = 1440, height: int = 900) -> tuple[Page, list[str]]:
    """A page, and what went wrong in it: script errors and error lines of the console."""
    page = browser.new_page(viewport={"width": width, "height": height})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    def hear(message: ConsoleMessage) -> None:
        if (
            message.type == "error"
            and "Failed to load resource" not in message.text
            and "WebSocket" not in message.text
        ):
            faults.append(message.text)

    page.on("console", hear)
    return page, faults
