"""The money of a pair is the same to the cent wherever it stands: on each screen, in the paper book, in a backtest of
the same bars."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Download, Page, expect

from tests.e2e.conftest import watched_page
from tests.e2e.stack import Stack, standing, until

pytestmark = pytest.mark.browser
CENT = 0.0051
REALISED = re.compile(r"realised ([+−-][\d,]+\.\d\d), fees ([\d,]+\.\d\d) USDT, (\d+) trades")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two simulated hours, caught up, and nothing after them."""
    with standing(tmp_path_factory.mktemp("money"), "BTCUSDT,ETHUSDT,SOLUSDT") as stack:
        stack.stop("exchange")
        yield stack


@pytest.fixture
def page(market: Stack, browser: Browser) -> Iterator[Page]:
    opened, faults = watched_page(browser, 2560, 1440)  # a grid writes only the columns in view
    yield opened
    opened.close()
    assert faults == []


def money(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def test_the_money_of_a_pair_is_the_same_to_the_cent_everywhere(market: Stack, page: Page) -> None:
    query = "SELECT min(t) FROM (SELECT max(trade_time_ms) AS t FROM v_ticks GROUP BY symbol)"
    last = market.query(query)[0][0]
    page.goto(market.owner_pair_url)
    newest = "() => (window.pairbridgeCharts?.values('z') ?? []).at(-1)?.[0] ?? 0"
    until(lambda: page.evaluate(newest) >= last // 5_000 * 5_000 - 5_000, 90, "the last whole bar")
    found = REALISED.search(page.locator("#live-paper").inner_text())
    assert found is not None
    realised, fees, trades = money(found[1]), money(found[2]), int(found[3])
    assert trades >= 5

    page.goto(market.dashboard_url)
    cell = page.locator("#overview-pairs .ag-row [col-id=realised]")  # the only pair
    expect(cell).to_have_text(re.compile(r"\d"))
    assert money(cell.inner_text()) == pytest.approx(realised, abs=CENT)

    page.goto(market.dashboard_url + "signals")
    page.locator("#signals-counted").select_option("book")
    total = page.locator("#signals-totals")
    expect(total).to_contain_text(f"{trades:,} trades")
    said = re.search(r"fees ([\d,.]+), net ([+−-][\d,.]+)", total.inner_text())
    assert said is not None
    assert (money(said[1]), money(said[2])) == (pytest.approx(fees, abs=CENT), pytest.approx(realised, abs=CENT))

    page.goto(market.dashboard_url + "backtest")
    watched = page.locator("#backtest-watched")
    expect(watched).to_contain_text("ETHUSDT ~ BTCUSDT")
    watched.select_option(index=1)
    expect(page.locator("#backtest-y")).to_have_value("ETHUSDT")
    page.locator("#backtest-span").select_option("0")
    page.locator("#backtest-start").click()
    shown = page.locator("#backtest-result")
    expect(shown.locator(".verdict strong")).to_be_visible(timeout=120_000)
    with page.expect_download() as download:
        shown.get_by_text("Trades CSV").click()
    table = read(download.value)
    closed = table[~table["is_open"]]
    assert len(closed) == trades
    assert closed["net"].sum() == pytest.approx(realised, abs=CENT)
    assert -closed["fees"].sum() == pytest.approx(fees, abs=CENT)


def read(download: Download) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(Path(download.path()).read_text()))
