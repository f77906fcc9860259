"""The settings drawer in a real Chromium, over a market of its own: these tests change settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.e2e.conftest import MANY_BARS, WITHIN_S, seen, watched_page
from tests.e2e.stack import Stack, standing, until
from tests.e2e.test_evidence import FAULTS

pytestmark = pytest.mark.browser
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT"
FOCUS_INSIDE = "document.querySelector('#settings-drawer').contains(document.activeElement)"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two simulated hours, caught up, then live."""
    with standing(tmp_path_factory.mktemp("drawer"), SYMBOLS) as stack:
        yield stack


@pytest.fixture
def page(market: Stack, browser: Browser) -> Iterator[Page]:
    """The pair's page with the drawer open; afterwards the settings are those of the start again."""
    opened, faults = watched_page(browser)
    arrive(market, opened)
    yield opened
    undo = opened.locator("#undo-settings")
    if undo.is_visible():
        undo.click()
        expect(opened.locator("#settings-message")).to_contain_text("is as it was")
    opened.close()
    assert faults == []


def arrive(market: Stack, page: Page) -> None:
    page.goto(market.owner_pair_url, timeout=WITHIN_S * 1_000)
    seen(page, MANY_BARS)
    expect(page.locator("#export-log")).to_have_attribute("href", re.compile("watch="))
    page.keyboard.press("s")
    expect(page.locator("#settings-drawer")).to_be_visible()
    expect(page.locator("#settings-title")).to_have_text("Settings of ETHUSDT ~ BTCUSDT")


def type_in(page: Page, control: str, text: str) -> Locator:
    field = page.locator(f"#{control}")
    field.fill(text)
    field.press("Tab")
    return field


def was(page: Page, control: str) -> Locator:
    return page.locator(f"#{control}-was")


def settings_of(stack: Stack) -> str:
    ((text,),) = stack.query("SELECT settings FROM watch WHERE y='ETHUSDT'", file="analysis.db")
    return str(text)


def runs(stack: Stack) -> int:
    return int(stack.query("SELECT count(*) FROM runs WHERE y='ETHUSDT'", file="analysis.db")[0][0])


def test_it_opens_by_key_and_button_and_gives_the_focus_back(page: Page) -> None:
    drawer, button = page.locator("#settings-drawer"), page.locator("#settings-open")
    assert page.evaluate(FOCUS_INSIDE)
    chart = page.locator("#chart-stack").bounding_box()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()
    assert page.locator("#chart-stack").bounding_box() == chart, "it slides over the chart"
    page.locator("#parity-check").focus()
    page.keyboard.press("s")
    expect(button).to_have_attribute("aria-expanded", "true")
    page.locator("#settings-close").click()
    expect(page.locator("#parity-check")).to_be_focused()
    button.click()
    expect(drawer).to_be_visible()
    page.locator("#set-fee").focus()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()


def test_help_opens_by_keyboard_and_by_tap(page: Page) -> None:
    dot = page.locator("#set-entry-row .help-dot")
    expect(page.locator("#set-entry-help")).to_be_hidden()
    dot.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#set-entry-help")).to_have_text("Enter when |z| passes this, in deviations of the spread.")
    expect(dot).to_have_attribute("aria-expanded", "true")
    dot.click()
    expect(page.locator("#set-entry-help")).to_be_hidden()
    assert page.locator("#set-entry-row .unit").inner_text() == "σ"


def test_changes_are_marked_and_undone_and_all_errors_stand_at_once(market: Stack, page: Page) -> None:
    before = runs(market)
    type_in(page, "set-entry", "1.5")
    expect(was(page, "set-entry")).to_have_text("was 2")
    type_in(page, "set-entry", "2.0")
    expect(was(page, "set-entry")).to_have_text("")
    type_in(page, "set-exit", "3")
    type_in(page, "set-z-window", "9000")
    type_in(page, "set-fee", "-1")
    expect(page.locator("#settings-unsaved")).to_have_text("3 unsaved changes")
    expect(was(page, "set-z-window")).to_have_text("was auto")
    expect(page.locator("#set-exit-error")).to_have_text("Exit |z| is 3; expected from 0 to below Entry |z|.")
    jumps = page.locator("#settings-errors button")
    expect(jumps).to_have_text(
        [
            "z window is 9000; expected 5 to 5000, or none.",
            "Exit |z| is 3; expected from 0 to below Entry |z|.",
            "Fee is -1; expected 0 to 1,000.",
        ]
    )
    expect(page.locator("#set-exit")).to_have_attribute("aria-invalid", "true")
    page.locator("#apply").click()
    expect(page.locator("#settings-message")).to_have_text("Not applied: settings need a change.")
    jumps.nth(2).click()
    expect(page.locator("#set-fee")).to_be_focused()
    expect(page.locator("#set-z-window")).to_have_value("9000")
    page.locator("#undo-edits").click()
    expect(page.locator("#settings-unsaved")).to_have_text("")
    expect(page.locator("#set-exit")).to_have_value("0.5")
    expect(page.locator("#settings-errors")).to_have_text("")
    expect(page.locator("#undo-edits")).to_be_disabled()
    assert runs(market) == before


def test_a_hidden_field_at_fault_is_shown(page: Page) -> None:
    expect(page.locator("#set-max-z")).not_to_be_visible()
    type_in(page, "set-stop", "")
    type_in(page, "set-entry", "7")
    expect(page.locator("#set-max-z")).to_be_visible()
    expect(page.locator("#set-max-z-error")).to_have_text("Largest |z| is 6; expected above Entry |z|, or none.")
    expect(page.locator("#set-z-scale")).to_have_value("filter")
    page.locator("#set-estimator").select_option("huber")
    expect(page.locator("#set-z-scale")).to_have_value("rolling")
    expect(page.locator("#set-z-scale-error")).to_have_text("")
    page.locator("#undo-edits").click()
    expect(page.locator("#set-estimator")).to_have_value("kalman")


def test_enter_applies_and_undo_takes_it_back(market: Stack, page: Page) -> None:
    before, count = settings_of(market), runs(market)
    page.locator("#set-entry").fill("1.5")
    page.locator("#set-entry").press("Enter")
    expect(page.locator("#settings-message")).to_have_text("A new run has begun with these settings.")
    expect(page.locator("#live-z-note")).to_contain_text("entry ±1.5")
    expect(page.locator("#settings-unsaved")).to_have_text("")
    assert runs(market) == count + 1 and '"entry_z":1.5' in settings_of(market)
    page.reload()
    seen(page, MANY_BARS)
    page.keyboard.press("s")
    page.locator("#undo-settings").click()
    expect(page.locator("#settings-message")).to_have_text("ETHUSDT ~ BTCUSDT is as it was.")
    expect(page.locator("#set-entry")).to_have_value("2")
    expect(page.locator("#live-z-note")).to_contain_text("entry ±2")
    expect(page.locator("#undo-settings")).to_be_hidden()
    assert settings_of(market) == before


def test_apply_is_busy_until_it_is_answered(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.post_data_json["changedPropIds"] == ["apply.n_clicks"]:
            held.append(route)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", hold)
    apply = page.locator("#apply")
    apply.click()
    expect(apply).to_have_text("working …")
    expect(apply).to_be_disabled()
    until(lambda: held, 10, "the request")
    held[0].continue_()
    expect(page.locator("#settings-message")).to_have_text("These are its settings already.")
    expect(apply).to_have_text("Apply")
    expect(apply).to_be_enabled()


def test_a_preset_is_compared_and_taken(page: Page) -> None:
    page.get_by_text("Presets", exact=True).click()
    row = page.locator("#preset-table tr", has=page.get_by_role("rowheader", name="z window"))
    expect(row.locator("td")).to_have_text(["auto", "≠ 50 bars", "auto"])
    page.locator("#take-classic").click()
    expect(page.locator("#settings-message")).to_have_text("The classic preset is in the form.")
    expect(page.locator("#set-z-window")).to_be_visible()
    expect(page.locator("#set-z-window")).to_have_value("50")
    expect(was(page, "set-z-window")).to_have_text("was auto")
    expect(was(page, "set-gate")).to_have_text("was robust")
    page.locator("#undo-edits").click()
    expect(page.locator("#set-z-window")).to_have_value("")
    page.get_by_text("Presets", exact=True).click()
    page.locator("#take-classic").click()
    page.get_by_text("Presets", exact=True).click()
    page.locator("#take-defended").click()
    expect(page.locator("#settings-unsaved")).to_have_text("")


def test_unsaved_edits_stay_with_their_pair(page: Page) -> None:
    type_in(page, "set-entry", "1.7")
    expect(page.locator("#settings-unsaved")).to_have_text("1 unsaved change")
    page.locator("#pick-y").select_option("SOLUSDT")
    page.locator("#pick-x").select_option("BTCUSDT")
    page.locator("#add-pair").click()
    expect(page.locator("#settings-title")).to_have_text("Settings of SOLUSDT ~ BTCUSDT")
    expect(page.locator("#set-entry")).to_have_value("2")
    type_in(page, "set-fee", "1")
    expect(page.locator("#settings-unsaved")).to_have_text("1 unsaved change")
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    expect(page.locator("#settings-title")).to_have_text("Settings of ETHUSDT ~ BTCUSDT")
    page.keyboard.press("s")
    expect(page.locator("#set-entry")).to_have_value("1.7")
    expect(was(page, "set-entry")).to_have_text("was 2")
    expect(page.locator("#set-fee")).to_have_value("5")
    page.reload()
    page.locator("#settings-open").click()
    expect(page.locator("#set-entry")).to_have_value("1.7")
    page.keyboard.press("Escape")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Overview", exact=True).click()
    expect(page.locator("#settings-drawer")).to_have_count(0)
    page.go_back()
    page.locator("#settings-open").click()
    expect(page.locator("#set-entry")).to_have_value("1.7")
    page.locator("#undo-edits").click()
    expect(page.locator("#set-entry")).to_have_value("2")
    page.locator("#watch-list").get_by_text("SOL ~ BTC").click()
    expect(page.locator("#set-fee")).to_have_value("1")
    page.locator("#remove-pair").click()
    expect(page.locator("#message")).to_contain_text("removed")


def test_what_would_have_changed_is_a_backtest_of_both(market: Stack, page: Page) -> None:
    before = runs(market)
    trial, found = page.locator("#settings-trial"), page.locator("#settings-trial-result")
    trial.click()
    expect(found).to_contain_text("Nothing is changed")
    type_in(page, "set-entry", "1.5")
    expect(found).to_have_text("")
    trial.click()
    expect(found.locator("table")).to_be_visible()
    expect(found).to_contain_text(re.compile(r"Over the last .* [0-9,]+ bars of 5s"))
    rows = {row.split("\t")[0]: row.split("\t")[1:] for row in found.locator("table").inner_text().split("\n")}
    now, draft = (int(each.replace(",", "")) for each in rows["Entries"])
    assert draft > now >= 5
    assert found.locator(".earned").count() == 2 and runs(market) == before  # a trial begins no run
    type_in(page, "set-entry", "1.4")
    expect(found).to_have_text("")
    trial.click()
    expect(found.locator("table")).to_be_visible()
    page.locator("#apply").click()
    expect(page.locator("#settings-message")).to_contain_text("A new run has begun")
    expect(found).to_have_text("")  # what is applied is no draft to compare
    page.locator("#undo-settings").click()
    expect(page.locator("#set-entry")).to_have_value("2")


def test_earlier_runs_are_listed_and_returned_to(market: Stack, page: Page) -> None:
    before = settings_of(market)
    type_in(page, "set-entry", "1.6")
    page.locator("#apply").click()
    expect(page.locator("#settings-message")).to_contain_text("A new run has begun")
    page.get_by_text("Earlier runs", exact=True).click()
    newest, previous = page.locator("#settings-runs li").nth(0), page.locator("#settings-runs li").nth(1)
    expect(newest).to_contain_text("running now")
    expect(newest).to_contain_text("Entry |z| 2 → 1.6 σ")
    expect(previous).to_contain_text("ended by other settings")
    expect(previous).to_contain_text("after costs")
    previous.get_by_role("button", name="Return to these settings").click()
    expect(page.locator("#set-entry")).to_be_visible()
    expect(page.locator("#set-entry")).to_have_value("2")
    expect(was(page, "set-entry")).to_have_text("was 1.6")
    page.locator("#undo-edits").click()
    expect(page.locator("#set-entry")).to_have_value("1.6")
    page.locator("#undo-settings").click()
    expect(page.locator("#settings-message")).to_contain_text("is as it was")
    expect(page.locator("#undo-settings")).to_be_hidden()
    assert settings_of(market) == before


def test_another_estimator_is_drawn_and_the_filter_says_it_is_not_in_use(page: Page) -> None:
    page.locator("#set-estimator").select_option("huber")
    page.locator("#apply").click()
    expect(page.locator("#settings-message")).to_contain_text("A new run has begun")
    expect(page.locator("#live-beta-note")).to_contain_text("Huber")
    expect(page.locator("#live-ev-ratio")).to_have_text("–")
    expect(page.locator("#live-ev-ratio-note")).to_have_text("another estimator is in use")
    seen(page, "window.pairbridgeCharts.values('beta').length > 100")
    expect(page.locator(".legend [data-series=beta]")).to_contain_text("Huber, in use")
    page.locator("#undo-settings").click()
    expect(page.locator("#settings-message")).to_contain_text("is as it was")
    expect(page.locator("#undo-settings")).to_be_hidden()
    expect(page.locator("#live-ev-ratio")).not_to_have_text("–")
    expect(page.locator(".legend [data-series=beta]")).to_have_count(0)
    assert page.evaluate("window.pairbridgeCharts.values('beta')") == []


COVERED = """() => [...document.querySelectorAll(".drawer button")].filter((button) => {
  const { left, top, width, height } = button.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  const foot = document.querySelector(".drawer-foot").getBoundingClientRect();
  const isSeen = width && y > 0 && (button.closest(".drawer-foot, .drawer-head") ? y < innerHeight : y < foot.top);
  const target = button.disabled ? button.closest(".drawer") : button; // a disabled one takes no clicks
  return isSeen && button.checkVisibility() && !target.contains(document.elementFromPoint(x, y));
}).map((button) => button.id || button.textContent)"""


def test_nothing_of_the_chart_lies_over_the_drawer(page: Page) -> None:
    """Wherever the page is scrolled to, so also with a divider of panes at the height of a button."""
    page.mouse.move(10, 10)
    borders = page.evaluate("document.querySelectorAll('#chart-canvas td[colspan]').length")
    assert borders == 4, "the charting library's dividers"
    for scrolled in range(0, 640, 8):
        page.evaluate("top => scrollTo(0, top)", scrolled)
        assert page.evaluate(COVERED) == [], scrolled


def test_a_marked_bar_is_left_with_its_pair(market: Stack, page: Page) -> None:
    open_ms = page.evaluate("window.pairbridgeCharts.values('z').at(-1)[0]") - 300_000
    address = page.url.partition("#")[0].partition("?")[0]
    page.goto(f"{address}?close={int(open_ms) + 5_000}")
    until(lambda: page.evaluate("window.pairbridgeCharts.at()") == open_ms, 30, "the marked bar")
    page.locator("#pick-y").select_option("SOLUSDT")
    page.locator("#pick-x").select_option("BTCUSDT")
    page.locator("#add-pair").click()
    expect(page.locator("#live-title")).to_have_text("SOLUSDT ~ BTCUSDT")
    seen(page, "window.pairbridgeCharts.at() === null && window.pairbridgeCharts.values('candles').length > 100")
    until(lambda: "SOLUSDT" in page.url and "close=" not in page.url, 10, "the address of the other pair")
    expect(page.locator("#seek-note")).to_have_text("")
    time = page.locator(".legend [data-value=time]")
    before = time.text_content()
    expect(time).not_to_have_text(str(before))
    page.locator("#remove-pair").click()
    expect(page.locator("#message")).to_contain_text("removed")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_nothing_scrolls_sideways_overlaps_or_is_cut(
    market: Stack, browser: Browser, width: int, height: int
) -> None:  # fmt: skip
    page, faults = watched_page(browser, width, height)
    arrive(market, page)
    sideways = (
        "[...document.querySelectorAll('html, .drawer, .drawer *')].filter(e => e.scrollWidth > e.clientWidth + 1"
        " && e.clientWidth && getComputedStyle(e).display !== 'inline' && !e.matches('input, .visually-hidden'))"
        ".map(e => e.id || e.className || e.tagName)"
    )
    for fold in page.locator(".drawer .more summary").all():
        fold.click()
    type_in(page, "set-exit", "3")
    type_in(page, "set-z-window", "9000")
    expect(page.locator("#settings-errors button")).to_have_count(2)
    assert page.evaluate(sideways) == []
    assert page.evaluate(FAULTS.replace(".side select", ".drawer select").replace(".row-2", ".setting")) == []
    for name in ("#apply", "#undo-edits", "#settings-trial"):
        box = page.locator(name).bounding_box()
        assert box is not None and box["y"] + box["height"] <= height and box["x"] + box["width"] <= width, name
    for view in ("Presets", "Earlier runs"):
        page.get_by_text(view, exact=True).click()
        expect(page.locator("#settings-view-form")).to_be_hidden()
        assert page.evaluate(sideways) == [], view
    page.get_by_text("Settings", exact=True).last.click()
    page.locator("#undo-edits").click()
    page.close()
    assert faults == []


def test_figures_that_are_not_of_now_are_grey_and_say_of_when(market: Stack, browser: Browser) -> None:
    """The last test: its feed is stopped."""
    page, _ = watched_page(browser)
    arrive(market, page)
    page.keyboard.press("Escape")
    expect(page.locator("#live-gate-note")).to_have_text(
        re.compile(r"^since .*[0-9]{2}:[0-9]{2} UTC( at [0-9]+ %; closes at 20 %|; opens at [0-9]+ %), now .* %")
    )
    marks = page.locator(".as-of")
    expect(marks.first).to_have_text("")
    colour = "getComputedStyle(document.querySelector('#live-z')).color"
    fresh = page.evaluate(colour)
    market.stop("server")
    expect(page.locator("#bridge-banner")).to_have_class(re.compile("is-down|is-waiting"))
    said = re.compile(r"^as of [0-9]{2}:[0-9]{2}:[0-9]{2} UTC: [a-z ]+$")
    expect(marks).to_have_text([said] * marks.count())
    muted: Any = page.evaluate("getComputedStyle(document.querySelector('#live-gate-note')).color")
    assert page.evaluate(colour) == muted != fresh
    page.close()
