from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.bridge.devtools import Chromium
from tests.browser import CHROMIUM_ARGS, chromium_path, missing
from tests.e2e.stack import Stack, standing, until

SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT"
MANY_BARS = (
    "document.querySelector('#chart-canvas canvas') && window.pairbridgePainted"
    " && window.pairbridgeCharts.values('z').length > 300"
)

WITHIN_S = 60
expect.set_options(timeout=WITHIN_S * 1_000)  # generous: a busy machine is not a failure


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what its processes printed and stored, and what stood on each open page."""
    report = yield
    if report.failed:
        used = getattr(item, "funcargs", {})
        for stack in {id(each): each for each in used.values() if isinstance(each, Stack)}.values():
            report.sections += stack.findings()
        for context in used["browser"].contexts if "browser" in used else []:
            report.sections += [(page.url.partition("#")[0], page.inner_text("body")[:6_000]) for page in context.pages]
    return report


@pytest.fixture(autouse=True)
def no_page_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close what a failed test or fixture left open: it would go on drawing, and slow every test after it."""
    yield
    if "browser" in request.fixturenames:
        for context in request.getfixturevalue("browser").contexts:
            context.close()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Processes that a test starts as it needs them."""
    made = Stack(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two simulated hours, caught up, then live: shared by the tests of the dashboard, which tidy up after them."""
    with standing(tmp_path_factory.mktemp("harness"), SYMBOLS) as stack:
        yield stack


def seen(page: Page, expression: str, arg: Any = None) -> None:
    """Wait for a state of the page; Playwright's own waiting evaluates text in the page, which its policy forbids."""
    until(lambda: page.evaluate(expression, arg), WITHIN_S, expression)


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    """A separate browser without listeners: console output costs nothing."""
    path = chromium_path()
    if path is None:
        missing("Chromium")
    with Chromium(path, tmp_path / "profile", CHROMIUM_ARGS) as browser:
        yield browser


def to_page(page: Page, name: str) -> None:
    """By the navigation, as a user goes there."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()


def watched_page(browser: Browser, width: int = 1440, height: int = 900) -> tuple[Page, list[str]]:
    """A page, and its errors: script errors and error lines of the console."""
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


@pytest.fixture
def page(trading: Stack, browser: Browser) -> Iterator[Page]:
    """The dashboard over two hours of trades; it must have no errors when the test ends."""
    opened, faults = watched_page(browser)
    opened.goto(trading.owner_pair_url, timeout=WITHIN_S * 1_000)
    seen(opened, MANY_BARS)
    expect(opened.locator("#export-log")).to_have_attribute("href", re.compile("watch="))  # the form is filled, too
    yield opened
    opened.close()
    assert faults == []
