"""The pair's chart in a real Chromium: moved, zoomed, loaded further back, with series hidden."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect

from bench import chart
from tests.e2e.conftest import MANY_BARS, seen
from tests.e2e.stack import until

pytestmark = pytest.mark.browser
SERIES = ("candles", "volume", "spread", "band", "wall", "z", "pays", "beta_ols", "beta_kalman", "pvalue", "gate")
NEWEST = "window.pairbridgeCharts.values('z').at(-1)[0]"


def points(page: Page, series: str) -> list[Any]:
    """The values that the chart has of a series, [time in ms, value]; of candles the closes."""
    values: list[Any] = page.evaluate("key => window.pairbridgeCharts.values(key)", series)
    return values


def in_view(page: Page) -> list[float]:
    """The times at the edges of the chart, ms."""
    edges: list[float] = page.evaluate("window.pairbridgeCharts.visible()")
    return edges


def test_zoom_survives_new_bars_and_a_double_click_follows_again(page: Page) -> None:
    box = drag(page)
    page.mouse.wheel(0, -300)
    zoomed = until(lambda: still(page), 5, "the zoom")
    before = page.evaluate(NEWEST)
    seen(page, f"before => {NEWEST} > before", arg=before)
    assert in_view(page) == pytest.approx(zoomed, abs=50)
    page.mouse.dblclick(box["x"] + box["width"] * 0.5, box["y"] + 100)
    until(lambda: in_view(page)[1] >= before, 5, "following now again")
    assert in_view(page)[0] != pytest.approx(zoomed[0], abs=50)


def drag(page: Page) -> FloatRect:
    """With the mouse, a part of the chart to the right, towards older bars; where the chart is."""
    area = page.locator("#chart-canvas")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    y = box["y"] + 100
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y + 2, steps=5)
    page.mouse.up()
    return box


def still(page: Page) -> list[float]:
    """The edges, once a gesture has had its effect; empty before."""
    before = in_view(page)
    page.wait_for_timeout(300)
    return before if in_view(page) == before else []


def test_candles_beside_those_that_can_be_seen_are_drawn_once_the_chart_is_moved(page: Page) -> None:
    candle = "ms => { const x = window.pairbridgeCharts.x(ms); return x !== null && x > 0 && x < innerWidth }"
    first, last = in_view(page)
    outside = max(at for at, _ in points(page, "candles") if at < first - 20_000)
    assert last >= page.evaluate(NEWEST)
    drag(page)
    until(lambda: in_view(page)[0] < outside < in_view(page)[1], 5, "the older candle in view")
    assert page.evaluate(candle, outside)
    page.keyboard.press("f")
    until(lambda: in_view(page)[0] > outside and in_view(page)[1] >= page.evaluate(NEWEST), 5, "following now again")


def test_the_left_edge_loads_older_bars_up_to_the_first_of_the_run(page: Page) -> None:
    """1,000 bars come with a screen; the run has two hours of five seconds."""
    loaded = len(points(page, "candles"))
    begin = points(page, "candles")[0][0]
    page.locator("[data-range=all]").click()
    until(lambda: len(points(page, "candles")) > loaded + 300, 10, "older bars")
    candles = points(page, "candles")
    assert [at for at, _ in candles] == sorted({at for at, _ in candles}) and candles[0][0] < begin
    until(lambda: in_view(page)[0] <= candles[0][0], 5, "everything in view")
    expect(page.locator("[data-range=all]")).to_have_attribute("aria-pressed", "true")
    assert [at for at, _ in points(page, "volume")] == [at for at, _ in candles][: len(points(page, "volume"))]
    page.keyboard.press("f")
    expect(page.locator("[data-range=all]")).to_have_attribute("aria-pressed", "true")
    page.locator("[data-range='900000']").click()
    until(lambda: 850_000 < in_view(page)[1] - in_view(page)[0] < 1_000_000, 5, "fifteen minutes")


def test_moving_to_the_left_edge_loads_older_bars(page: Page) -> None:
    loaded = len(points(page, "candles"))
    for _ in range(12):
        drag(page)
        page.wait_for_timeout(100)
    until(lambda: len(points(page, "candles")) > loaded + 300, 10, "older bars")
    first, last = in_view(page)
    inside = [at for at, _ in points(page, "candles") if first <= at <= last]
    assert len(inside) > 50 and last < points(page, "candles")[-1][0]
    page.keyboard.press("f")


def test_a_hidden_series_stays_hidden_over_new_bars(page: Page) -> None:
    spread = page.locator(".legend [data-series=spread]")
    expect(spread).to_have_attribute("aria-pressed", "true")
    spread.focus()
    page.keyboard.press("Enter")
    expect(spread).to_have_attribute("aria-pressed", "false")
    assert points(page, "spread") == [] and len(points(page, "z")) > 300
    before = page.evaluate(NEWEST)
    seen(page, f"before => {NEWEST} > before", arg=before)
    expect(spread).to_have_attribute("aria-pressed", "false")
    assert points(page, "spread") == []
    spread.click()
    expect(spread).to_have_attribute("aria-pressed", "true")
    assert len(points(page, "spread")) > 300


def test_the_candle_that_forms_and_its_price_are_drawn_beside_the_library_and_hidden_with_the_candles(
    page: Page,
) -> None:
    painted = """() => {
      const canvas = document.querySelector(".stack-forming");
      const copy = document.createElement("canvas"); // a worker draws the canvas itself
      [copy.width, copy.height] = [canvas.clientWidth, canvas.clientHeight];
      const context = copy.getContext("2d");
      context.drawImage(canvas, 0, 0, copy.width, copy.height);
      const { data } = context.getImageData(0, 0, copy.width, copy.height);
      return data.some((value) => value > 0);
    }"""
    assert page.locator(".stack-forming").count() == 1
    until(lambda: page.evaluate(painted), 20, "the candle or its price")
    frames = page.evaluate("window.pairbridgePainted.frames")
    seen(page, "before => window.pairbridgePainted.frames > before + 5", frames)
    candles = page.locator(".legend [data-series=candles]")
    candles.click()
    until(lambda: not page.evaluate(painted), 20, "an empty canvas")
    candles.click()
    until(lambda: page.evaluate(painted), 20, "the candle or its price again")


def test_the_library_is_named_and_linked_as_its_licence_asks(page: Page) -> None:
    expect(page.get_by_text("TradingView Lightweight Charts™ © TradingView, Inc.")).to_have_attribute(
        "href", "https://www.tradingview.com/"
    )
    expect(page.locator("#tv-attr-logo")).to_have_count(1)


def test_the_other_leg_can_be_shown_as_candles_and_both_as_lines(page: Page) -> None:
    before = points(page, "candles")[-1][1]
    page.locator("#price-leg").get_by_label("X").check()
    seen(page, "window.pairbridgeCharts.values('candles').at(-1)[1] > 20000")
    assert before < 20_000
    page.locator("#price-leg").get_by_label("Both").check()
    seen(page, "window.pairbridgeCharts.values('y').length > 300 && window.pairbridgeCharts.values('x').length > 300")
    expect(page.locator(".legend [data-series=y]")).to_contain_text(re.compile(r"ETHUSDT -?[0-9]+\.[0-9]{3} %"))
    assert points(page, "candles") == []


AT = "window.pairbridgeCharts.at()"
X = "ms => window.pairbridgeCharts.x(ms)"


def jump(page: Page, open_ms: float) -> None:
    """By the address that a row of the journal has."""
    address = page.url.partition("#")[0].partition("?")[0]
    page.goto(f"{address}?close={int(open_ms) + 5_000}")
    until(lambda: page.evaluate(AT) == open_ms, 30, "the marked bar")


def legend_time(page: Page) -> str:
    return str(page.locator(".legend [data-value=time]").text_content())


@pytest.mark.parametrize("bars_ago", [3, 400, 1_300])
def test_a_bar_of_an_address_is_marked_and_stays_the_marked_one_while_bars_come(page: Page, bars_ago: int) -> None:
    """The newest ones, one that is loaded, and one of before."""
    open_ms = page.evaluate(NEWEST) - bars_ago * 5_000
    jump(page, open_ms)
    closed = page.evaluate("ms => PairbridgeTimes.text(ms)", open_ms + 5_000)
    expect(page.locator("#seek-note")).to_contain_text(f"Marked: the bar that closed at {closed}; Escape or a click")
    said = page.evaluate("ms => PairbridgeTimes.text(ms)", open_ms)
    place = until(lambda: _at_rest(page, open_ms), 10, "the chart at rest")
    first, last = in_view(page)
    assert (first + last) / 2 == pytest.approx(open_ms, abs=10_000)
    before = page.evaluate(NEWEST)
    seen(page, f"before => {NEWEST} >= before + 15_000", arg=before)
    assert page.evaluate(AT) == open_ms and legend_time(page) == said
    assert page.evaluate(X, open_ms) == pytest.approx(place, abs=1.5)
    page.keyboard.press("Escape")
    expect(page.locator("#seek-note")).to_have_text("")
    assert page.evaluate(AT) is None


def test_the_address_has_what_is_looked_at(page: Page, browser: Browser) -> None:
    page.locator("[data-range='900000']").click()
    page.wait_for_url(re.compile(r"BTCUSDT\?range=15m$"))
    drag(page)
    moved = until(lambda: still(page), 5, "the drag")
    page.wait_for_url(re.compile(r"BTCUSDT\?from=.*Z&to=.*Z$"))
    other = browser.new_page()
    other.goto(page.url)
    seen(other, MANY_BARS)
    until(lambda: in_view(other) == pytest.approx(moved, abs=1_500), 10, "the same stretch in another browser")
    expect(other.locator("[data-range=now]")).to_have_attribute("aria-pressed", "false")
    other.goto(re.sub(r"\?.*", "?range=1h", page.url))
    seen(other, MANY_BARS)
    expect(other.locator("[data-range='3600000']")).to_have_attribute("aria-pressed", "true")
    until(lambda: 3_590_000 < in_view(other)[1] - in_view(other)[0] < 3_900_000, 10, "an hour")
    other.close()
    page.get_by_role("link", name="Scan", exact=True).click()
    expect(page.locator("#scan-map-note")).to_be_visible()
    assert page.url.endswith("/scan")
    page.go_back()
    page.wait_for_url(re.compile(r"BTCUSDT\?from="))
    until(lambda: in_view(page) == pytest.approx(moved, abs=1_500), 10, "the stretch again")
    page.keyboard.press("f")
    page.wait_for_url(re.compile(r"BTCUSDT\?range=15m$"))


def test_an_address_of_a_stretch_without_bars_says_so_and_shows_the_newest(page: Page) -> None:
    address = re.sub(r"\?.*", "", page.url)
    page.goto(f"{address}?from=2020-01-01T00:00:00Z&to=2020-01-01T01:00:00Z")
    expect(page.locator("#seek-note")).to_contain_text(
        "No bar from 2020-01-01 00:00:00 UTC to 2020-01-01 01:00:00 UTC is on this chart, which begins at 20"
    )
    until(lambda: in_view(page)[1] >= page.evaluate(NEWEST), 10, "the newest bars")


def test_a_bar_of_an_address_is_in_view_where_its_pair_was_shown_before(page: Page) -> None:
    """The data are there when the page is mounted."""
    open_ms = page.evaluate(NEWEST) - 400 * 5_000
    page.get_by_role("link", name="Scan", exact=True).click()
    expect(page.locator("#scan-map-note")).to_be_visible()
    page.evaluate(f"PairbridgeDom.go('/pair/sim/ETHUSDT~BTCUSDT?close={open_ms + 5_000}')")
    until(lambda: page.evaluate(AT) == open_ms, 30, "the marked bar")
    until(lambda: sum(in_view(page)) / 2 == pytest.approx(open_ms, abs=10_000), 10, "the bar in the middle")


def test_what_is_loaded_for_a_bar_is_kept_until_it_is_marked(page: Page) -> None:
    """Else a chart that keeps fewer bars than there are since then would load them again and again."""
    open_ms = page.evaluate(NEWEST) - 1_300 * 5_000
    page.add_init_script("addEventListener('load', () => { PairbridgeCore.KEEP = 500; })")
    jump(page, open_ms)
    assert page.evaluate("PairbridgeCore.KEEP") == 500


def _at_rest(page: Page, open_ms: float) -> float:
    before = page.evaluate(X, open_ms)
    page.wait_for_timeout(400)
    return float(before) if page.evaluate(X, open_ms) == before else 0.0


def test_a_click_a_range_button_and_another_page_take_the_mark_away(page: Page) -> None:
    open_ms = page.evaluate(NEWEST) - 200_000
    jump(page, open_ms)
    page.locator("#chart-canvas").scroll_into_view_if_needed()
    box = page.locator("#chart-canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 150)
    seen(page, f"open => {AT} !== null && {AT} < open - 60_000", open_ms)  # the pointer's bar comes first
    page.mouse.move(box["x"] + 100, box["y"] - 30)
    seen(page, f"open => {AT} === open", open_ms)
    page.mouse.click(box["x"] + 100, box["y"] + 150)
    expect(page.locator("#seek-note")).to_have_text("")
    jump(page, open_ms)
    page.locator("[data-range=now]").click()
    expect(page.locator("#seek-note")).to_have_text("")
    until(lambda: page.evaluate(AT) is None and in_view(page)[1] >= page.evaluate(NEWEST), 5, "following again")
    expect(page.locator("[data-range=now]")).to_have_attribute("aria-pressed", "true")
    jump(page, open_ms)
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(page.locator("#overview-symbols")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("p")
    seen(page, f"document.querySelector('#chart-canvas canvas') && {AT} === null")
    expect(page.locator("#seek-note")).to_have_text("")


def test_the_benchmark_of_the_chart_draws_and_drags_it(browser: Browser) -> None:
    drawn_ms, gaps_ms = chart.drawn_and_panned(browser, 3_000)
    assert drawn_ms > 0 and len(gaps_ms) > 10
