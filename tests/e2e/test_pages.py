"""The pages and their addresses in a real Chromium: navigation, reload, back, a link, search, and the overview."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import MANY_BARS, seen, to_page, watched_page
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser
PAIR = "pair/sim/ETHUSDT~BTCUSDT"


def rows(page: Page, table: str) -> list[dict[str, Any]]:
    if table == "overview-symbols":
        symbols: list[dict[str, Any]] = page.evaluate("() => window.pairbridgeSymbols()")
        return symbols
    script = (
        "id => { const rows = []; const api = dash_ag_grid.getApi(id);"
        " api.forEachNodeAfterFilterAndSort((node) => rows.push(node.data)); return rows; }"
    )
    found: list[dict[str, Any]] = page.evaluate(script, table)
    return found


@pytest.fixture
def overview(trading: Stack, browser: Browser) -> Any:
    page, faults = watched_page(browser)
    page.goto(trading.owner_url)
    expect(page.locator("#overview-symbols tbody tr")).to_have_count(4)
    expect(page.locator("#overview-pairs .ag-center-cols-container .ag-row").first).to_be_visible()
    yield page
    page.close()
    assert faults == []


def test_the_overview_has_every_symbol_and_every_watched_pair(trading: Stack, overview: Page) -> None:
    assert [row["symbol"] for row in rows(overview, "overview-symbols")] == ["BNBUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT"]
    stored = dict(trading.query("SELECT symbol, price FROM v_ticks GROUP BY symbol HAVING agg_id = max(agg_id)"))
    for row in rows(overview, "overview-symbols"):
        assert row["price"] == pytest.approx(stored[row["symbol"]], rel=0.05) and row["gaps"] == 0
        assert row["change"] is not None and row["over"]
    hours = re.compile(r"2\.\d h")
    until(lambda: all(hours.fullmatch(row["over"]) for row in rows(overview, "overview-symbols")), 60, "two hours")
    (pair,) = rows(overview, "overview-pairs")
    assert (pair["pair"], pair["market"], pair["width"]) == ("ETHUSDT ~ BTCUSDT", "sim", "5s")
    assert pair["gate"] in ("open", "closed") and len(pair["trail"]) == 60 and pair["status"]
    expect(overview.locator("#overview-start")).to_be_hidden()
    expect(overview.locator("#live-clock")).to_have_text(re.compile(r"^2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))
    before = overview.locator("#live-clock").inner_text()
    expect(overview.locator("#live-clock")).not_to_have_text(before)


def test_a_phone_sees_pair_z_position_and_result_first(trading: Stack, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(trading.owner_url)
    heads = page.locator("#overview-pairs .ag-header-cell")
    expect(page.locator("#overview-pairs .ag-center-cols-container .ag-row").first).to_be_visible()
    for name in ("Pair", "z", "Position", "Open"):
        head = heads.filter(has=page.get_by_text(name, exact=True))
        expect(head).to_be_in_viewport(ratio=0.95)
    expect(page.get_by_text("More columns: swipe sideways").first).to_be_visible()
    is_fixed = "() => dash_ag_grid.getApi('overview-pairs').getGridOption('suppressMovableColumns')"
    assert page.evaluate(is_fixed) is True
    page.set_viewport_size({"width": 1440, "height": 900})
    order = "() => dash_ag_grid.getApi('overview-pairs').getColumnState().map((each) => each.colId)"
    until(lambda: page.evaluate(order)[:4] == ["pair", "width", "z", "trail"], 10, "the usual order")
    page.close()
    assert faults == []


def test_the_glossary_is_filtered_from_the_keyboard(trading: Stack, browser: Browser) -> None:
    page, faults = watched_page(browser)
    page.goto(trading.owner_url)
    expect(page.locator("#overview-symbols")).to_be_visible()
    page.goto(trading.dashboard_url + "glossary")
    page.get_by_label("Filter the terms").focus()
    page.keyboard.type("cooldown")
    expect(page.locator(".glossary .term:visible")).to_have_count(1)
    expect(page.locator("#COOLDOWN")).to_contain_text("too soon after an exit")
    page.keyboard.type(" zebra")
    expect(page.locator("#glossary-filter-none")).to_be_visible()
    page.close()
    assert faults == []


def test_its_tables_filter_by_words(overview: Page) -> None:
    overview.get_by_placeholder("Filter").nth(1).fill("sol")
    until(lambda: [row["symbol"] for row in rows(overview, "overview-symbols")] == ["SOLUSDT"], 20, "one row")
    overview.get_by_placeholder("Filter").nth(1).fill("")
    until(lambda: len(rows(overview, "overview-symbols")) == 4, 20, "all rows")


def test_a_row_opens_its_pair_and_back_forward_and_reload_keep_their_place(trading: Stack, overview: Page) -> None:
    overview.locator("#overview-pairs .ag-center-cols-container .ag-row").first.click()
    expect(overview).to_have_url(trading.dashboard_url + PAIR)
    seen(overview, MANY_BARS)
    expect(overview.locator("#live-title")).to_have_text("ETHUSDT ~ BTCUSDT")
    overview.reload()
    seen(overview, MANY_BARS)
    to_page(overview, "Scan")
    expect(overview.locator("#scan-start")).to_be_visible()
    expect(overview.locator("#chart-stack")).to_have_count(0)  # each page is mounted alone
    overview.go_back()
    seen(overview, MANY_BARS)
    expect(overview.locator("#live-z")).not_to_have_text("–")
    overview.go_back()
    expect(overview.locator("#overview-symbols tbody tr")).to_have_count(4)
    overview.go_forward()
    seen(overview, MANY_BARS)


def test_a_pasted_link_and_one_that_leads_nowhere(trading: Stack, browser: Browser) -> None:
    page, faults = watched_page(browser)
    page.goto(trading.owner_url)
    page.goto(trading.dashboard_url + PAIR)
    seen(page, MANY_BARS)
    page.goto(trading.dashboard_url + "pair/sim/FOOUSDT~BTCUSDT")
    expect(page.get_by_text("FOOUSDT ~ BTCUSDT is not watched")).to_be_visible()
    page.get_by_role("link", name="To the pairs").click()
    expect(page).to_have_url(trading.dashboard_url + PAIR)
    assert page.request.get(trading.dashboard_url + "nothing").status == 404
    page.close()
    assert faults == []


def test_by_keys_and_by_search(trading: Stack, overview: Page) -> None:
    overview.keyboard.press("g")
    overview.keyboard.press("s")
    expect(overview).to_have_url(trading.dashboard_url + "scan")
    overview.keyboard.press("/")
    expect(overview.locator("#search")).to_be_focused()
    until(lambda: overview.locator("#search-names option").count() == 1, 20, "the names of the pairs")
    overview.keyboard.type("eht")
    overview.keyboard.press("Enter")
    expect(overview.locator("#search-said")).to_have_text("No watched pair has EHT.")
    overview.locator("#search").fill("eth btc")
    overview.keyboard.press("Enter")
    expect(overview).to_have_url(trading.dashboard_url + PAIR)
    expect(overview.locator("#search-said")).to_have_text("")
    expect(overview.get_by_role("link", name="Pair", exact=True)).to_have_attribute("aria-current", "page")
    overview.keyboard.press("Escape")
    overview.keyboard.press("g")
    overview.keyboard.press("o")
    expect(overview).to_have_url(trading.dashboard_url)


def test_two_windows_show_two_pages(trading: Stack, browser: Browser, overview: Page) -> None:
    other, faults = watched_page(browser)
    other.goto(trading.owner_pair_url)
    seen(other, MANY_BARS)
    expect(overview.locator("#overview-symbols tbody tr")).to_have_count(4)
    other.close()
    assert faults == []
