"""The universe scan in a real Chromium: started, followed, cancelled, shown, exported, watched."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import MANY_BARS, SYMBOLS, seen, to_page, watched_page
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser

ROWS = """() => {
  const rows = [];
  dash_ag_grid.getApi("scan-pairs").forEachNodeAfterFilterAndSort((node) => rows.push(node.data));
  return rows;
}"""
DONE_MS = 40_000


@pytest.fixture
def page(trading: Stack, browser: Browser) -> Iterator[Page]:
    opened, faults = watched_page(browser)
    opened.goto(trading.owner_pair_url)
    seen(opened, MANY_BARS)
    open_scan(opened)
    yield opened
    opened.close()
    assert faults == []


def open_scan(page: Page) -> None:
    to_page(page, "Scan")
    expect(page.locator("#scan-market")).to_have_value("sim")


def stored(stack: Stack) -> list[tuple[Any, ...]]:
    return stack.query(
        "SELECT scan_id, tests, found, confirmed, result FROM scans ORDER BY scan_id", file="analysis.db"
    )


def scan(stack: Stack, page: Page, interval: str = "5s", span: str = "3") -> dict[str, Any]:
    """Start a scan on the page and wait until it shows; returns what was stored."""
    before = len(stored(stack))
    page.locator("#scan-interval").select_option(interval)
    page.locator("#scan-span").select_option(span)
    page.locator("#scan-start").click()
    until(lambda: len(stored(stack)) > before, 40, "the scan's result")
    number, *_, text = stored(stack)[-1]
    expect(page.locator("#scan-chosen")).to_have_value(str(number))
    found: dict[str, Any] = json.loads(text)
    return found


def test_its_end_is_told_on_another_page(trading: Stack, page: Page) -> None:
    expect(page.locator("#scan-pairs")).to_contain_text("No pair was tested yet")
    expect(page.locator("#scan-map-note")).to_have_text("The map comes with a scan.")
    page.locator("#scan-interval").select_option("1s")
    page.locator("#scan-span").select_option("3")
    page.locator("#scan-start").click()
    expect(page.locator("#scan-cancel")).to_be_enabled()
    to_page(page, "Overview")
    note = page.locator(".toast-note")
    expect(note).to_contain_text("Scan finished")
    note.get_by_role("link").click()
    expect(page.locator("#scan-start")).to_be_enabled()
    expect(note).to_have_count(0)


def fill(page: Page, control: str, value: str) -> None:
    page.locator(f"#{control}").fill(value)
    page.locator(f"#{control}").press("Tab")


def shown(page: Page) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = page.evaluate(ROWS)
    return rows


def test_what_is_shown_is_what_was_stored_and_what_is_exported(trading: Stack, page: Page) -> None:
    result = scan(trading, page)
    assert result["tests"] == 6 and result["symbols"][0] in SYMBOLS.split(",")
    until(lambda: len(shown(page)) == 6, 20, "the table")
    for row, pair in zip(shown(page), result["pairs"], strict=True):
        assert {name: row[name] for name in pair} == pair
    verdict = page.locator("#scan-verdict")
    expect(verdict).to_contain_text("survived" if result["confirmed"] else "None")
    expect(page.locator("#scan-detail")).to_contain_text("6 tests on 4 symbols")
    expect(page.locator("#scan-detail")).to_contain_text(f"{result['passed']} pass the 5 % value, where luck alone")
    with page.expect_download() as download:
        page.locator("#scan-export").click()
    frame = pd.read_csv(io.StringIO(Path(download.value.path()).read_text()))
    for name in ("y", "x", "statistic", "q_value", "q_value_by", "hurst", "holdout_pvalue"):
        assert frame[name].tolist() == [pair[name] for pair in result["pairs"]], name
    page.locator("#scan-pairs").get_by_text("Hurst").click()
    until(
        lambda: [row["hurst"] for row in shown(page)] == sorted(frame["hurst"]), 20, "the order of the Hurst exponents"
    )
    drawn = "document.querySelector('#scan-map .js-plotly-plot').data[0].z.map(row => [...row])"
    until(lambda: page.evaluate(drawn) == result["correlation"]["pearson"], 20, "Pearson's map")
    page.get_by_label("Hayashi-Yoshida").check()
    until(lambda: page.evaluate(drawn) == result["correlation"]["hayashi_yoshida"], 20, "the other map")


def test_a_cell_of_the_map_opens_its_pair(trading: Stack, page: Page) -> None:
    result = scan(trading, page)
    symbols = result["correlation"]["symbols"]
    cells = page.locator("#scan-map .nsewdrag")
    until(
        lambda: page.evaluate("document.querySelector('#scan-map .js-plotly-plot')?.data[0]?.z?.length") == 4, 20, "it"
    )
    box = cells.bounding_box()
    assert box is not None
    wide, high = box["width"] / 4, box["height"] / 4
    cells.click(position={"x": wide * 0.5, "y": high * 0.5})
    expect(page.locator("#scan-said")).to_contain_text(f"{symbols[0].removesuffix('USDT')} on itself is no pair")
    (pair,) = [each for each in result["pairs"] if {each["y"], each["x"]} == set(symbols[:2])]
    page.wait_for_timeout(500)  # else the two are a double click
    cells.click(position={"x": wide * 1.5, "y": high * 0.5})
    page.wait_for_url(re.compile(f"/pair/sim/{pair['y']}~{pair['x']}"), timeout=20_000)
    expect(page.locator("#live-title")).to_have_text(f"{pair['y']} ~ {pair['x']}")
    if (pair["y"], pair["x"]) != ("ETHUSDT", "BTCUSDT"):  # which the other tests have
        page.locator("#remove-pair").click()
        expect(page.locator("#message")).to_contain_text("removed")


def test_earlier_scans_stay_and_what_is_left_out_has_its_reason(trading: Stack, page: Page) -> None:
    fill(page, "scan-volume", "1e15")
    result = scan(trading, page)
    assert result["tests"] == 0
    expect(page.locator("#scan-verdict")).to_have_text("Nothing was tested.")
    expect(page.locator("#scan-excluded")).to_contain_text("too little volume")
    expect(page.locator("#scan-excluded-head")).to_have_text("4 left out; they were not tested")
    expect(page.locator("#scan-map-note")).to_contain_text("nothing to correlate")
    fill(page, "scan-volume", "0")
    again = scan(trading, page, span="1")
    expect(page.locator("#scan-verdict")).not_to_have_text("Nothing was tested.")
    assert again["tests"] == 6
    page.reload()
    open_scan(page)
    until(lambda: len(shown(page)) == 6, 20, "the newest scan after a reload")
    older = page.locator("#scan-chosen option").filter(has_text="sim · 5s · 0 tests")
    page.locator("#scan-chosen").select_option(older.first.get_attribute("value"))
    expect(page.locator("#scan-verdict")).to_have_text("Nothing was tested.")


def test_a_found_pair_is_watched_by_the_keyboard_alone(trading: Stack, page: Page) -> None:
    fill(page, "scan-holdout", "0")  # two hours are few minutes
    fill(page, "scan-least-bars", "100")
    result = scan(trading, page, "1m", "24")
    newest = [pair["statistic"] for pair in result["pairs"]]  # the table before has as many rows
    until(lambda: [row["statistic"] for row in shown(page)] == newest, 20, "the newest table")
    assert result["holdout_bars"] == result["confirmed"] == 0
    expect(page.locator("#scan-watch")).to_be_disabled()
    row = next(n for n, row in enumerate(shown(page)) if (row["y"], row["x"]) != ("ETHUSDT", "BTCUSDT"))
    found = shown(page)[row]

    def is_chosen() -> bool:
        """The grid may still be redrawing its rows, including the focused one."""
        page.locator('#scan-pairs .ag-row[row-index="0"] .ag-cell').first.focus()
        for _ in range(row):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        try:
            expect(page.locator("#scan-watch")).to_have_text(f"Watch {found['y']} ~ {found['x']}", timeout=3_000)
        except AssertionError:
            return False
        return True

    until(is_chosen, 20, "the pair to be chosen")
    page.locator("#scan-watch").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#live-title")).to_have_text(f"{found['y']} ~ {found['x']}")
    expect(page.locator("#live-title")).to_be_visible()
    page.locator("#settings-open").click()
    expect(page.locator("#set-interval")).to_have_value("1m")
    page.keyboard.press("Escape")
    seen(page, "document.querySelector('#chart-canvas canvas').clientWidth > 300")
    page.locator("#remove-pair").click()
    expect(page.locator("#message")).to_contain_text("removed")


def test_a_scan_is_cancelled(trading: Stack, page: Page) -> None:
    before = len(stored(trading))

    def is_cancelled() -> bool:
        page.locator("#scan-start").click()
        page.locator("#scan-cancel").click()
        said = page.locator("#scan-stage")
        expect(page.locator("#scan-start")).to_be_enabled(timeout=DONE_MS)
        return "Cancelled" in said.inner_text()

    until(is_cancelled, 90, "a scan cancelled before it was done")
    expect(page.locator("#scan-stage")).to_have_text("Cancelled; nothing was stored.")
    scan(trading, page)
    assert len(stored(trading)) > before


def test_what_cannot_be_asked_stands_at_its_field(page: Page) -> None:
    page.locator("#scan-interval").select_option("1h")
    expect(page.locator("#scan-span")).to_have_value("168")
    page.locator("#scan-span").select_option("24")
    expect(page.locator("#scan-span-error")).to_contain_text(
        "History is 24 hours, 24 bars of 1h; expected 100 to 20,000"
    )
    page.locator("#scan-start").click()
    expect(page.locator("#scan-said")).to_contain_text("Not done. History is 24 hours")
    page.locator("#scan-interval").select_option("1s")
    expect(page.locator("#scan-span")).to_have_value("3")
    expect(page.locator("#scan-span-error")).to_have_text("")
    fill(page, "scan-holdout", "0.9")
    expect(page.locator("#scan-holdout-error")).to_have_text("Hold-out is 0.9; expected 0 to 0.8.")
    fill(page, "scan-holdout", "-0.1")
    expect(page.locator("#scan-holdout-error")).to_have_text("Hold-out is -0.1; expected 0 to 0.8.")


def test_the_live_half_goes_on_behind_the_scan(trading: Stack, page: Page) -> None:
    before = page.evaluate("window.pairbridgePainted.newest.y[0]")
    to_page(page, "Pair")
    seen(page, "before => window.pairbridgePainted.newest.y[0] > before", before)
    seen(page, MANY_BARS)
    seen(page, "document.querySelector('#chart-canvas canvas').clientWidth > 300")


def test_what_a_scan_needs_is_fetched_first(trading: Stack, page: Page) -> None:
    """Hours of 90 days, of which the stack has traded two."""
    before = len(stored(trading))
    page.locator("#scan-usual").click()
    expect(page.locator("#scan-fetch")).to_have_value("60")
    expect(page.locator("#scan-interval")).to_have_value("1h")
    expect(page.locator("#scan-span")).to_have_value("2160")
    page.locator("#scan-start").click()
    expect(page.locator("#scan-cancel")).to_be_enabled()
    until(lambda: len(stored(trading)) > before, 60, "the scan's result")
    result = json.loads(stored(trading)[-1][-1])
    assert sorted(result["symbols"]) == sorted(SYMBOLS.split(",")) and result["fetched"] == len(result["symbols"])
    assert result["bars"] + result["holdout_bars"] == 90 * 24 and result["candles"] > 0.99
    expect(page.locator("#scan-detail")).to_contain_text("most liquid symbols were asked for")
