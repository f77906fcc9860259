"""The dashboard in a real Chromium, fed by the simulated exchange through the server."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from screen.components import ids
from screen.pages.pair.labels import no_pair_notes
from tests.e2e.conftest import MANY_BARS, seen, watched_page
from tests.e2e.stack import Stack, until
from tests.e2e.test_chart import NEWEST, SERIES, points

pytestmark = pytest.mark.browser
MONEY = re.compile(r"^paper: open [+-]?[0-9.,]+, realised [+-]?[0-9.,]+ USDT, net of all costs, [0-9]+ trades?$")
PARITY = re.compile(r"^parity [0-9,]+/[0-9,]+ bars, [0-9,]+/[0-9,]+ decisions, [0-9,]+/[0-9,]+ fills$")


@pytest.fixture
def harness(trading: Stack) -> Stack:
    return trading


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


def shown_log(page: Page) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = page.evaluate("() => window.pairbridgeLogged()")
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
    assert len(closed) > 0 and len(closed.dropna(subset=["counted"])) == len(closed)
    paid = closed["fee"] + closed["half_spread"] + closed["slippage"] - closed["funding"]
    assert (closed["gross"] - paid - closed["net"]).abs().max() < 1e-9
    kinds = page.get_by_label("Show one kind of decision")
    kinds.select_option("exit")
    until(lambda: {row["kind"] for row in shown_log(page)} == {"exit"}, 20, "the exits alone")
    assert set(exported(page)["kind"]) == {"exit"}
    page.get_by_label("Show one reason").select_option("COOLDOWN")  # the reason of no exit
    until(lambda: not shown_log(page), 20, "no row")
    expect(page.locator("#signal-log .rows-empty")).to_be_visible()
    assert exported(page).empty
    page.get_by_label("Show one reason").select_option("")
    kinds.select_option("")
    assert len(exported(page)) >= len(trades)


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


def test_before_its_first_message_the_page_says_that_it_connects_and_loads(harness: Stack, browser: Browser) -> None:
    page, _ = watched_page(browser)
    sockets: list[WebSocketRoute] = []
    page.route_web_socket("**/api/live", lambda socket: sockets.append(socket))
    page.goto(harness.owner_url)
    banner = page.locator("#bridge-banner")
    expect(banner).to_have_text("CONNECTINGWaiting for the first figures of the dashboard.")
    expect(banner).to_have_class("banner is-waiting")
    for table in ("#overview-pairs", "#overview-symbols"):
        expect(page.locator(table)).to_contain_text("Loading …")
        expect(page.locator(table)).not_to_contain_text("yet")
    page.wait_for_timeout(4_000)  # longer than a dashboard that was heard may be silent
    assert banner.inner_text().startswith("CONNECTING")
    expect(banner).to_contain_text("DASHBOARD DISCONNECTED", timeout=12_000)
    sockets[0].send(json.dumps({"type": "pulse", "pairs": [], "symbols": []}))
    expect(page.locator("#overview-pairs")).to_contain_text("No pair is watched yet")
    expect(page.locator("#overview-symbols")).to_contain_text("No trades yet.")
    page.close()


def test_a_dashboard_that_falls_silent_is_told_within_3_s(harness: Stack, browser: Browser) -> None:
    page, _ = watched_page(browser)
    page.route_web_socket("**/api/live", lambda socket: socket.send(json.dumps({"type": "pulse"})))
    page.goto(harness.owner_url)
    began = time.monotonic()
    expect(page.locator("#bridge-banner")).to_contain_text("DASHBOARD DISCONNECTED", timeout=4_000)
    assert time.monotonic() - began < 3.5
    page.close()


def test_figures_of_a_lost_dashboard_are_grey_and_the_banner_stays_in_view(trading: Stack, browser: Browser) -> None:
    page, _ = watched_page(browser)
    sockets: list[WebSocketRoute] = []

    def passed(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket("**/api/live", passed)
    page.goto(trading.owner_url)
    cell = page.locator("#overview-symbols tbody tr").first.locator("td").nth(1)
    banner, colour = page.locator("#bridge-banner"), "element => getComputedStyle(element).color"
    expect(banner).to_contain_text("LIVE")
    before = cell.evaluate(colour)
    page.route("**/api/live/state*", lambda route: route.abort())
    page.route_web_socket("**/api/live", lambda _: None)  # from now on nothing comes
    sockets[-1].close()
    expect(banner).to_contain_text(re.compile(r"DASHBOARD DISCONNECTED.*figures are as of \d\d:\d\d:\d\d UTC"))
    muted = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--muted')")
    page.evaluate("muted => document.body.append(Object.assign(document.createElement('i'), {id: 'probe'}))", muted)
    page.evaluate("document.getElementById('probe').style.color = 'var(--muted)'")
    assert cell.evaluate(colour) == page.locator("#probe").evaluate(colour) != before
    page.mouse.wheel(0, 5_000)
    expect(banner).to_be_in_viewport()
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
