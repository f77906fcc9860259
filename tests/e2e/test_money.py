"""The money of a pair is the same to the cent wherever it stands: on each screen, in the paper book, in a backtest of
the same bars. And the way from the start to it, by keys alone."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Browser, Download, Page, expect

from live.settled_rates import FUNDING_EVERY_S
from tests.e2e.conftest import watched_page
from tests.e2e.stack import Stack, decisions, standing, until

pytestmark = pytest.mark.browser
CENT = 0.0051
LOOKED_S = FUNDING_EVERY_S + 30
REALISED = re.compile(
    r"realised ([+−-][\d,]+\.\d\d) USDT, net of all costs, (\d+) trades.*fees ([\d,]+\.\d\d)", re.DOTALL
)


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


def booked(market: Stack) -> pd.DataFrame:
    """The closed trades of the paper book, as the API gives them."""
    key = {"x-pairbridge-key": (market.data / "dashboard-key").read_text().strip()}
    query = {"market": "sim", "y": "ETHUSDT", "x": "BTCUSDT"}
    answer = httpx.get(f"{market.dashboard_url}api/trades", params=query, headers=key, timeout=30.0)
    return pd.DataFrame(answer.raise_for_status().json()["items"])


def test_the_money_of_a_pair_is_the_same_to_the_cent_everywhere(market: Stack, page: Page) -> None:
    """A funding rate that was stored last is in the paper book with its next look, so each screen is waited for."""
    query = "SELECT min(t) FROM (SELECT max(trade_time_ms) AS t FROM v_ticks GROUP BY symbol)"
    last = market.query(query)[0][0]
    page.goto(market.owner_pair_url)
    newest = "() => (window.pairbridgeCharts?.values('z') ?? []).at(-1)?.[0] ?? 0"
    until(lambda: page.evaluate(newest) >= last // 5_000 * 5_000 - 5_000, 90, "the last whole bar")
    closed, book = backtested(market, page), booked(market)
    assert len(closed) == len(book) >= 5
    without_funding = (book["net"] - book["funding"]).sum()  # as the form of a backtest leaves it out
    assert closed["net"].sum() == pytest.approx(without_funding, abs=CENT)
    assert -closed["fees"].sum() == pytest.approx(book["fees"].sum(), abs=CENT)

    def shows(found: re.Match[str] | None, net: int, fees: int = 0, trades: int = 0) -> bool:
        """Whether the groups of these numbers are those of the paper book now; 0: not shown there."""
        now = booked(market)
        if found is None or money(found[net]) != pytest.approx(now["net"].sum(), abs=CENT):
            return False
        if fees and money(found[fees]) != pytest.approx(now["fees"].sum(), abs=CENT):
            return False
        return not trades or int(found[trades]) == len(now)

    page.goto(market.owner_pair_url)
    line = page.locator("#live-paper").locator("xpath=..")
    until(lambda: shows(REALISED.search(line.inner_text()), 1, 3, 2), LOOKED_S, "the paper book on the pair's page")
    page.goto(market.dashboard_url)
    cell = page.locator("#overview-pairs .ag-row [col-id=realised]")  # the only pair
    until(lambda: shows(re.fullmatch(r"([+−-]?[\d,.]+\d)", cell.inner_text()), 1), LOOKED_S, "it on the overview")
    page.goto(market.dashboard_url + "signals")
    page.locator("#signals-counted").select_option("book")
    total = page.locator("#signals-totals")
    expect(total).to_contain_text(f"{len(closed):,} trades")
    said = r"fees ([\d,.]+\d).* net ([+−-][\d,.]+\d)"
    until(lambda: shows(re.search(said, total.inner_text()), 2, 1), LOOKED_S, "it on the journal")


def backtested(market: Stack, page: Page) -> pd.DataFrame:
    """The closed trades of a backtest of everything that is stored of the watched pair, with its settings."""
    page.goto(market.dashboard_url + "backtest")
    watched = page.locator("#backtest-watched")
    expect(watched).to_contain_text("ETHUSDT ~ BTCUSDT")
    watched.select_option(index=1)
    expect(page.locator("#backtest-y")).to_have_value("ETHUSDT")
    expect(page.locator("#backtest-x")).to_have_value("BTCUSDT")
    page.locator("#backtest-span").select_option("0")
    page.locator("#backtest-start").click()
    shown = page.locator("#backtest-result")
    expect(shown.locator(".verdict strong")).to_be_visible(timeout=120_000)
    with page.expect_download() as download:
        shown.get_by_text("Trades CSV").click()
    table = read(download.value)
    return table[~table["is_open"]]


def read(download: Download) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(Path(download.path()).read_text()))


def test_from_the_start_to_a_pair_a_backtest_and_an_exported_log_by_keys_alone(market: Stack, page: Page) -> None:
    """Every element is reached with Tab, and no mouse event happens."""
    page.goto(market.owner_url)
    expect(page.locator("#overview-pairs .ag-row").first).to_be_visible()
    page.evaluate("() => { window.mouse = 0; addEventListener('pointerdown', () => (window.mouse += 1), true); }")
    keys = page.keyboard
    keys.press("g")
    keys.press("p")
    expect(page.locator("#live-title")).to_have_text("ETHUSDT ~ BTCUSDT")
    by_tab(page, "pick-y")
    keys.type("SOL")
    by_tab(page, "pick-x")
    keys.type("ETH")
    by_tab(page, "add-pair")
    keys.press("Enter")
    expect(page.locator("#live-title")).to_have_text("SOLUSDT ~ ETHUSDT")
    until(
        lambda: ("SOLUSDT", "ETHUSDT") in market.query("SELECT y, x FROM watch", file="analysis.db"),
        10,
        "the pair",
    )

    keys.press("g")
    keys.press("b")
    expect(page.locator("#backtest-market")).to_have_value("sim")
    by_tab(page, "backtest-y")
    keys.type("ETH")
    by_tab(page, "backtest-x")
    keys.type("BTC")
    by_tab(page, "backtest-start")
    keys.press("Enter")
    expect(page.locator("#backtest-result .verdict strong")).to_be_visible(timeout=120_000)

    keys.press("g")
    keys.press("j")
    expect(page.locator("#signals-rows tbody tr").first).to_be_visible()
    by_tab(page, "signals-csv")
    with page.expect_download() as download:
        keys.press("Enter")
    assert len(read(download.value)) == len(decisions(market))
    assert page.evaluate("() => window.mouse") == 0


def test_after_a_change_of_settings_all_runs_together_are_the_money_line(market: Stack, page: Page) -> None:
    """The new run decides the stored bars again: what the ended run earned there stays, and counts once."""
    before = booked(market)
    assert len(before) >= 5
    key = {"x-pairbridge-key": (market.data / "dashboard-key").read_text().strip()}
    wider = {"market": "sim", "y": "ETHUSDT", "x": "BTCUSDT", "settings": {"entry_z": 2.7, "exit_z": 0.3}}
    httpx.post(f"{market.dashboard_url}api/pairs", json=wider, headers=key, timeout=60.0).raise_for_status()
    page.goto(market.owner_pair_url)
    line = page.locator("#live-paper").locator("xpath=..")
    until(lambda: "over 2 runs" in line.inner_text(), 60, "the second run")
    shown = REALISED.search(line.inner_text())
    assert shown and "of this run over bars that an earlier run counted" in line.inner_text()
    page.goto(market.dashboard_url + "signals")
    page.locator("#signals-pair").select_option("sim/ETHUSDT~BTCUSDT")
    page.locator("#signals-counted").select_option("log")
    total = page.locator("#signals-totals")
    until(lambda: f"net {shown[1]}" in total.inner_text(), 30, "the same money on the journal")
    expect(total).to_contain_text("over bars that an earlier run of the pair counted: in no total")
    page.locator("#signals-shown").select_option("exit")
    with page.expect_download() as download:
        page.locator("#signals-csv").click()
    log = read(download.value)
    counted = log[log["counted"] == "book"]
    assert counted["net"].sum() == pytest.approx(money(shown[1]), abs=CENT)
    assert (counted["half_spread"] > 0.0).all() and (log["counted"] == "repeat").any()


def by_tab(page: Page, name: str) -> None:
    """Tab until an element has the focus, which has to be seen on it."""
    where: Any = "() => document.activeElement?.id"
    for _ in range(120):
        if page.evaluate(where) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached by Tab from here; the focus is on {page.evaluate(where)!r}")
