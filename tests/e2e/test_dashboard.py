"""The dashboard in a real Chromium, fed by the simulated exchange through the server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, FloatRect, Page, Route, WebSocketRoute, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from screen.components import ids
from screen.pages.pair.labels import no_pair_notes
from tests.e2e.conftest import MANY_BARS, seen, watched_page
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser
MONEY = re.compile(r"^paper: open [+-]?[0-9.,]+, realised [+-]?[0-9.,]+, fees [0-9.,]+ USDT, [0-9]+ trades?$")
PARITY = re.compile(r"^parity [0-9,]+/[0-9,]+ bars, [0-9,]+/[0-9,]+ decisions, [0-9,]+/[0-9,]+ fills$")
SERIES = ("candles", "volume", "spread", "band", "wall", "z", "pays", "beta_ols", "beta_kalman", "pvalue", "gate")
NEWEST = "window.pairbridgeCharts.values('z').at(-1)[0]"


@pytest.fixture
def harness(trading: Stack) -> Stack:
    return trading


def points(page: Page, series: str) -> list[Any]:
    """The values that the chart has of a series, [time in ms, value]; of candles the closes."""
    values: list[Any] = page.evaluate("key => window.pairbridgeCharts.values(key)", series)
    return values


def in_view(page: Page) -> list[float]:
    """The times at the edges of the chart, ms."""
    edges: list[float] = page.evaluate("window.pairbridgeCharts.visible()")
    return edges


def test_charts_texts_and_banner_are_live(page: Page) -> None:
    expect(page.locator("#bridge-banner")).to_contain_text("LIVE")
    for series in SERIES:
        assert len(points(page, series)) > 100, series
    for chart in ids.CHARTS:
        assert page.locator(f"#{chart}-note").inner_text() == ""
    for name in ("z", "beta", "half-life", "gate", "coverage", "cost", "prices"):
        expect(page.locator(f"#live-{name}")).not_to_have_text("–")
    clock = page.locator("#live-clock").inner_text()
    seen(page, "before => document.querySelector('#live-clock').textContent !== before", arg=clock)


def test_new_bars_arrive_by_themselves(page: Page) -> None:
    before = page.evaluate(NEWEST)
    seen(page, f"before => {NEWEST} > before", arg=before)


def test_zoom_survives_new_bars_and_a_double_click_follows_again(page: Page) -> None:
    box = drag(page)
    page.mouse.wheel(0, -300)
    zoomed = until(lambda: _still(page), 5, "the zoom")
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


def _still(page: Page) -> list[float]:
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


def test_the_library_is_named_and_linked_as_its_licence_asks(page: Page) -> None:
    expect(page.get_by_text("TradingView Lightweight Charts™ © TradingView, Inc.")).to_have_attribute(
        "href", "https://www.tradingview.com/"
    )
    expect(page.locator("#tv-attr-logo")).to_have_count(1)


def shown_log(page: Page) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = page.evaluate(
        "() => { const rows = []; dash_ag_grid.getApi('signal-log').forEachNode(n => rows.push(n.data)); return rows }"
    )
    return rows


def exported(page: Page, **options: Any) -> pd.DataFrame:
    with page.expect_download() as download:
        page.locator("#export-log").click()
    return pd.read_csv(Path(download.value.path()), **options)


def test_the_log_on_screen_is_the_export_is_the_store(harness: Stack, page: Page) -> None:
    page.locator("#log-filter input").uncheck()
    frame = exported(page, parse_dates=["bar_close", "given_at"])
    assert str(frame["bar_close"].dt.tz) == "UTC" and str(frame["given_at"].dt.tz) == "UTC"
    assert len(frame) >= 20 and {"enter_long", "enter_short", "exit", "no_entry"} <= set(frame["kind"])
    columns = (
        "bar_ms, interval_ms, kind, reason, z, spread, beta, quantity_y, quantity_x, position, revision, given_at_ms"
    )
    run = "SELECT run_id FROM runs WHERE ended_seq IS NULL AND y = 'ETHUSDT'"
    log = f"SELECT {columns} FROM v_signals WHERE run_id = ({run}) ORDER BY given"
    stored = harness.query(log, file="analysis.db")[: len(frame)]
    until(lambda: len(shown_log(page)) >= len(frame), 5, "the whole log on the screen")
    shown = {(row["bar_close"], row["revision"]): row for row in shown_log(page)}
    for line, row in zip(frame.to_dict("records"), stored, strict=True):
        bar_ms, width_ms, kind, reason, z, spread, beta, quantity_y, quantity_x, position, revision, given_ms = row
        assert line["bar_close"] == pd.Timestamp(bar_ms + width_ms, unit="ms", tz="UTC")
        assert line["given_at"] == pd.Timestamp(given_ms, unit="ms", tz="UTC")
        found = shown[line["bar_close"].isoformat(timespec="milliseconds").replace("+00:00", "Z"), revision]
        for name, value in {
            "kind": kind, "reason": reason, "z": z, "spread": spread, "beta": beta,
            "quantity_y": quantity_y, "quantity_x": quantity_x, "position": position,
        }.items():  # fmt: skip
            written = line[name]
            if written != written:  # an empty cell: no reason, or a number that was not known, as in a withdrawn row
                written = "" if name == "reason" else None
            assert written == value == found[name], (name, line, row)


def test_the_money_line_has_paper_parity_and_the_position_that_is_held(page: Page) -> None:
    expect(page.locator("#live-paper")).to_have_text(MONEY)
    page.locator("#parity-check").click()
    expect(page.locator("#live-parity")).to_have_text(PARITY)
    expect(page.locator("#live-parity")).to_have_attribute("data-tone", "good")
    same, bars = page.locator("#live-parity").inner_text().split()[1].split("/")
    assert same == bars and len(bars) >= len("1,000")
    page.locator("#lock-position").click()
    expect(page.locator("#live-locked")).to_have_text(
        re.compile(r"^in: z [+-][0-9.]+ \(model [+-][0-9.]+\), PnL .*USDT$")
    )
    expect(page.locator("#live-locked-note")).to_contain_text("hedge drift")
    page.locator("#money-undo").click()
    expect(page.locator("#live-locked")).to_have_text("not in")
    page.locator("#lock-position").click()
    page.locator("#unlock-position").click()
    expect(page.locator("#live-locked")).to_have_text("not in")
    page.locator("#money-undo").click()
    expect(page.locator("#live-locked")).to_contain_text("in: z")
    page.locator("#unlock-position").click()
    expect(page.locator("#live-locked")).to_have_text("not in")


def test_the_export_has_the_filters_of_the_log(page: Page) -> None:
    if not page.locator("#log-filter input").is_checked():
        page.locator("#log-filter input").check()
    trades = exported(page)
    assert {"enter_long", "exit"} <= set(trades["kind"]) and "no_entry" not in set(trades["kind"])
    closed = trades.dropna(subset=["net"])
    assert len(closed) > 0 and (closed["gross"] - closed["fee"] - closed["net"]).abs().max() < 1e-9
    set_filter = "model => dash_ag_grid.getApi('signal-log').setFilterModel(model)"
    page.evaluate(set_filter, {"kind": {"filterType": "text", "type": "equals", "filter": "exit"}})
    assert set(exported(page)["kind"]) == {"exit"}
    page.evaluate(set_filter, {"kind": {"filterType": "text", "type": "equals", "filter": "nothing"}})
    assert exported(page).empty
    page.evaluate(set_filter, None)
    assert len(exported(page)) >= len(trades)


def test_settings_begin_a_new_run_and_undo_takes_them_back(harness: Stack, page: Page) -> None:
    runs = len(harness.query("SELECT * FROM runs", file="analysis.db"))
    entry = page.locator("#set-entry")
    expect(entry).to_have_value("2")
    entry.fill("1.5")
    entry.press("Tab")
    page.locator("#apply").click()
    expect(page.locator("#message")).to_contain_text("A new run has begun")
    expect(page.locator("#live-z-note")).to_contain_text("entry ±1.5")
    assert len(harness.query("SELECT * FROM runs", file="analysis.db")) == runs + 1
    page.locator("#undo").click()
    expect(page.locator("#message")).to_contain_text("is as it was")
    expect(entry).to_have_value("2")
    expect(page.locator("#live-z-note")).to_contain_text("entry ±2")


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
    for button in ("#apply", "#add-pair", "#remove-pair"):
        expect(page.locator(button)).to_be_disabled()
    (asked,) = held
    asked.continue_()
    expect(page.locator("#message")).to_have_text("These are its settings already.")
    expect(apply).to_have_text("Apply")
    expect(apply).to_be_enabled()


def test_a_setting_that_cannot_be_is_told(page: Page) -> None:
    page.locator("#set-exit").fill("3")
    page.locator("#set-exit").press("Tab")
    page.locator("#apply").click()
    expect(page.locator("#message")).to_contain_text("Exit |z| is 3; expected from 0 to below Entry |z|.")


@pytest.mark.parametrize("window", ["1", "9000"])
def test_a_number_out_of_its_range_is_refused_and_not_replaced(harness: Stack, page: Page, window: str) -> None:
    runs = "SELECT count(*) FROM runs"
    before = harness.query(runs, file="analysis.db")
    says = f"z window is {window}; expected 5 to 5000, or none."
    page.locator("#set-z-window").fill(window)
    page.locator("#set-z-window").press("Tab")
    expect(page.locator("#set-z-window-error")).to_have_text(says)
    page.locator("#apply").click()
    expect(page.locator("#message")).to_contain_text(says)
    expect(page.locator("#set-z-window")).to_have_value(window)
    assert harness.query(runs, file="analysis.db") == before


def test_another_pair_can_be_watched_chosen_and_removed(page: Page) -> None:
    page.locator("#pick-y").select_option("SOLUSDT")
    page.locator("#pick-x").select_option("BTCUSDT")
    page.locator("#add-pair").click()
    expect(page.locator("#live-title")).to_have_text("SOLUSDT ~ BTCUSDT")
    expect(page.locator("#watch-list")).to_contain_text("SOL ~ BTC")
    page.keyboard.press("k")
    expect(page.locator("#live-title")).to_have_text("ETHUSDT ~ BTCUSDT")
    page.locator("#watch-list").get_by_text("SOL ~ BTC").click()
    expect(page.locator("#live-title")).to_have_text("SOLUSDT ~ BTCUSDT")
    page.locator("#remove-pair").click()
    expect(page.locator("#message")).to_contain_text("removed")
    expect(page.locator("#live-title")).to_have_text("ETHUSDT ~ BTCUSDT")
    expect(page.locator("#watch-list")).not_to_contain_text("SOL ~ BTC")


def test_the_other_leg_can_be_shown_as_candles_and_both_as_lines(page: Page) -> None:
    before = points(page, "candles")[-1][1]
    page.locator("#price-leg").get_by_label("X").check()
    seen(page, "window.pairbridgeCharts.values('candles').at(-1)[1] > 20000")
    assert before < 20_000
    page.locator("#price-leg").get_by_label("Both").check()
    seen(page, "window.pairbridgeCharts.values('y').length > 300 && window.pairbridgeCharts.values('x').length > 300")
    expect(page.locator(".legend [data-series=y]")).to_contain_text(re.compile(r"ETHUSDT -?[0-9]+\.[0-9]{3} %"))
    assert points(page, "candles") == []


def test_help_opens_by_key(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_text("How to read this screen")).to_be_visible()


def test_polling_stands_in_when_the_live_connection_is_refused(harness: Stack, browser: Browser) -> None:
    page, _ = watched_page(browser)
    page.route_web_socket("**/api/live", lambda socket: socket.close())
    page.goto(harness.owner_pair_url)
    seen(page, MANY_BARS)
    expect(page.locator("#bridge-banner")).to_contain_text("LIVE")
    before = page.evaluate(NEWEST)
    seen(page, f"before => {NEWEST} > before", arg=before)
    page.close()


def test_an_address_over_a_chart_is_a_link(harness: Stack, browser: Browser) -> None:
    page, _ = watched_page(browser)
    sockets: list[WebSocketRoute] = []
    page.route_web_socket("**/api/live", lambda socket: sockets.append(socket))
    page.goto(harness.owner_pair_url)
    note = page.locator("#z-chart-note")
    expect(note).to_have_text("Waiting for the dashboard …")
    notes = no_pair_notes(harness.bridge_url)
    sockets[0].send(json.dumps({"type": "pulse", "notes": notes}))
    expect(note).to_have_text(notes["z-chart"])
    expect(note.locator("a")).to_have_attribute("href", harness.bridge_url)
    page.close()


def test_another_origin_gets_no_live_data(harness: Stack) -> None:
    address = harness.dashboard_url.replace("http", "ws") + "api/live"
    for origin in ("https://evil.example", "null", None):
        with pytest.raises(InvalidStatus) as refused:
            connect(address, origin=origin)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
