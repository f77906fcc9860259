"""What a page transfers: the grid's scripts come with the first page that has a grid, once, and never with a pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import MANY_BARS, seen, to_page, watched_page
from tests.e2e.stack import Stack

pytestmark = pytest.mark.browser
MOST_BYTES = 600_000
GRID = "/dash_ag_grid/"


class Scripts:
    """The scripts that a page requests, and their bytes over the wire."""

    def __init__(self, page: Page) -> None:
        self.addresses: list[str] = []
        self.bytes: dict[str, int] = {}
        self._open: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._finished)

    def _asked(self, event: dict[str, Any]) -> None:
        if event.get("type") == "Script":
            address = event["request"]["url"]
            self.addresses.append(address)
            self._open[event["requestId"]] = address

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._open:
            self.bytes[self._open[event["requestId"]]] = int(event["encodedDataLength"])

    @property
    def of_grid(self) -> list[str]:
        return [each.partition(GRID)[2] for each in self.addresses if GRID in each]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Page]:
    """A page with an empty cache, which must have no errors when the test ends."""
    page, faults = watched_page(browser)
    yield page
    page.close()
    assert faults == []


def test_a_pair_page_transfers_no_grid_and_at_most_600_kb_of_scripts(trading: Stack, opened: Page) -> None:
    scripts = Scripts(opened)
    opened.goto(trading.owner_pair_url)
    seen(opened, MANY_BARS)
    expect(opened.locator("#watch-list tbody tr").first).to_be_visible()
    expect(opened.locator("#signal-log tbody tr").first).to_be_visible()
    assert scripts.of_grid == []
    assert len(scripts.bytes) > 30 and all(scripts.bytes.values()), scripts.bytes
    assert sum(scripts.bytes.values()) <= MOST_BYTES, scripts.bytes


def test_a_change_to_a_page_with_a_grid_loads_it_once(trading: Stack, opened: Page) -> None:
    scripts = Scripts(opened)
    opened.goto(trading.owner_pair_url)
    seen(opened, MANY_BARS)
    to_page(opened, "Overview")
    expect(opened.locator("#overview-symbols tbody tr")).to_have_count(4)
    to_page(opened, "Scan")
    expect(opened.locator("#scan-pairs .ag-root")).to_be_visible()
    to_page(opened, "Pair")
    seen(opened, MANY_BARS)
    to_page(opened, "Overview")
    expect(opened.locator("#overview-symbols tbody tr")).to_have_count(4)
    assert len(scripts.of_grid) == 2 and len(set(scripts.of_grid)) == 2, "its library and its one part"
    assert not any("enterprise" in each for each in scripts.of_grid)


def test_a_page_with_a_grid_that_is_opened_first_loads_it_once(trading: Stack, opened: Page) -> None:
    scripts = Scripts(opened)
    opened.goto(trading.owner_url)
    expect(opened.locator("#overview-symbols tbody tr")).to_have_count(4)
    assert len(scripts.of_grid) == 2 and len(set(scripts.of_grid)) == 2
