"""From the page to the file, with real processes: the page from the file system, the simulator, the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import watched_page
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def open_bridge(stack: Stack, browser: Browser, exchange: str = "") -> Page:
    """The page as a user opens it from the file system; Start Bridge is clicked by the test."""
    page, _ = watched_page(browser)
    query = {
        "market": "sim",
        "exchange": exchange or stack.exchange_url.replace("http", "ws"),
        "rest": stack.exchange_url,
        "server": stack.bridge_url.replace("http", "ws"),
        "symbols": "btcusdt, ETHUSDT",
    }
    page.goto(f"{(stack.page_copy() / 'index.html').as_uri()}?{urlencode(query)}")
    return page


@pytest.fixture
def harness(stack: Stack) -> Iterator[Stack]:
    """A market of 200 trades a second over two symbols, and the server."""
    stack.start_exchange("--symbols", ",".join(SYMBOLS), "--rate", "14.3")
    stack.start_server()
    yield stack


def assert_store_equals_exchange(stack: Stack) -> int:
    """End the market; then the store must hold every trade from the first one seen, to the last digit."""
    stack.fault("halt")
    total = 0
    for symbol in SYMBOLS:
        ledger = until(lambda: _settled(stack, symbol), 10, "the exchange to settle")  # noqa: B023
        until(lambda: stack.stored(symbol)[-1][0] == ledger["last_id"], 20, f"{symbol} to be stored")  # noqa: B023
        first = stack.stored(symbol)[0][0]
        expected = stack.traded(symbol, first)
        until(lambda: len(stack.stored(symbol)) == len(expected), 20, f"{symbol} to be complete")  # noqa: B023
        assert stack.stored(symbol) == expected
        total += len(expected)
    assert stack.query("SELECT count(*) FROM holes WHERE closed_ms IS NULL") == [(0,)]
    return total


def _settled(stack: Stack, symbol: str) -> Any:
    ledger = stack.ledger(symbol)
    return ledger if ledger["settled"] else None


@pytest.mark.parametrize("seconds", [15, pytest.param(60, marks=pytest.mark.soak)])
def test_from_the_file_system_to_the_last_digit(harness: Stack, browser: Browser, seconds: int) -> None:
    page = open_bridge(harness, browser)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.get_by_role("button", name="Start Bridge").click()
    expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=20_000)
    began = time.monotonic()
    until(lambda: time.monotonic() - began >= seconds, seconds + 10, "the time")
    total = assert_store_equals_exchange(harness)
    assert total > seconds * 150, f"{total} trades in {seconds} s; expected about 200 a second"
    assert any(text.startswith("Forwarding tick...") for text in said)
    acknowledged = page.locator("#count-acknowledged")
    until(lambda: int(acknowledged.get_attribute("data-value") or 0) == total, 5, "the page's own count")
    page.close()


def test_trades_lost_on_the_way_are_fetched_by_the_page(harness: Stack, browser: Browser) -> None:
    page = open_bridge(harness, browser)
    page.get_by_role("button", name="Start Bridge").click()
    expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=20_000)
    harness.fault("drop", symbol="ETHUSDT", n=41)
    lost = "SELECT status FROM holes WHERE last_id - first_id + 1 = 41"  # beside them the past of the warm start
    until(lambda: harness.query(lost) == [("filled",)], 20, "the gap to be filled")
    assert_store_equals_exchange(harness)
    page.close()


def test_the_retired_route_is_named_within_six_seconds(harness: Stack, browser: Browser) -> None:
    page = open_bridge(harness, browser, exchange=harness.exchange_url.replace("http", "ws") + "/ws")
    page.get_by_role("button", name="Start Bridge").click()
    began = time.monotonic()
    expect(page.locator("#status")).to_have_attribute("data-state", "wrong-route", timeout=6_000)
    assert time.monotonic() - began <= 6.0
    expect(page.locator("#status-title")).to_have_text("WRONG ROUTE")
    expect(page.locator("#status")).to_contain_text("/market")
    until(lambda: harness.health()["state"] == "WRONG ROUTE", 2, "the server to know")
    page.close()
