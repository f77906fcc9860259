"""The journal's page in a real Chromium: what is shown is what is stored, every filter, the exports, parity, links."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import watched_page
from tests.e2e.stack import Stack, decisions, until

pytestmark = pytest.mark.browser


@pytest.fixture
def page(trading: Stack, browser: Browser) -> Iterator[Page]:
    opened, faults = watched_page(browser)
    opened.goto(trading.owner_url.replace("/#", "/signals#"))
    expect(opened.locator("#signals-rows tbody tr").first).to_be_visible()
    yield opened
    opened.close()
    assert faults == []


def rows(page: Page, name: str = "signals-rows") -> list[list[str]]:
    found: list[list[str]] = page.locator(f"#{name} tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return found


def fill(page: Page, control: str, value: str) -> None:
    page.locator(f"#{control}").fill(value)
    page.locator(f"#{control}").press("Tab")


def test_what_is_shown_is_what_was_stored(trading: Stack, page: Page) -> None:
    query = "SELECT y || ' ~ ' || x, kind FROM v_signals ORDER BY bar_ms + interval_ms DESC, given DESC LIMIT 100"

    def is_same() -> bool:
        shown = [(row[1], row[3].replace(" ", "_")) for row in rows(page)]
        return shown == trading.query(query, file="analysis.db")

    until(is_same, 30, "the newest decisions")
    times = [row[0] for row in rows(page)]
    assert times == sorted(times, reverse=True)
    until(lambda: f"of {len(decisions(trading)):,}" in page.locator("#signals-range").inner_text(), 30, "the count")
    expect(page.locator("#signals-counts")).to_contain_text("bars without an entry")


def test_every_filter_narrows_the_table_and_the_export(trading: Stack, page: Page) -> None:
    page.locator("#signals-shown").select_option("why-not")
    until(lambda: {row[3] for row in rows(page)} == {"no entry"}, 20, "bars without an entry")
    reason = rows(page)[0][4]
    page.locator("#signals-reason").select_option(reason.replace(" ", "_").upper())
    until(lambda: {row[4] for row in rows(page)} == {reason}, 20, "one reason")
    page.locator("#signals-reason").select_option("any")
    page.locator("#signals-shown").select_option("exit")
    page.locator("#signals-pair").select_option("sim/ETHUSDT~BTCUSDT")
    until(lambda: {row[3] for row in rows(page)} == {"exit"}, 20, "exits")
    times = [row[0] for row in rows(page)]
    cut = times[len(times) // 2]
    fill(page, "signals-from", cut.replace(" ", "T"))
    until(lambda: len(rows(page)) == sum(time >= cut for time in times), 20, "the range")
    with page.expect_download() as download:
        page.locator("#signals-csv").click()
    frame = pd.read_csv(io.StringIO(Path(download.value.path()).read_text()))
    assert set(frame["kind"]) == {"exit"} and len(frame) == len(rows(page))
    page.locator("#signals-counted").select_option("log")  # the book has the current runs only, the journal all
    standing = [row for row in rows(page) if not row[6].endswith("superseded")]  # of Revision, after Proof
    assert len(standing) == frame["net"].notna().sum()
    until(lambda: len(rows(page, "signals-trades")) == len(standing), 20, "a closed trade for each exit")
    for form in ("parquet", "ndjson"):
        address = page.locator(f"#signals-{form}").get_attribute("href") or ""
        assert re.search(rf"symbols=ETHUSDT%2CBTCUSDT&from=\d+&kind=exit&format={form}$", address)
    fill(page, "signals-to", "2020-01-01")
    expect(page.locator("#signals-to-error")).to_contain_text("expected an end after its start")
    page.locator("#signals-reset").click()
    until(lambda: len({row[3] for row in rows(page)}) >= 3, 20, "everything again")
    expect(page.locator("#signals-to-error")).to_have_text("")


def test_the_closed_trades_add_up(page: Page) -> None:
    until(lambda: rows(page, "signals-trades"), 20, "closed trades")
    for counted in ("log", "book"):
        page.locator("#signals-counted").select_option(counted)
        expect(page.locator("#signals-totals")).to_contain_text("= net")
        trades = rows(page, "signals-trades")
        gross, fees, halves, slippage, funding, net = (
            sum(float(row[at].replace(",", "")) for row in trades) for at in range(8, 14)
        )
        assert gross - fees - halves - slippage + funding == pytest.approx(net, abs=0.03 * len(trades))
        assert float(trades[0][14].replace(",", "")) == pytest.approx(net, abs=0.01 * len(trades)), counted
        expect(page.locator("#signals-totals")).to_contain_text(f"net {trades[0][14]}")


def test_a_run_is_checked_and_a_row_leads_to_its_bar_on_the_chart(trading: Stack, page: Page) -> None:
    page.locator("#signals-parity button").first.click()
    expect(page.locator("#signals-parity")).to_contain_text("equal")
    expect(page.locator("#signals-parity")).to_contain_text("through")
    when = page.locator("#signals-rows tbody tr").first.locator("time").get_attribute("datetime") or ""
    close_ms = round(datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp() * 1_000)
    page.locator("#signals-rows a").first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/pair/sim/ETHUSDT~BTCUSDT\?close={close_ms}$"))
    middle = "() => { const [from, to] = window.pairbridgeCharts.visible(); return (from + to) / 2; }"
    until(lambda: abs(page.evaluate(middle) - (close_ms - 5_000)) < 10_000, 30, "the bar in the middle of the chart")
    shown = page.evaluate("ms => PairbridgeTimes.text(ms)", close_ms - 5_000)
    expect(page.locator("#chart-legends")).to_contain_text(shown.split(" ")[1])
    page.goto(trading.dashboard_url + "pair/sim/ETHUSDT~BTCUSDT?close=1600000000000")
    expect(page.locator("#seek-note")).to_contain_text("is not on this chart, which begins at")


def test_a_click_on_a_row_leads_where_its_link_leads(page: Page) -> None:
    until(lambda: rows(page, "signals-trades"), 20, "closed trades")
    line = page.locator("#signals-trades tbody tr").first
    target = line.locator("a").get_attribute("href") or ""
    line.locator("td").nth(5).click()
    expect(page).to_have_url(re.compile(re.escape(target) + "$"))


@pytest.mark.parametrize("width", [390, 1024, 2560])
def test_nothing_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_proof_of_a_decision_is_in_view_without_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    link = page.locator("#signals-rows a[download]").first
    expect(link).to_be_visible()
    box, table = link.bounding_box(), page.locator("#signals-rows").bounding_box()
    assert box and table and box["x"] + box["width"] <= table["x"] + table["width"]
