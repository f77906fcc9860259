"""Tabs of the bridge page in a real Chromium: state over reloads, trusted links, allowed servers."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from serving.bridge_page import BridgePage as PublishedPage
from tests.bridge.actions import (
    all_stored,
    connected,
    count,
    fill,
    numbers_of_one_session,
    start,
    start_with_three_trades,
    status,
)
from tests.bridge.conftest import OpenPage, write_token
from tests.bridge.peer import TOKEN, wait_until
from tests.bridge.scripted_exchange import ScriptedExchange
from tests.bridge.scripted_server import ScriptedServer

pytestmark = pytest.mark.browser


def test_a_reload_goes_on_with_the_session(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start_with_three_trades(open_page(), server, exchange)
    page.reload()
    connected(page)
    exchange.trade("BTCUSDT", 2)
    all_stored(server, exchange)
    numbers = numbers_of_one_session(server)
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
    page.locator("#status[data-state=refused]").wait_for(timeout=10_000)
    page.evaluate(f"location.hash = '#key={server.token}'")  # its file is opened again, in this tab
    connected(page)
    assert "key" not in page.url
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
        PublishedPage(folder, TOKEN, folder / "open-bridge.html").publish(port)
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
        page.goto(f"http://127.0.0.1:{server.port}/#key={server.token}")
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
