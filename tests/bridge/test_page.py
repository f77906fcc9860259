"""The bridge page in a real Chromium, between a scripted exchange and a scripted server."""

from __future__ import annotations

import re
import time
from http import HTTPStatus

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.bridge.actions import (
    all_stored,
    connected,
    count,
    log,
    numbers_of_one_session,
    start,
    start_with_three_trades,
    status,
)
from tests.bridge.conftest import OpenPage
from tests.bridge.peer import wait_until
from tests.bridge.scripted_exchange import ScriptedExchange
from tests.bridge.scripted_server import ScriptedServer

pytestmark = pytest.mark.browser

BOTH = ("BTCUSDT", "ETHUSDT")


@pytest.mark.parametrize("served", [False, True], ids=["file", "http"])
def test_every_trade_arrives_once_and_to_the_last_digit(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange, served: bool
) -> None:
    page = open_page(served=served)
    expect(page.locator("#status-title")).to_have_text("STOPPED")
    lines: list[str] = []
    page.on("console", lambda message: lines.append(message.text))
    start(page)
    exchange.flow(800)
    wait_until(lambda: len(server.rows) >= 1_000, "a thousand rows")
    expect(page.get_by_role("button", name="Stop Bridge", exact=True)).to_be_visible()
    exchange.rest()
    all_stored(server, exchange)
    assert server.duplicates == server.conflicts == 0
    status(page, "live")
    wait_until(lambda: count(page, "acknowledged") == len(server.rows), "the page has counted all of them")
    forwarded = [line for line in lines if line.startswith("Forwarding tick...")]
    assert sum(int(line.split()[-1]) for line in forwarded) == len(server.rows)
    newest = exchange.trade_history["ETHUSDT"][-1]
    row = page.locator('tr[data-symbol="ETHUSDT"]')
    expect(row).to_have_attribute("data-last-id", str(newest[1]))
    expect(row.locator("td[data-cell=price]")).to_have_text(newest[2])
    expect(row.locator("td[data-cell=first]")).to_have_text("✓")
    expect(row).to_have_attribute("data-lease", "active")


def test_stop_says_bye_and_start_goes_on_with_the_same_session(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start_with_three_trades(open_page(), server, exchange)
    page.get_by_role("button", name="Stop Bridge").click()
    status(page, "stopped")
    wait_until(lambda: server.said("bye"), "bye")
    assert server.said("bye")[0]["reason"] == "stopped by the user"
    wait_until(lambda: exchange.sockets == 0, "the stream is closed too")
    start(page)
    exchange.trade("BTCUSDT", 2)
    all_stored(server, exchange)
    numbers = numbers_of_one_session(server)
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_killed_server_loses_nothing_and_is_found_again_within_two_seconds(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page())
    exchange.flow(600)
    wait_until(lambda: len(server.rows) > 200, "rows flow")
    for _ in range(2):
        server.kill()
        status(page, "server-down")
        assert page.title().startswith("⚠ SERVER DOWN")
        wait_until(lambda: count(page, "queued") > 100, "rows wait in the page")
        back = time.monotonic()
        server.start()
        status(page, "live")
        assert time.monotonic() - back < 2
    exchange.rest()
    all_stored(server, exchange)
    assert len({hello["session"] for hello in server.said("hello")}) == 1


def test_a_dropped_stream_is_opened_again(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page())
    exchange.trade("BTCUSDT")
    exchange.cut()
    wait_until(lambda: exchange.connections == 2 and exchange.sockets == 1, "a second connection")
    connected(page)
    exchange.trade("BTCUSDT")
    all_stored(server, exchange)
    exchange.kill()
    status(page, "upstream-down")
    wait_until(lambda: server.said("beat")[-1]["upstream"] in ("closed", "connecting"), "the beats say so")


def test_wrong_routes_are_called_so_within_six_seconds(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    retired = open_page(exchange=f"ws://127.0.0.1:{exchange.port}/stream")
    silent = open_page()
    pressed = time.monotonic()
    for page in (retired, silent):
        page.get_by_role("button", name="Start Bridge").click()
    while any(page.locator("#status").get_attribute("data-state") != "wrong-route" for page in (retired, silent)):
        exchange.trade("BTCUSDT", hidden=True)
        time.sleep(0.05)
        assert time.monotonic() - pressed < 6
    expect(retired.locator("#status-text")).to_contain_text("This address was retired")
    expect(silent.locator("#status-text")).to_contain_text("The exchange reports new trades")
    expect(silent.locator("#status-text")).to_contain_text("/market/stream")
    wait_until(lambda: server.said("beat")[-1]["upstream"] == "wrong-route", "the beats say so")
    exchange.trade("BTCUSDT")
    silent.locator("#exchange-side[data-state=open]").wait_for()


def test_a_typo_is_named_and_the_rest_goes_on(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page(symbols="btcusdt, ethustd"))
    note = page.locator("#findings li[data-state=unknown-symbol]")
    expect(note).to_contain_text("ETHUSTD is not a symbol of this market; did you mean ETHUSDT")
    expect(page.locator('tr[data-symbol="ETHUSTD"]')).to_have_attribute("data-problem", "true")
    wait_until(lambda: server.said("subscribe")[-1]["symbols"] == ["BTCUSDT"], "it is no longer subscribed")
    exchange.trade("BTCUSDT")
    status(page, "live")


def test_symbols_that_are_none_are_refused_in_a_sentence(open_page: OpenPage) -> None:
    page = open_page()
    for typed, said in (("", "No symbol is named"), ("BTC/USDT", "“BTC/USDT” is not a symbol"), (" ,,", "No symbol")):
        page.locator("#symbols").fill(typed)
        page.locator("#symbols").press("Enter")
        expect(page.locator("#status-text")).to_contain_text(said)
        status(page, "cannot-start")
    expect(page.get_by_role("button", name="Start Bridge", exact=True)).to_be_enabled()


def test_a_second_page_stands_by_and_takes_over_without_a_gap(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    first, second = start(open_page()), start(open_page())
    exchange.flow(200)
    status(first, "live")
    status(second, "standby")
    wait_until(lambda: len(server.rows) > 200, "rows flow")
    assert server.duplicates == 0, "one of them forwards"
    closed = time.monotonic()
    first.close()
    status(second, "live")
    assert time.monotonic() - closed < 3
    exchange.rest()
    all_stored(server, exchange)
    assert not [request for request in exchange.requests if "fromId" in request], "nothing had to be fetched"
    assert "Took over BTCUSDT" in log(second)


def test_a_gap_is_fetched_and_ids_that_never_were_are_told(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page())
    exchange.trade("BTCUSDT", 5)
    missed = exchange.trade("BTCUSDT", 2_500, hidden=True)
    exchange.skip_ids("BTCUSDT", 7)
    exchange.trade("BTCUSDT", 5)
    wait_until(lambda: len(server.rows) == 10, "the live rows")
    after = exchange.ids("BTCUSDT")[-5]
    server.fetch("BTCUSDT", missed[0][1], after - 1)
    all_stored(server, exchange)
    absent = wait_until(lambda: server.said("unfetchable"), "what is not there is told")
    assert absent == [
        {
            "type": "unfetchable",
            "symbol": "BTCUSDT",
            "from": after - 7,
            "to": after - 1,
            "reason": "the exchange has no such ids",
        }
    ]
    pages = [request for request in exchange.requests if "fromId" in request]
    assert len(pages) == 3
    wait_until(lambda: count(page, "fetched") == 2_500 and count(page, "unfetchable") == 7, "both are counted")


def test_a_warm_start_brings_the_past_and_shows_how_far_it_is(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    exchange.trade("BTCUSDT", 50, hidden=True, ago_ms=9_000_000)
    past = exchange.trade("BTCUSDT", 2_300, hidden=True, ago_ms=5_000_000)
    page = start(open_page())
    (first,) = exchange.trade("BTCUSDT")
    wait_until(lambda: server.rows, "the first trade")
    row = page.locator('tr[data-symbol="BTCUSDT"]')
    exchange.rest_status = HTTPStatus.BAD_GATEWAY
    server.warm_start("BTCUSDT", past[0][4] - 3_700_000, first[1] - 1)
    expect(row).to_have_attribute("data-warm-start", "true")
    expect(row.locator("td[data-cell=gaps]")).to_have_text("warm start: 0 of …")
    expect(page.locator("#findings li[data-state=warm-start]")).to_contain_text("BTCUSDT are being fetched")
    exchange.rest_status = None
    wait_until(lambda: server.ids("BTCUSDT") == [row[1] for row in past] + [first[1]], "the past, and nothing older")
    expect(row).to_have_attribute("data-warm-start", "false")
    assert set(server.rows.values()) == {*past, first}
    asked = [request for request in exchange.requests if "startTime" in request or "fromId" in request]
    assert ["startTime" in request for request in asked] == [True, True, True, False, False]
    assert server.said("unfetchable") == [] == server.faults


def test_a_geo_block_of_rest_is_named_and_does_not_stop_the_stream(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    exchange.rest_is_readable, exchange.rest_status = False, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
    page = start(open_page())
    exchange.trade("BTCUSDT")
    wait_until(lambda: server.rows, "a row")
    server.fetch("BTCUSDT", 100, 200)
    status(page, "live")
    wait_until(lambda: "could not be checked" in log(page), "it is said that the symbols were not checked")
    told = wait_until(lambda: server.said("unfetchable"), "the reason")
    assert (told[0]["from"], told[0]["to"]) == (100, 200)
    assert "blocked or geo-blocked" in told[0]["reason"]


def test_the_sound_plays_once_per_disconnect_and_only_if_switched_on(
    open_page: OpenPage, server: ScriptedServer, context: BrowserContext
) -> None:
    context.add_init_script(
        "globalThis.played = 0; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function () { globalThis.played++; start.call(this); };"
    )
    page = start(open_page())
    server.kill()
    status(page, "server-down")
    assert page.evaluate("played") == 0
    server.start()
    connected(page)
    page.get_by_label("Sound on disconnect").check()
    server.kill()
    status(page, "server-down")
    wait_until(lambda: page.evaluate("played") == 1, "a tone")


def test_refused_rows_are_named_in_the_log(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page())
    row = exchange.trade("BTCUSDT")[0]
    server.refuse_price = "0"
    exchange.repeat("BTCUSDT", (*row[:2], "0", *row[3:]))
    exchange.repeat("BTCUSDT", (*row[:2], "1.25", *row[3:]))
    exchange.send_all({"e": "aggTrade", "s": "BTCUSDT", "a": 2**60, "p": "1", "q": "1", "T": 1, "m": True})
    wait_until(lambda: count(page, "refused") == 2 and count(page, "conflicts") == 1, "two refused, one conflict")
    assert f"Refused by the server: BTCUSDT {row[1]}: price is '0'" in log(page)
    assert "Refused here: BTCUSDT" in log(page)


def test_connections_are_replaced_without_a_gap_or_a_duplicate(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page(rotate="1"))
    exchange.flow(300)
    wait_until(lambda: exchange.connections >= 4, "three replacements", timeout_s=20)
    exchange.rest()
    all_stored(server, exchange)
    assert server.duplicates == 0
    assert count(page, "duplicates") > 0, "the connections overlapped"
    assert not [request for request in exchange.requests if "fromId" in request], "nothing had to be fetched"


def test_nothing_overflows_on_any_screen(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    exchange.skip_ids("BTCUSDT", 1_795_172_610_620_118)  # ids as long as they get
    page = open_page(symbols="BTCUSDT,ETHUSDT,NOSUCHUSDT")
    page.locator("#addresses summary").click()
    start(page)
    exchange.trade("BTCUSDT")
    status(page, "live")
    page.locator("#help summary").click()
    server.kill()
    status(page, "server-down")
    cut_off = """[...document.querySelectorAll('button, dt, dd, h2, .state, #status *, label')]
        .filter((e) => e.offsetParent && getComputedStyle(e).display !== 'inline' && e.scrollWidth > e.clientWidth + 1)
        .map((e) => e.id || e.textContent)"""
    for width, height in ((1440, 900), (1024, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), width
        assert page.evaluate(cut_off) == [], width
        table = "document.querySelector('#trades .scroll')"
        assert width < 1024 or page.evaluate(f"{table}.scrollWidth <= {table}.clientWidth"), width


def test_the_log_keeps_200_lines(open_page: OpenPage, exchange: ScriptedExchange) -> None:
    page = start(open_page())
    for number in range(300):
        exchange.send_all({"code": number, "msg": "a test"})
    expect(page.locator("#log li").first).to_contain_text("a test (299)")
    assert page.locator("#log li").count() == 200
    assert re.match(r"\d\d:\d\d:\d\d$", page.locator("#log time").first.inner_text())
