"""Helpers of the socket tests: a client that records every message, and waits for states."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from simulator import ExchangeSettings, SimulatedExchange, Trade, coins_named

DEADLINE_S = 15.0
BUSY = coins_named(["BTCUSDT", "ETHUSDT"], rate=100.0)  # 800 and 600 trades a second


def busy(**changes: object) -> SimulatedExchange:
    """A busy market, with weight enough for every test."""
    return SimulatedExchange(ExchangeSettings(coins=BUSY, weight_limit=10**9, **changes))  # type: ignore[arg-type]


class StreamListener:
    """A WebSocket client whose messages gather in ``texts`` until the connection ends."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.texts: list[str] = []
        self._trades: dict[str, list[Trade]] = {}
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            while True:
                message = await self.connection.recv()
                assert isinstance(message, str)
                self.texts.append(message)
                self._note(message)
                self._changed.set()
        except ConnectionClosed:
            self._changed.set()

    @property
    def ended(self) -> bool:
        return self._task.done()

    @property
    def close_code(self) -> int | None:
        return self.connection.close_code

    async def until(self, state: Callable[[], bool]) -> None:
        """Wait for a state that messages, or the end of the connection, bring about."""
        async with asyncio.timeout(DEADLINE_S):
            while not state():
                await self._changed.wait()
                self._changed.clear()
                if self.ended:
                    await asyncio.sleep(0)
                    assert state(), f"the connection ended after {len(self.texts)} messages, code {self.close_code}"

    async def ask(self, request: Any) -> Any:
        """Send a request (text as it is, anything else as JSON); its reply."""
        seen = len(self.replies())
        await self.connection.send(request if isinstance(request, (str, bytes)) else json.dumps(request))
        await self.until(lambda: len(self.replies()) > seen)
        return self.replies()[seen]

    def replies(self) -> list[Any]:
        """The messages that answer requests."""
        return [json.loads(text) for text in self.texts if text.startswith(('{"result"', '{"code"', '{"error"'))]

    def trades(self, symbol: str) -> list[Trade]:
        """The aggregate trades of one symbol, in order of arrival, wrapped or not."""
        return list(self._trades.get(symbol, ()))

    def ids(self, symbol: str) -> list[int]:
        return [trade.agg_id for trade in self.trades(symbol)]

    def _note(self, text: str) -> None:
        if '"e":"aggTrade"' in text:
            frame = json.loads(text)
            data = frame.get("data", frame)
            trade = Trade(data["s"], data["a"], data["p"], data["q"], data["T"], data["m"])
            self._trades.setdefault(trade.symbol, []).append(trade)

    async def until_traded(self, symbol: str, count: int) -> None:
        await self.until(lambda: len(self.ids(symbol)) >= count)


@asynccontextmanager
async def listening(exchange: SimulatedExchange, target: str) -> AsyncIterator[StreamListener]:
    async with connect(exchange.ws_url + target, compression=None, max_queue=None) as connection:
        yield StreamListener(connection)


def combined(*symbols: str) -> str:
    """The combined stream of these symbols' trades."""
    return "/market/stream?streams=" + "/".join(f"{symbol.lower()}@aggTrade" for symbol in symbols)


async def eventually(state: Callable[[], bool]) -> None:
    """Wait for a state of the exchange itself."""
    async with asyncio.timeout(DEADLINE_S):
        while not state():  # noqa: ASYNC110 (there is no event for a state seen from outside)
            await asyncio.sleep(0.005)


async def get(exchange: SimulatedExchange, target: str, **params: Any) -> httpx.Response:
    # Without TLS, because making its context takes longer than the request.
    async with httpx.AsyncClient(timeout=DEADLINE_S, verify=False) as client:
        return await client.get(exchange.rest_url + target, params=params or None)


async def fault(exchange: SimulatedExchange, kind: str, **params: Any) -> Any:
    """A fault over HTTP, which must be accepted."""
    answer = await get(exchange, "/sim/fault", kind=kind, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def paged(exchange: SimulatedExchange, symbol: str, from_id: int) -> list[Trade]:
    """Everything from ``from_id`` on, page by page over REST."""
    trades: list[Trade] = []
    while True:
        answer = await get(exchange, "/fapi/v1/aggTrades", symbol=symbol, fromId=from_id, limit=1_000)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        trades += [Trade(symbol, t["a"], t["p"], t["q"], t["T"], t["m"]) for t in page]
        if len(page) < 1_000:
            return trades
        from_id = page[-1]["a"] + 1
