"""The memory of a pair page that is left open: collected and measured every minute."""

from __future__ import annotations

import statistics

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import watched_page
from tests.e2e.stack import Stack, until

pytestmark = [pytest.mark.browser, pytest.mark.soak]

MINUTES, SETTLED = 30, 5


def test_the_heap_of_a_pair_page_is_flat_over_half_an_hour(trading: Stack, browser: Browser) -> None:
    page, faults = watched_page(browser)
    page.goto(trading.owner_url.replace("/#", "/pair/sim/ETHUSDT~BTCUSDT#"))
    until(lambda: page.evaluate("() => window.pairbridgePainted !== undefined"), 60, "a chart")
    session = page.context.new_cdp_session(page)
    heaps: list[float] = []
    for _ in range(MINUTES):
        page.wait_for_timeout(60_000)
        session.send("HeapProfiler.collectGarbage")
        heaps.append(float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6)
    painted = page.evaluate("() => window.pairbridgePainted.frames")
    page.close()
    settled = heaps[SETTLED:]
    slope = statistics.linear_regression(range(len(settled)), settled).slope
    assert faults == [] and painted > 60 * MINUTES * 10, f"{painted} frames: the page was not live"
    assert slope * MINUTES < 2.0, f"{slope:.3f} MB a minute after the first {SETTLED}: {heaps}"
