"""The bridge page in a real Chromium, between a scripted exchange and a scripted server."""

from __future__ import annotations

import re
import time
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from hosting.page import BridgePage as PublishedPage
from tests.bridge.conftest import OpenPage, write_token
from tests.bridge.scripted import TOKEN, ScriptedExchange, ScriptedServer, wait_until

pytestmark = pytest.mark.browser

BOTH = ("BTCUSDT", "ETHUSDT")


def start(page: Page) -> Page:
    """Press the button and wait until both ends are connected."""
    page.get_by_role("button", name="Start Bridge", exact=True).click()
    return connected(page)


def connected(page: Page) -> Page:
    """Wait until both ends are connected."""
    page.locator("#server-side[data-state=live]").wait_for(timeout=10_000)
    page.locator("#exchange-side[data-state=open]").wait_for(timeout=10_000)
    return page


def status(page: Page, state: str, timeout_s: float = 10) -> Page:
    """Wait for a status."""
    page.locator(f"#status[data-state={state}]").wait_for(timeout=timeout_s * 1000)
    return page


def count(page: Page, name: str) -> int:
    """A number on the page."""
    return int(page.locator(f"#count-{name}").get_attribute("data-value") or "-1")


def log(page: Page) -> str:
    """The log's text."""
    return page.locator("#log").inner_text()


def all_stored(server: ScriptedServer, exchange: ScriptedExchange) -> None:
    """Wait until the server has every trade, and compare them to the last digit."""
    for symbol in exchange.tape:
        wait_until(lambda s=symbol: server.ids(s) == exchange.ids(s), f"every trade of {symbol} is stored")
    assert set(server.rows.values()) == {row for rows in exchange.tape.values() for row in rows}
    assert server.faults == []


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
    newest = exchange.tape["ETHUSDT"][-1]
    row = page.locator('tr[data-symbol="ETHUSDT"]')
    expect(row).to_have_attribute("data-last-id", str(newest[1]))
    expect(row.locator("td[data-cell=price]")).to_have_text(newest[2])
    expect(row.locator("td[data-cell=first]")).to_have_text("✓")
    expect(row).to_have_attribute("data-lease", "active")


def test_stop_says_bye_and_start_goes_on_with_the_same_session(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page())
    exchange.trade("BTCUSDT", 3)
    wait_until(lambda: len(server.rows) == 3, "three rows")
    page.get_by_role("button", name="Stop Bridge").click()
    status(page, "stopped")
    wait_until(lambda: server.said("bye"), "bye")
    assert server.said("bye")[0]["reason"] == "stopped by the user"
    wait_until(lambda: exchange.sockets == 0, "the stream is closed too")
    start(page)
    exchange.trade("BTCUSDT", 2)
    all_stored(server, exchange)
    first, second = server.said("hello")
    assert first["session"] == second["session"]
    numbers = [batch["seq"] for batch in server.said("ticks")]
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


def test_a_second_page_stands_by_and_takes_over_without_a_hole(
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


def test_a_hole_is_fetched_and_ids_that_never_were_are_told(
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
    expect(row.locator("td[data-cell=holes]")).to_have_text("warm start: 0 of …")
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


def test_a_reload_goes_on_with_the_session(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page())
    exchange.trade("BTCUSDT", 3)
    wait_until(lambda: len(server.rows) == 3, "three rows")
    wait_until(lambda: count(page, "acknowledged") == 3, "the page knows")
    page.reload()
    connected(page)
    exchange.trade("BTCUSDT", 2)
    all_stored(server, exchange)
    first, second = server.said("hello")
    assert first["session"] == second["session"]
    numbers = [batch["seq"] for batch in server.said("ticks")]
    assert numbers == sorted(set(numbers)), "numbers rise over the reload"


def test_a_page_that_was_stopped_stays_so_over_a_reload(open_page: OpenPage) -> None:
    page = start(open_page())
    page.get_by_role("button", name="Stop Bridge").click()
    status(page, "stopped")
    page.reload()
    expect(page.get_by_role("button", name="Start Bridge", exact=True)).to_be_enabled()
    status(page, "stopped")


def test_a_copied_tab_gets_a_session_of_its_own(
    open_page: OpenPage, context: BrowserContext, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page())
    with context.expect_page() as copied:
        page.evaluate("window.open(location.href)")
    connected(copied.value)
    first, second = server.said("hello")
    assert first["session"] != second["session"]


def test_the_token_is_found_when_the_server_is_started_after_the_page(
    open_page: OpenPage, folder: Path, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    (folder / "token.js").unlink()
    page = open_page()
    page.get_by_role("button", name="Start Bridge").click()
    status(page, "token-missing")
    expect(page.locator("#status-text")).to_contain_text("make run")
    expect(page.locator("#token")).to_be_visible()
    page.locator("#exchange-side[data-state=open]").wait_for()
    exchange.trade("BTCUSDT")
    write_token(folder, server)
    connected(page)
    expect(page.locator("#token")).to_be_hidden()
    all_stored(server, exchange)


def test_a_wrong_token_is_refused_in_words_and_a_pasted_one_works(
    open_page: OpenPage, folder: Path, server: ScriptedServer
) -> None:
    write_token(folder, server, "0" * 64)
    page = open_page()
    page.get_by_role("button", name="Start Bridge").click()
    status(page, "refused")
    expect(page.locator("#status-text")).to_contain_text("the token is not ours (bad-token)")
    page.locator("#token").fill(server.token)
    page.get_by_role("button", name="Use token").click()
    connected(page)


def test_a_served_page_learns_a_changed_token_without_losing_its_queue(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page(served=True))
    server.kill()
    server.token = "f" * 64
    exchange.trade("BTCUSDT", 20)
    wait_until(lambda: count(page, "queued") == 20, "rows wait")
    server.start()
    connected(page)
    all_stored(server, exchange)


def test_what_the_browser_withholds_is_named_when_the_server_is_not_reached(
    open_page: OpenPage, context: BrowserContext, server: ScriptedServer
) -> None:
    page = start(open_page())
    devtools = context.new_cdp_session(page)
    profile = devtools.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    denied = {"permission": {"name": "loopback-network"}, "setting": "denied", "browserContextId": profile}
    devtools.send("Browser.setPermission", denied)
    wait_until(lambda: len(server.said("beat")) > 3, "beats: nothing was withheld")
    status(page, "starting")
    server.kill()
    status(page, "permission-denied")
    expect(page.locator("#status-text")).to_contain_text("allow local network access")
    server.start()
    connected(page)


def test_a_page_from_the_file_system_goes_to_the_server_that_was_started_last(
    context: BrowserContext, folder: Path, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    for port in (server.port + 1, 8765, 1024, server.port):  # smaller, larger and the default one, all gone
        PublishedPage(folder, TOKEN).publish(port)
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    fill(page, "BTCUSDT", exchange=f"ws://127.0.0.1:{exchange.port}")
    start(page)


def test_no_other_server_is_given_the_token(open_page: OpenPage, server: ScriptedServer) -> None:
    page = open_page(served=True, server="ws://127.0.0.1:9/")
    page.get_by_role("button", name="Start Bridge").click()
    status(page, "cannot-start")
    expect(page.locator("#status-text")).to_contain_text("talks only to the server it came from")
    page = open_page(server="ws://192.0.2.1:8765/")
    page.get_by_role("button", name="Start Bridge").click()
    expect(page.locator("#status-text")).to_contain_text("is not on this computer")
    assert server.said("hello") == []


def test_a_link_cannot_start_a_served_page_on_a_foreign_exchange(open_page: OpenPage, server: ScriptedServer) -> None:
    page = open_page(served=True, exchange="wss://exchange.invalid", autostart="1")
    status(page, "ready")
    expect(page.get_by_role("button", name="Start Bridge", exact=True)).to_be_enabled()
    assert server.said("hello") == []


def test_a_tab_that_ran_is_not_restarted_by_a_link_to_another_exchange(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page(served=True))
    page.goto(f"http://127.0.0.1:{server.port}/?exchange=wss://exchange.invalid&autostart=1")
    status(page, "ready")
    assert len(server.said("hello")) == 1


def test_autostart(open_page: OpenPage) -> None:
    connected(open_page(served=True, autostart="1"))


def test_the_page_does_not_run_inside_another(context: BrowserContext, folder: Path) -> None:
    outer = folder / "outer.html"
    outer.write_text('<!doctype html><iframe src="index.html?autostart=1"></iframe>', encoding="utf-8")
    page = context.new_page()
    page.goto(outer.as_uri())
    inner = page.frame_locator("iframe")
    expect(inner.locator("#status-title")).to_have_text("FRAMED")
    expect(inner.locator("#start")).to_be_disabled()


def test_market_and_symbols_are_remembered_and_the_keyboard_is_enough(
    context: BrowserContext, folder: Path, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    expect(page.locator("#symbols")).to_have_value("BTCUSDT, ETHUSDT")
    expect(page.locator("#market")).to_have_value("usdm")
    page.locator("#market").select_option("sim")
    page.locator("#addresses summary").click()
    page.locator("#exchange").fill(f"ws://127.0.0.1:{exchange.port}")
    page.locator("#symbols").fill("solusdt adausdt")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop Bridge", exact=True)).to_be_visible()
    page.locator("#start").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Start Bridge", exact=True)).to_be_enabled()
    page.reload()
    expect(page.locator("#symbols")).to_have_value("SOLUSDT, ADAUSDT")
    expect(page.locator("#market")).to_have_value("sim")
    expect(page.locator("#exchange")).to_have_value(f"ws://127.0.0.1:{exchange.port}")


def test_a_reload_goes_on_at_the_addresses_that_were_typed_and_a_second_tab_begins_with_them(
    context: BrowserContext, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    with closing(ScriptedExchange("BNBUSDT")) as elsewhere:
        elsewhere.start()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        typed = {"exchange": f"ws://127.0.0.1:{exchange.port}", "rest": f"http://127.0.0.1:{exchange.port}"}
        fill(page, "BTCUSDT", **typed)
        start(page)
        second = context.new_page()
        second.goto(f"http://127.0.0.1:{server.port}/")
        for name, text in (typed | {"market": "sim", "symbols": "BTCUSDT"}).items():
            expect(second.locator(f"#{name}")).to_have_value(text)
        expect(second.get_by_role("button", name="Start Bridge", exact=True)).to_be_enabled()
        fill(second, "BNBUSDT", exchange=f"ws://127.0.0.1:{elsewhere.port}", rest="")
        start(second)
        page.reload()
        connected(page)
        assert exchange.connections == 2, "the first tab goes on where it was, whatever the second one does"
        for name, text in (typed | {"market": "sim", "symbols": "BTCUSDT"}).items():
            expect(page.locator(f"#{name}")).to_have_value(text)
        exchange.trade("BTCUSDT")
        all_stored(server, exchange)


def test_a_reload_goes_on_with_what_was_typed_over_the_addresses_of_a_link(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = open_page(served=True, exchange="ws://127.0.0.1:9", symbols="ETHUSDT")
    fill(page, "BTCUSDT", exchange=f"ws://127.0.0.1:{exchange.port}")
    start(page)
    page.reload()
    connected(page)
    expect(page.locator("#exchange")).to_have_value(f"ws://127.0.0.1:{exchange.port}")
    wait_until(lambda: server.said("subscribe")[-1]["symbols"] == ["BTCUSDT"], "the symbols too")


def fill(page: Page, symbols: str, **addresses: str) -> None:
    """Type into the form of a page that stands still."""
    page.locator("#market").select_option("sim")
    page.locator("#symbols").fill(symbols)
    page.locator("#addresses").evaluate("addresses => { addresses.open = true; }")
    for name, address in addresses.items():
        page.locator(f"#{name}").fill(address)


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


def test_connections_are_replaced_without_a_hole_or_a_duplicate(
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
