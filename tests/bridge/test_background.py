"""The bridge page in a hidden tab, and frozen by the browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.bridge.devtools import Chromium, Tab
from tests.bridge.peer import wait_until
from tests.bridge.scripted_exchange import ScriptedExchange
from tests.bridge.scripted_server import ScriptedServer
from tests.browser import CHROMIUM_ARGS, chromium_path, missing

pytestmark = pytest.mark.browser

HIDDEN_TIMERS_SLOW_AT_ONCE = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Chromium]:
    """A browser in which tabs can be hidden."""
    path = chromium_path()
    if path is None:
        missing("Chromium")
    with Chromium(path, tmp_path / "profile", [*CHROMIUM_ARGS, HIDDEN_TIMERS_SLOW_AT_ONCE]) as browser:
        yield browser


@pytest.fixture
def running(alone: Chromium, folder: Path, server: ScriptedServer, exchange: ScriptedExchange) -> Tab:
    """A page that forwards."""
    ends = {"exchange": f"ws://127.0.0.1:{exchange.port}", "server": f"ws://127.0.0.1:{server.port}/"}
    query = {"market": "sim", "symbols": "BTCUSDT,ETHUSDT", "autostart": "1"} | ends
    tab = alone.tab(f"{(folder / 'index.html').as_uri()}?{urlencode(query)}")
    wait_until(lambda: tab.status() == "starting" and exchange.sockets, "the page runs")
    exchange.flow(50)
    wait_until(lambda: tab.status() == "live", "trades arrive")
    return tab


def test_a_hidden_tab_goes_on_forwarding_and_beating(
    alone: Chromium, running: Tab, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    running.evaluate("globalThis.turns = 0; setInterval(() => turns++, 50); 0")
    alone.tab("about:blank")
    wait_until(lambda: running.evaluate("document.visibilityState") == "hidden", "the tab is hidden")
    wait_until(lambda: not server.said("beat")[-1]["visible"], "the beats say so")
    time.sleep(1.5)  # the grace period after which hidden pages are slowed down
    turns, beats, rows = running.evaluate("turns"), len(server.said("beat")), len(server.rows)
    began = time.monotonic()
    wait_until(lambda: len(server.said("beat")) >= beats + 8, "eight beats")
    seconds = time.monotonic() - began
    assert 3 <= seconds <= 5, f"eight beats took {seconds:.1f} s"
    assert len(server.rows) - rows > 25 * seconds
    assert running.evaluate("turns") - turns <= seconds * 2, "the control timer on the page itself is slowed down"
    exchange.rest()
    for symbol in exchange.trade_history:
        wait_until(lambda s=symbol: server.ids(s)[-1:] == exchange.ids(s)[-1:], f"the last trade of {symbol}")


def test_after_a_freeze_both_ends_are_back_and_what_was_missed_can_be_fetched(
    running: Tab, server: ScriptedServer, exchange: ScriptedExchange
) -> None:
    running.set_lifecycle("frozen")
    beats = len(server.said("beat"))
    time.sleep(3.6)  # longer than what the page takes for a hiccup
    assert len(server.said("beat")) - beats <= 2, "a frozen page gives no sign of life"
    running.set_lifecycle("active")
    wait_until(lambda: running.status() == "live", "it lives again")
    wait_until(lambda: len(server.said("beat")) > beats + 4, "it beats again")
    noted = "document.querySelector('#findings li[data-state=frozen]')?.textContent ?? ''"
    wait_until(lambda: "had stopped this page" in running.evaluate(noted), "the page says what happened")
    exchange.rest()
    for symbol in exchange.trade_history:
        wait_until(lambda s=symbol: server.ids(s)[-1:] == exchange.ids(s)[-1:], f"the last trade of {symbol}")
        first = server.ids(symbol)[0]
        missed = sorted(set(range(first, exchange.ids(symbol)[-1])) - set(server.ids(symbol)))
        if missed:
            server.fetch(symbol, missed[0], missed[-1])
        wait_until(lambda s=symbol, f=first: server.ids(s) == [i for i in exchange.ids(s) if i >= f], "no gap is left")
    assert server.faults == []
