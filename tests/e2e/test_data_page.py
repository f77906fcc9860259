"""The data's page in a real Chromium: every control, what is stored, an import from the file to the row, a backup."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import SYMBOLS, seen, watched_page
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser

CASES = Path(__file__).parents[1] / "fixtures" / "cases"


@pytest.fixture
def page(trading: Stack, browser: Browser) -> Iterator[Page]:
    with page_of(trading, browser) as opened:
        expect(opened.locator("#data-stock tbody tr").first).to_be_visible()
        yield opened


@pytest.fixture(scope="module")
def importing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, without trades: what an import stores would stand in other tests' tables."""
    stack = Stack(tmp_path_factory.mktemp("importing"))
    try:
        stack.start_dashboard()
        stack.start_server()
        yield stack
    finally:
        stack.close()


@contextmanager
def page_of(stack: Stack, browser: Browser) -> Iterator[Page]:
    """The data page; at its end it had no script error."""
    opened, faults = watched_page(browser)
    opened.goto(stack.owner_url.replace("/#", "/data#"))
    yield opened
    opened.close()
    assert faults == []


def rows(page: Page, name: str) -> list[list[str]]:
    found: list[list[str]] = page.locator(f"#{name} tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return found


def fill(page: Page, control: str, value: str) -> None:
    page.locator(f"#{control}").fill(value)
    page.locator(f"#{control}").press("Tab")


def test_the_feed_and_what_it_stored_are_shown(trading: Stack, page: Page) -> None:
    expect(page.locator("#data-server")).to_contain_text("LIVE: Trades are coming in.")
    (feed,) = rows(page, "data-feeds")
    assert feed[0] == "sim" and feed[2] == "direct feed"
    # A minute of measurements: those of the hours that were caught up with go first.
    until(lambda: re.fullmatch(r"[\d,]+ / [\d,]+ ms", rows(page, "data-feeds")[0][5]), 90, "the latency")
    assert [row[0] for row in rows(page, "data-stock")] == [f"{name} · sim" for name in sorted(SYMBOLS.split(","))]
    page.locator("#data-count").click()
    expect(page.locator("#data-counted")).to_contain_text("rows as of")
    counted = {row[0].split(" ")[0]: int(row[3].replace(",", "")) for row in rows(page, "data-stock")}
    for symbol, count in trading.query("SELECT symbol, count(*) FROM v_ticks WHERE market='sim' GROUP BY 1"):
        assert 0 < counted[symbol] <= count
    expect(page.locator("#data-archive")).to_contain_text("Trades stay in ticks.db for 24 h")
    expect(page.locator("#data-sourced")).to_contain_text("funding, settled")
    settings = {row[0]: row for row in rows(page, "data-settings")}
    assert settings["PAIRBRIDGE_BRIDGE_PORT"][1:3] == [str(trading.bridge_port), "environment"]
    assert settings["PAIRBRIDGE_TOKEN"][1] in ("none", "(hidden)")


def test_the_gaps_are_filtered_by_symbol_and_state(page: Page) -> None:
    expect(page.locator("#data-gaps-older")).to_be_disabled()
    page.locator("#data-gap-symbol").select_option("sim/BTCUSDT")
    page.locator("#data-gap-status").select_option("absent")
    expect(page.locator("#data-gaps")).to_contain_text("No gap passes this filter.")
    page.locator("#data-gap-symbol").select_option("any")
    page.locator("#data-gap-status").select_option("any")
    expect(page.locator("#data-gaps-newest")).to_be_disabled()


def test_a_file_is_sent_shown_corrected_and_stored(importing: Stack, browser: Browser) -> None:
    with page_of(importing, browser) as page:
        for control in ("data-look", "data-store", "data-discard"):
            expect(page.locator(f"#{control}")).to_be_disabled()
        with page.expect_file_chooser() as chooser:
            page.locator("#data-choose").click()
        chooser.value.set_files(CASES / "twosizes.csv")
        preview = page.locator("#data-preview")
        expect(preview).to_contain_text("may both be the quantity")
        expect(preview).to_contain_text("TWSUSDT (5)")
        expect(preview.locator("tbody tr")).to_have_count(5)
        expect(page.locator("#data-store")).to_be_disabled()
        fill(page, "data-told-columns", "quantity")
        page.locator("#data-look").click()
        expect(page.locator("#data-import-said")).to_contain_text("expected meaning = name of the column")
        fill(page, "data-told-columns", "quantity = volume")
        fill(page, "data-import-market", "file-page")
        page.locator("#data-look").click()
        expect(preview).not_to_contain_text("may both be the quantity")
        page.locator("#data-store").click()
        expect(page.locator("#data-import-stage")).to_have_text("Stored in market file-page: 5 trades stored.")
        stored = importing.query("SELECT quantity FROM v_ticks WHERE market='file-page' ORDER BY agg_id")
        assert stored == [(10,), (11,), (12,), (13,), (14,)]


def test_what_was_sent_can_be_discarded(trading: Stack, page: Page) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#data-choose").click()
    chooser.value.set_files(CASES / "seconds.csv")
    expect(page.locator("#data-import-stage")).to_have_text("Looked through; nothing is stored yet.")
    page.locator("#data-discard").click()
    expect(page.locator("#data-preview")).to_have_text("")
    expect(page.locator("#data-discard")).to_be_disabled()
    until(lambda: not any((trading.data / "uploads").iterdir()), 10, "the files to be gone")


def test_how_late_trades_are_painted_is_told(trading: Stack, page: Page) -> None:
    painted = page.locator("#data-painted")
    expect(painted).to_have_text("not measured yet: open a pair's page, and come back")
    page.get_by_role("link", name="Pair", exact=True).click()
    seen(page, "window.pairbridgePainted?.frames > 20")
    page.get_by_role("link", name="Data", exact=True).click()
    expect(painted).to_have_text(re.compile(r"^\d+ / \d+ ms, of the newest \d+ pictures of a pair's chart$"))


def test_a_range_is_exported(page: Page) -> None:
    page.locator("#data-export-kind").select_option("ohlc")
    expect(page.locator("#data-export-market")).to_have_value(re.compile("."))
    page.locator("#data-export-market").select_option("sim")
    fill(page, "data-export-symbols", "BTCUSDT")
    fill(page, "data-export-from", "soon")
    expect(page.locator("#data-export-said")).to_contain_text("from is 'soon'")
    assert page.locator("#data-download").get_attribute("href") is None
    fill(page, "data-export-from", "")
    fill(page, "data-export-to", "2100-01-01")
    fill(page, "data-export-interval", "5m")
    page.locator("#data-export-format").select_option("ndjson")
    expect(page.locator("#data-download")).to_have_attribute(
        "href", re.compile("interval=5m&to=2100-01-01&format=ndjson")
    )
    page.locator("#data-export-format").select_option("csv")
    expect(page.locator("#data-download")).to_have_attribute("href", re.compile("format=csv"))
    with page.expect_download() as download:
        page.locator("#data-download").click()
    frame = pd.read_csv(io.StringIO(Path(download.value.path()).read_text()))
    assert set(frame["symbol"]) == {"BTCUSDT"} and len(frame) >= 20
    page.locator("#data-export-symbols").fill("ETHUSDT")  # left by pressing the link
    with page.expect_download() as download:
        page.locator("#data-download").click()
    assert set(pd.read_csv(download.value.path())["symbol"]) == {"ETHUSDT"}


def test_a_backup_is_made_and_listed_with_its_date(trading: Stack, page: Page) -> None:
    page.locator("#data-backup-archive").check()
    page.locator("#data-back-up").click()
    expect(page.locator("#data-backup-said")).to_contain_text("made and checked")
    (backup, *_) = rows(page, "data-backups")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z", backup[0]) and backup[1][:10] == backup[0][:10]
    copy = trading.data / "backups" / backup[0] / "ticks.db"
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as db:
        assert db.execute("SELECT count(*) FROM ticks").fetchone()[0] > 1_000
    expect(page.locator("#data-backup-cancel")).to_be_disabled()


@pytest.mark.parametrize("width", [390, 1024, 2560])
def test_nothing_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
