"""What a bridge in Python does with requests for history when the server repeats them, and when it is gone."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from engine.intake.history_messages import BarSpan
from feeds.bridge_client import BridgeLink
from tests.conftest import until

SPAN = BarSpan("BTCUSDT", 60_000, 0, 600_000)
BARS = {"type": "fetch_bars", **SPAN._asdict()}
TRADES = {"type": "fetch", "symbol": "BTCUSDT", "from": 1, "to": 9}
WELCOME = {"type": "welcome", "high_water": {}, "limits": {"rows": 500, "in_flight": 32}}


class History:
    """An exchange whose answers take until they are let through."""

    def __init__(self) -> None:
        self.can = ["klines", "tickers", "funding"]
        self.gate = asyncio.Event()
        self.running: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()

    async def answer(self, what: str) -> list[list[Any]]:
        self.begun[what] += 1
        self.running[what] += 1
        try:
            await self.gate.wait()
        finally:
            self.running[what] -= 1
        return []

    async def bars(self, span: BarSpan, urgent: bool) -> list[list[Any]]:
        return await self.answer(f"bars from {span.from_ms}")

    async def marks(self, symbols: Sequence[str]) -> list[list[Any]]:
        return await self.answer("marks")

    async def settled(self, symbol: str, since_ms: int) -> list[list[Any]]:
        return await self.answer("settled")

    async def tickers(self) -> tuple[int, list[list[Any]]]:
        raise ZeroDivisionError("made by the test")

    async def fetch(self, symbol: str, first: int | None, last: int, since_ms: int | None) -> str | None:
        await self.answer(f"trades {first} to {last}")
        return "made by the test"


class Server:
    """Greets, asks what it is told to, and keeps what is said."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.said: list[dict[str, Any]] = []
        self.url = ""

    async def converse(self, socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(json.dumps(WELCOME))
        self.connections.append(socket)
        async for text in socket:
            message = json.loads(text)
            if message["type"] != "beat":
                self.said.append(message)

    async def ask(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            await self.connections[-1].send(json.dumps(message))


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Server, History]]:
    server, history = Server(), History()
    async with serve(server.converse, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        link = BridgeLink(f"ws://127.0.0.1:{port}/", "t", "sim", "test", fetch=history.fetch)
        link.offer(history)
        async with link:
            await until(lambda: len(server.connections) == 1)
            yield server, history


async def test_what_is_asked_for_again_is_done_once_and_answered_once() -> None:
    async with connected() as (server, history):
        later = {**BARS, "from_ms": 600_000, "to_ms": 1_200_000}
        await server.ask(BARS, TRADES, BARS | {"urgent": True}, TRADES, later)
        await until(lambda: history.begun["bars from 600000"] == 1)
        assert history.begun == {"bars from 0": 1, "trades 1 to 9": 1, "bars from 600000": 1}
        history.gate.set()
        await until(lambda: len(server.said) == 3)
        await server.ask(BARS)
        await until(lambda: len(server.said) == 4)
        assert sorted(message["type"] for message in server.said) == ["bars", "bars", "bars", "unfetchable"]
        assert history.begun["bars from 0"] == 2, "what was answered may be asked for again"


async def test_what_a_lost_connection_asked_for_ends_with_it() -> None:
    async with connected() as (server, history):
        marks = {"type": "fetch_funding", "kind": "mark", "symbols": ["BTCUSDT"]}
        await server.ask(BARS, TRADES, marks)
        await until(lambda: history.running.total() == 3)
        server.connections[0].transport.abort()
        await until(lambda: len(server.connections) == 2)
        assert history.running.total() == 0
        await server.ask(BARS, TRADES, marks)
        await until(lambda: history.begun.total() == 6)
        assert set(history.running.values()) == {1}, "nothing runs twice"
        history.gate.set()
        await until(lambda: len(server.said) == 2)
        assert sorted(message["type"] for message in server.said) == ["bars", "unfetchable"]


async def test_a_request_that_fails_otherwise_is_logged_and_the_connection_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connected() as (server, history):
        await server.ask({"type": "fetch_tickers"})
        await until(lambda: "a request of the server failed" in caplog.text)
        assert "ZeroDivisionError: made by the test" in caplog.text
        history.gate.set()
        await server.ask(BARS)
        await until(lambda: bool(server.said))
    assert len(server.connections) == 1
