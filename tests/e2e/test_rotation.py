"""Replaced connections, opened and closed tabs; no trade is missed. Real Chromium, real server."""

from __future__ import annotations

import time

import pytest

from tests.bridge.devtools import Chromium, Tab
from tests.e2e.fault_schedule import SYMBOLS, assert_nothing_missing, bridge_address
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser


@pytest.fixture
def harness(stack: Stack) -> Stack:
    """About 600 trades a second over two symbols, and the server; without a warm start every gap is a loss."""
    stack.environ["PAIRBRIDGE_WARM_START_MINUTES"] = "0"
    stack.start_exchange("--symbols", ",".join(SYMBOLS), "--rate", "43", "--weight-limit", "100000000")
    stack.start_server()
    return stack


def live(browser: Chromium, address: str) -> Tab:
    """A page that forwards."""
    tab = browser.tab(address)
    until(lambda: tab.status() == "live", 20, "the page to be live")
    return tab


def said(tab: Tab, words: str) -> int:
    """The number of log lines of the page with this text."""
    text: str = tab.evaluate("document.getElementById('log').textContent")
    return text.count(words)


def test_twenty_rotations_miss_nothing_and_leave_no_gap_to_fetch(harness: Stack, chromium: Chromium) -> None:
    tab = live(chromium, bridge_address(harness, rotate="1"))
    until(lambda: said(tab, "closes each one after 24 hours") >= 20, 60, "twenty rotations")
    assert assert_nothing_missing(harness, SYMBOLS) > 10_000
    assert harness.query("SELECT * FROM holes") == []


def test_rotations_that_the_exchange_announces_miss_nothing_either(harness: Stack, chromium: Chromium) -> None:
    tab = live(chromium, bridge_address(harness))
    harness.fault("rotate", seconds=2)
    until(lambda: said(tab, "the exchange announced that it will close this one") >= 5, 30, "five announced closings")
    harness.fault("clear")
    assert_nothing_missing(harness, SYMBOLS)
    assert harness.query("SELECT * FROM holes") == []


def test_a_second_tab_takes_over_one_symbol_when_the_first_is_closed(harness: Stack, chromium: Chromium) -> None:
    first = live(chromium, bridge_address(harness, symbols="BTCUSDT"))
    second = live(chromium, bridge_address(harness))
    until(lambda: said(second, "First trade of BTCUSDT"), 5, "both symbols to come in")
    assert not said(second, "Took over"), "one symbol is forwarded here, the other one stands by"
    first.close()
    closed = time.monotonic()
    until(lambda: said(second, "Took over BTCUSDT"), 3, "the takeover")
    assert time.monotonic() - closed <= 3
    assert not said(second, "Took over ETHUSDT"), "it was its own from the beginning"
    assert_nothing_missing(harness, SYMBOLS)
    assert harness.query("SELECT * FROM holes") == []


def test_a_second_tab_takes_over_from_a_frozen_one_which_then_stands_by(harness: Stack, chromium: Chromium) -> None:
    first = live(chromium, bridge_address(harness))
    second = chromium.tab(bridge_address(harness))
    until(lambda: second.status() == "standby", 20, "the second page to stand by")
    first.freeze()
    frozen = time.monotonic()
    until(lambda: second.status() == "live", 3, "the takeover")
    assert time.monotonic() - frozen <= 3
    first.thaw()
    until(lambda: first.status() == "standby", 10, "the first page to stand by")
    assert second.status() == "live"
    assert_nothing_missing(harness, SYMBOLS)
