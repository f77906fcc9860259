"""Symbols that a program asks for, on the page in a real Chromium: named, received, and kept over a reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.bridge.actions import all_stored, connected, log, start
from tests.bridge.conftest import OpenPage
from tests.bridge.peer import wait_until
from tests.bridge.scripted_exchange import ScriptedExchange
from tests.bridge.scripted_server import ScriptedServer

pytestmark = pytest.mark.browser


def test_symbols_that_a_program_asks_for_are_named_received_and_kept_over_a_reload(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    page = start(open_page(symbols="BTCUSDT"))
    exchange.trade("BTCUSDT", 2)
    wait_until(lambda: server.ids("BTCUSDT") == exchange.ids("BTCUSDT"), "the first symbol")
    server.say({"type": "add_symbols", "symbols": ["ETHUSDT", 7]})
    server.say({"type": "add_symbols", "symbols": ["ETHUSD"]})
    wait_until(lambda: bool(server.said("unaddable")), "the typo is refused")
    assert "did you mean ETHUSDT" in server.said("unaddable")[0]["reason"]
    server.say({"type": "add_symbols", "symbols": ["ETHUSDT"]})
    wait_until(lambda: server.said("subscribe")[-1]["symbols"] == ["BTCUSDT", "ETHUSDT"], "the new list")
    expect(page.locator("#symbols")).to_have_value("BTCUSDT, ETHUSDT")
    expect(page.locator("#symbols-hint")).to_have_text("Added at a program's request: ETHUSDT.")
    assert "Added at a program's request: ETHUSDT." in log(page) and "symbols that are none" in log(page)
    wait_until(lambda: exchange.sockets == 2, "a wider stream beside the old one")
    exchange.trade("ETHUSDT", 3)
    exchange.trade("BTCUSDT", 3)
    all_stored(server, exchange)
    page.reload()
    connected(page)
    expect(page.locator("#symbols")).to_have_value("BTCUSDT, ETHUSDT")
    wait_until(lambda: len(server.said("hello")) == 2, "the page is back")
    wait_until(lambda: server.said("subscribe")[-1]["symbols"] == ["BTCUSDT", "ETHUSDT"], "the list is kept")
    exchange.trade("ETHUSDT", 2)
    all_stored(server, exchange)
    expect(page.locator('tr[data-symbol="ETHUSDT"]')).to_have_attribute("data-lease", "active")


@pytest.mark.parametrize("width", [1440, 390])
def test_many_of_them_stay_within_the_page(
    open_page: OpenPage, server: ScriptedServer, exchange: ScriptedExchange, width: int
) -> None:
    exchange.rest_is_readable = False  # then nothing is known of the symbols, and they are added
    page = open_page(symbols="BTCUSDT")
    page.set_viewport_size({"width": width, "height": 900})
    start(page)
    names = [f"COIN{number}USDT" for number in range(60)]
    server.say({"type": "add_symbols", "symbols": names})
    said = f"Added at a program's request: {', '.join(names[:5])} and 55 more."
    expect(page.locator("#symbols-hint")).to_have_text(said)
    expect(page.locator("#symbols")).to_have_value(", ".join(["BTCUSDT", *names]))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
