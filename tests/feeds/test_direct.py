"""The direct feed against the simulated exchange: the store holds exactly what was traded."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.utils import accept_key

from feeds.direct import DirectFeed
from feeds.markets import Route, simulator_route
from simulator.exchange import SimulatedExchange
from simulator.settings import ExchangeSettings, coins_named
from tests.conftest import ServerHarness, until

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@contextlib.asynccontextmanager
async def feeding(
    harness: ServerHarness, exchange: SimulatedExchange, route: Route | None = None
) -> AsyncIterator[DirectFeed]:
    feed = DirectFeed(route or simulator_route(f"127.0.0.1:{exchange.port}"), SYMBOLS)
    running = asyncio.create_task(feed.run(harness.url, harness.token))
    try:
        yield feed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def stored(harness: ServerHarness, symbol: str) -> list[tuple[int, float, float, int, bool]]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        rows = db.execute(
            "SELECT agg_id, price, quantity, trade_time_ms, buyer_is_maker FROM v_ticks WHERE symbol=? ORDER BY agg_id",
            (symbol,),
        ).fetchall()
    return [(a, p, q, t, bool(m)) for a, p, q, t, m in rows]


def traded(exchange: SimulatedExchange, symbol: str, first: int) -> list[tuple[int, float, float, int, bool]]:
    return [
        (t.agg_id, float(t.price), float(t.quantity), t.trade_time_ms, t.buyer_is_maker)
        for t in exchange.trades(symbol)
        if t.agg_id >= first
    ]


def settings(**changes: object) -> ExchangeSettings:
    return ExchangeSettings(coins=coins_named(SYMBOLS, rate=20.0), **changes)  # type: ignore[arg-type]


async def assert_all_stored(harness: ServerHarness, exchange: SimulatedExchange) -> None:
    """Stop the market, then the store must come to hold every trade from the first one seen."""
    exchange.faults.halt()
    for symbol in SYMBOLS:
        first = stored(harness, symbol)[0][0]
        expected = traded(exchange, symbol, first)
        await until(lambda: len(stored(harness, symbol)) >= len(expected), 20, f"{symbol} to be complete")  # noqa: B023
        assert stored(harness, symbol) == expected


async def test_every_trade_to_the_last_digit(harness: ServerHarness) -> None:
    async with SimulatedExchange(settings()) as exchange, feeding(harness, exchange):
        await until(lambda: all(len(stored(harness, symbol)) > 200 for symbol in SYMBOLS))
        await assert_all_stored(harness, exchange)
        assert harness.server.health()["state"] in ("LIVE", "MARKET QUIET")


async def test_trades_lost_on_the_way_are_fetched(harness: ServerHarness) -> None:
    async with SimulatedExchange(settings()) as exchange, feeding(harness, exchange):
        await until(lambda: all(len(stored(harness, symbol)) > 20 for symbol in SYMBOLS))
        exchange.faults.drop("BTCUSDT", 41)
        exchange.faults.disconnect()
        before = {symbol: len(stored(harness, symbol)) for symbol in SYMBOLS}  # a later trade shows what was lost
        await until(lambda: all(len(stored(harness, symbol)) > before[symbol] + 100 for symbol in SYMBOLS))
        await assert_all_stored(harness, exchange)
        await until(lambda: harness.server.health()["markets"]["sim"]["open_holes"] == 0)
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        statuses = db.execute("SELECT DISTINCT status FROM holes").fetchall()
    assert statuses == [("filled",)]


async def test_ids_the_exchange_does_not_have_close_their_gap(harness: ServerHarness) -> None:
    async with SimulatedExchange(settings()) as exchange, feeding(harness, exchange):
        await until(lambda: all(len(stored(harness, symbol)) > 20 for symbol in SYMBOLS))
        exchange.faults.drop("BTCUSDT", 10, forget=True)
        await until(lambda: _gaps(harness) == [("absent", "the exchange has no such ids")], 20)


def _gaps(harness: ServerHarness) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        return db.execute("SELECT status, reason FROM holes").fetchall()


async def test_a_retired_route_is_called_a_wrong_route(harness: ServerHarness) -> None:
    async with SimulatedExchange(settings()) as exchange:
        old = Route("sim", f"{exchange.ws_url}/stream", exchange.rest_url, "/fapi/v1/aggTrades")
        async with feeding(harness, exchange, old):
            await until(lambda: harness.server.health()["state"] == "WRONG ROUTE", 8)
            assert "market/stream" in harness.server.health()["advice"]


@contextlib.asynccontextmanager
async def scripted(trades: int) -> AsyncIterator[tuple[Route, list[int]]]:
    """An exchange that sends a few trades on each connection and then nothing, with the socket open; how many
    connections there were, and the next id."""
    state = [0, 1]

    async def serve_one(socket: ServerConnection) -> None:
        state[0] += 1
        for _ in range(trades):
            trade = {"e": "aggTrade", "s": "BTCUSDT", "a": state[1], "p": "1.5", "q": "2", "m": True}
            await socket.send(json.dumps(trade | {"T": 1_790_046_465_000 + state[1]}))
            state[1] += 1
        await socket.wait_closed()

    async with serve(serve_one, "127.0.0.1", 0, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Route("sim", f"ws://127.0.0.1:{port}/stream", "http://127.0.0.1:9", "/fapi/v1/aggTrades"), state


async def test_a_socket_that_falls_silent_is_replaced(harness: ServerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.direct.SILENCE_MS", 300)
    async with scripted(trades=3) as (route, state):
        feed = DirectFeed(route, ["BTCUSDT"])
        running = asyncio.create_task(feed.run(harness.url, harness.token))
        await until(lambda: state[0] >= 4, 20, "a fourth connection")
        await until(lambda: len(stored(harness, "BTCUSDT")) >= 9, 20, "what came on each of them")
        assert feed.link is not None and feed.link.upstream == "open", "a quiet market is no wrong route"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_connection_is_replaced_in_time_though_no_frame_arrives(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.direct.ROTATE_S", 0.3)
    async with scripted(trades=0) as (route, state):
        running = asyncio.create_task(DirectFeed(route, ["BTCUSDT"]).run(harness.url, harness.token))
        await until(lambda: state[0] >= 3, 20, "a third connection")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_connection_without_pongs_is_lost(harness: ServerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that swallows everything: the socket stays open, and nothing comes back."""
    monkeypatch.setattr("feeds.direct.PING_S", 0.2)
    connected = 0

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected += 1
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(
            line.split(": ")[1] for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key")
        )
        assert key is not None
        upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{upgrade}Sec-WebSocket-Accept: {accept_key(key[1])}\r\n\r\n".encode())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    route = Route("sim", f"ws://127.0.0.1:{port}/stream", "http://127.0.0.1:9", "/fapi/v1/aggTrades")
    async with server:
        running = asyncio.create_task(DirectFeed(route, ["BTCUSDT"]).run(harness.url, harness.token))
        await until(lambda: connected >= 2, 20, "a second connection")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
