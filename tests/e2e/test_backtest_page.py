"""The backtest's page in a real Chromium: every control, from the bars to the files of the result."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import to_page, watched_page
from tests.e2e.stack import Stack, until
from tests.services.backtest_worlds import write_files

pytestmark = pytest.mark.browser
DONE_MS = 120_000
HEAVY = {"axis-1": "calibration_bars", "axis-values-1": "30:1230:4"}  # 301 runs of the pipeline: long enough to cancel


@pytest.fixture
def page(trading: Stack, browser: Browser) -> Iterator[Page]:
    opened, faults = watched_page(browser)
    opened.goto(trading.owner_url.replace("/#", "/backtest#"))
    expect(opened.locator("#backtest-market")).to_have_value("sim")
    yield opened
    opened.close()
    assert faults == []


def fold(page: Page, name: str) -> None:
    page.locator(f"#backtest-group-{name} > summary").click()


def fill(page: Page, control: str, value: str) -> None:
    page.locator(f"#backtest-{control}").fill(value)
    page.locator(f"#backtest-{control}").press("Tab")


def choose(page: Page, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"#backtest-{name.replace('_', '-')}").select_option(value)


def stored(stack: Stack) -> list[int]:
    rows = stack.query("SELECT backtest_id FROM backtests ORDER BY 1", file="analysis.db")
    return [number for (number,) in rows]


def easy(page: Page) -> None:
    """A rule that trades on two hours of bars of 5 s."""
    choose(page, market="sim", y="ETHUSDT", x="BTCUSDT", span="0", interval="5s")
    expect(page.locator("#backtest-stored-said")).to_contain_text("from trades")
    fold(page, "signal")
    choose(page, gate="off")
    fill(page, "entry-z", "1.5")
    fold(page, "signal")
    fold(page, "costs")
    page.locator("#backtest-cost-filter").set_checked(False)
    fold(page, "costs")


def run(stack: Stack, page: Page) -> int:
    before = len(stored(stack))
    page.locator("#backtest-start").click()
    until(lambda: len(stored(stack)) > before, DONE_MS / 1_000, "the result")
    number = stored(stack)[-1]
    expect(page).to_have_url(re.compile(rf"/backtest\?result={number}$"))
    expect(page.locator("#backtest-chosen")).to_have_value(str(number))
    return number


def test_a_backtest_from_the_first_click_to_its_files(trading: Stack, page: Page) -> None:
    expect(page.locator("#backtest-result")).to_contain_text("Choose two stored symbols")
    expect(page.locator("#backtest-use")).to_be_disabled()
    easy(page)
    number = run(trading, page)
    shown = page.locator("#backtest-result")
    expect(shown.locator(".verdict strong")).to_have_text(re.compile("It (earns|loses|never)"))
    tried = re.compile(r"This is trial 1 on these data; \d+ different settings and pairs were looked at")
    expect(shown).to_contain_text(tried)  # pairs that were on a screen, by tests before, count too
    expect(shown.locator("#backtest-equity .js-plotly-plot")).to_be_visible()
    net = shown.locator(".backtest-facts .card-value").first.inner_text().replace(",", "")
    with page.expect_download() as download:
        shown.get_by_text("Trades CSV").click()
    table = pd.read_csv(io.StringIO(Path(download.value.path()).read_text()))
    assert len(table) > 5 and table["net"].sum() == pytest.approx(float(net), abs=0.011)
    rows = page.evaluate(
        "() => { const rows = []; dash_ag_grid.getApi('backtest-trades').forEachNode(n => rows.push(n.data.net));"
        " return rows; }"
    )
    assert rows == pytest.approx(table["net"].tolist(), rel=1e-12)
    with page.expect_download() as download:
        shown.get_by_text("Equity Parquet").click()
    assert len(pd.DataFrame(_parquet(Path(download.value.path())))) > 1_000
    with page.expect_download() as download:
        shown.get_by_text("Tear sheet").click()
    assert "<!doctype html>" in Path(download.value.path()).read_text()
    page.locator("#backtest-audit").click()
    expect(page.locator("#backtest-audit-said")).to_have_text(
        re.compile(r"No look-ahead: [\d,]+ numbers are the same without what comes after 5 moments\."), timeout=DONE_MS
    )
    page.reload()
    expect(page.locator("#backtest-chosen")).to_have_value(str(number))
    expect(page.locator("#backtest-entry-z")).to_have_value("1.5"), "the form outlives a reload"
    shown.get_by_text("Open the pair's page").click()
    expect(page).to_have_url(re.compile("/pair/sim/ETHUSDT~BTCUSDT$"))
    page.go_back()
    expect(page.locator("#backtest-chosen")).to_have_value(str(number))


def _parquet(path: Path) -> dict[str, list[object]]:
    import polars

    return polars.read_parquet(path).to_dict(as_series=False)


def test_a_search_shows_its_map_its_folds_and_its_cells_and_fills_the_form_again(trading: Stack, page: Page) -> None:
    easy(page)
    fold(page, "search")
    choose(page, kind="grid", axis_1="entry_z", axis_2="exit_z", twins="50")
    fill(page, "axis-values-1", "1:2.5:0.5")
    fill(page, "axis-values-2", "0, 0.5, 3")
    expect(page.locator("#backtest-cells")).to_have_text("8 cells; each counts as a trial on these data.")
    fill(page, "train", "1")
    fill(page, "test", "")
    expect(page.locator("#backtest-test-error")).to_contain_text("Test is empty")
    fill(page, "train", "")
    number = run(trading, page)
    shown = page.locator("#backtest-result")
    texts = (
        "Map of the search",
        "Not asked for: set training and test periods",
        "8 cells",
        "of 50",
        "surrogate pairs",
        "Whether either is more than luck is not known:",
        "Where other orders of the same returns went is not known:",
    )
    for text in texts:
        expect(shown).to_contain_text(text)
    assert page.evaluate("document.querySelector('#backtest-heat .js-plotly-plot').data[0].z.length") == 4
    fill(page, "axis-values-1", "7")
    page.locator("#backtest-use").click()
    expect(page.locator("#backtest-axis-values-1")).to_have_value("1, 1.5, 2, 2.5")
    expect(page.locator("#backtest-span")).to_have_value("own")
    expect(page.locator("#backtest-from")).to_have_value(re.compile(r"^2\d{3}-.*Z$"))
    first = str(stored(trading)[0])
    choose(page, chosen=first)
    expect(page).to_have_url(re.compile(rf"result={first}$"))
    page.go_back()
    expect(page.locator("#backtest-chosen")).to_have_value(str(number))


def test_every_error_stands_at_its_field_at_once_and_opens_its_question(page: Page) -> None:
    easy(page)
    for control, value in (("entry-z", "0.1"), ("z-window", "2")):
        page.locator("#backtest-group-signal").evaluate("fold => { fold.open = true; }")
        fill(page, control, value)
    fold(page, "money")
    fill(page, "capital", "much")
    fold(page, "signal")
    fold(page, "money")
    page.locator("#backtest-start").click()
    expect(page.locator("#backtest-said")).to_have_text(
        "Not started. 3 fields to change: z window, Exit |z|, Capital.", use_inner_text=True
    )
    expect(page.locator("#backtest-capital-error")).to_have_text("Capital is 'much'; expected a number.")
    expect(page.locator("#backtest-capital-error")).to_be_visible()
    expect(page.locator("#backtest-z-window-error")).to_have_text("z window is 2; expected 5 to 5000, or none.")
    choose(page, preset="defended")
    expect(page.locator("#backtest-z-window")).to_have_value("")
    expect(page.locator("#backtest-gate")).to_have_value("robust")
    expect(page.locator("#backtest-said")).to_contain_text("Not started")
    fill(page, "capital", "10000")
    expect(page.locator("#backtest-said")).to_have_text("")
    choose(page, watched="1")
    expect(page.locator("#backtest-interval")).to_have_value("5s")
    choose(page, interval="1h")
    expect(page.locator("#backtest-stale-after-ms")).to_have_value("7200000")


def test_a_search_is_cancelled_and_continued(trading: Stack, page: Page) -> None:
    easy(page)
    fold(page, "search")
    choose(page, kind="grid", axis_1=HEAVY["axis-1"], axis_2="none")
    fill(page, "axis-values-1", HEAVY["axis-values-1"])
    expect(page.locator("#backtest-cells")).to_contain_text("301 cells")
    before = len(stored(trading))
    page.locator("#backtest-start").click()
    expect(page.locator("#backtest-stage")).to_contain_text("testing cells")
    page.locator("#backtest-cancel").click()
    expect(page.locator("#backtest-stage")).to_have_text("Cancelled.")
    expect(page.locator("#backtest-interrupted-said")).to_contain_text(
        "The backtest of Calibration on ETHUSDT ~ BTCUSDT"
    )
    assert len(stored(trading)) == before
    page.reload()
    page.locator("#backtest-continue").click()
    until(lambda: len(stored(trading)) > before, DONE_MS / 1_000, "the continued search")
    expect(page.locator("#backtest-result")).to_contain_text("301 cells")
    expect(page.locator("#backtest-interrupted")).to_be_hidden()


def test_files_are_shown_as_detected_and_backtested(trading: Stack, page: Page, tmp_path: Path) -> None:
    page.get_by_label("a file").check()
    page.locator("#backtest-start").click()
    expect(page.locator("#backtest-file-y-error")).to_contain_text("No file was sent")
    with page.expect_file_chooser() as chooser:
        page.locator("#backtest-choose").click()
    chooser.value.set_files(write_files(tmp_path))
    expect(page.locator("#backtest-upload-stage")).to_contain_text("bars of BTCUSDT, ETHUSDT")
    expect(page.locator("#backtest-preview")).to_contain_text("ETHUSDT (2,400)")
    choose(page, file_y="ETHUSDT", file_x="BTCUSDT")
    fold(page, "signal")
    choose(page, gate="off")
    run(trading, page)
    expect(page.locator("#backtest-result")).to_contain_text("ETHUSDT ~ BTCUSDT · files · 2,400 bars of 1m")
    page.locator("#backtest-discard-files").click()
    expect(page.locator("#backtest-preview")).to_be_empty()
    page.get_by_role("radio", name="stored", exact=True).check()


def test_it_is_reached_by_keys_and_fits_a_phone(trading: Stack, page: Page, browser: Browser) -> None:
    to_page(page, "Overview")
    page.keyboard.press("g")
    page.keyboard.press("b")
    expect(page.locator("#backtest-start")).to_be_visible()
    phone, faults = watched_page(browser, 390, 844)
    phone.goto(f"{trading.dashboard_url}backtest")
    expect(phone.locator("#backtest-market")).to_have_value("sim")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.locator("#backtest-start").click()
    expect(phone.locator("#backtest-said")).to_contain_text("Not started")
    phone.close()
    assert faults == []


def test_backtests_are_put_on_one_capital(trading: Stack, page: Page) -> None:
    easy(page)
    one = run(trading, page)
    choose(page, y="BTCUSDT", x="ETHUSDT")
    swapped = run(trading, page)
    choose(page, y="SOLUSDT", x="BTCUSDT")
    other = run(trading, page)
    trials = trading.query("SELECT count(*) FROM trials", file="analysis.db")
    page.locator("#backtest-portfolio > summary").focus()
    page.keyboard.press("Enter")
    page.locator("#backtest-combine").click()
    expect(page.locator("#backtest-combine-said")).to_contain_text("backtests are 0; expected 2 to 10")
    page.get_by_label(re.compile(rf"^{one}: ")).press("Space")
    page.get_by_label(re.compile(rf"^{swapped}: ")).press("Space")
    page.locator("#backtest-combine").click()
    expect(page.locator("#backtest-combine-said")).to_contain_text("expected each pair once")
    page.get_by_label(re.compile(rf"^{swapped}: ")).press("Space")
    page.get_by_label(re.compile(rf"^{other}: ")).press("Space")
    page.locator("#backtest-combine").press("Enter")
    shown = page.locator("#backtest-combined")
    expect(shown).to_contain_text(f"Made of backtests {one} and {other}; no new trial is counted.")
    expect(shown).to_contain_text("Correlation of hourly profits")
    for name in ("equity", "shares"):
        expect(page.locator(f"#backtest-portfolio-{name} .js-plotly-plot")).to_be_visible()
    values = page.evaluate("document.querySelector('#backtest-portfolio-shares .js-plotly-plot').data[0].x")
    assert len(values) == 3 and sum(values[:2]) == pytest.approx(values[2], abs=1e-6)
    fill(page, "portfolio-pair", "0.000001")
    page.locator("#backtest-combine").click()
    refused = shown.locator(".metric", has_text="Refused: pair limit").locator(".card-value")
    expect(refused).not_to_have_text("0")
    assert trading.query("SELECT count(*) FROM trials", file="analysis.db") == trials
    page.set_viewport_size({"width": 390, "height": 844})
    until(lambda: page.evaluate("document.documentElement.scrollWidth") <= 390, 10, "the figures to fit a phone")
