"""An exchange controlled by a test."""

from __future__ import annotations

import asyncio
import json
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.bridge.peer import Peer, Row, respond


class ScriptedExchange(Peer):
    """An exchange in the shape of Binance USD-M. ``/market`` delivers; other routes acknowledge but send no data."""

    def __init__(self, *symbols: str, first_id: int = 3_460_311_795) -> None:
        super().__init__()
        self.trade_history: dict[str, list[Row]] = {symbol: [] for symbol in symbols}
        self._next = dict.fromkeys(symbols, first_id)
        self._streams: dict[ServerConnection, set[str]] = {}
        self.rest_status: HTTPStatus | None = None  # answered to aggTrades in place of trades
        self.rest_is_readable = True
        self.requests: list[str] = []
        self.made: dict[tuple[str, int], float] = {}  # monotonic seconds of each trade
        self._flowing: asyncio.Task[None] | None = None

    @property
    def sockets(self) -> int:
        """Connections that asked for a stream and are open now."""
        return len(self._streams)

    def ids(self, symbol: str) -> list[int]:
        """Ids of every trade so far."""
        return [row[1] for row in list(self.trade_history[symbol])]

    def trade(self, symbol: str, count: int = 1, *, hidden: bool = False, ago_ms: int = 0) -> list[Row]:
        """Trades happen (or did, so long ago); ``hidden`` ones are not delivered, REST has them."""
        return self.run(self._trade(symbol, count, hidden, ago_ms))

    def skip_ids(self, symbol: str, count: int) -> None:
        """Ids that never existed."""
        self._next[symbol] += count

    def repeat(self, symbol: str, row: Row) -> None:
        """Deliver a trade (once more)."""
        self.run(self._deliver(symbol, [row]))

    def send_all(self, frame: Any) -> None:
        """Put any frame on every stream."""
        self.run(self._send_all(json.dumps(frame)))

    def flow(self, per_s: float) -> None:
        """Trades of every symbol in turn, at this total rate per second, until ``rest``."""
        self.run(self._flow(per_s))

    def rest(self) -> None:
        """The flow ends."""
        self.run(self._rest())

    async def converse(self, socket: ServerConnection) -> None:
        parts = urlsplit(socket.request.path if socket.request else "/")
        if parts.path == "/market/stream":
            names = parse_qs(parts.query).get("streams", [""])[0].split("/")
            self._streams[socket] = {unquote(name).removesuffix("@aggTrade").upper() for name in names}
        await socket.send(json.dumps({"result": None, "id": 1}))
        await socket.wait_closed()

    async def left(self, socket: ServerConnection) -> None:
        self._streams.pop(socket, None)

    def answer(self, path: str, query: dict[str, str], request: Request) -> Response | None:
        self.requests.append(request.path)
        readable = {"Access_Control_Allow_Origin": "*"} if self.rest_is_readable else {}
        if path == "/fapi/v1/time":
            return respond(json.dumps({"serverTime": int(time.time() * 1000)}), "application/json", **readable)
        if path == "/fapi/v1/exchangeInfo":
            return respond(json.dumps(self._info()), "application/json", **readable)
        if path == "/fapi/v1/aggTrades":
            return self._agg_trades(query, readable)
        return respond("{}", "application/json", HTTPStatus.NOT_FOUND, **readable)

    def _info(self) -> dict[str, Any]:
        entry = {"contractType": "PERPETUAL", "status": "TRADING", "deliveryDate": 4133404800000}
        delivery = {"symbol": "BTCUSDT_261225", "contractType": "CURRENT_QUARTER", "deliveryDate": 1798185600000}
        pending = {"symbol": "BTCSTUSDT", "contractType": "", "status": "PENDING_TRADING"}
        return {
            "symbols": [{"symbol": symbol, **entry} for symbol in self.trade_history] + [{**entry, **delivery}, pending]
        }

    def _agg_trades(self, query: dict[str, str], readable: dict[str, str]) -> Response:
        symbol = query["symbol"]
        if self.rest_status is not None:
            return respond('{"code":-1003,"msg":"no"}', "application/json", self.rest_status, **readable)
        if symbol not in self.trade_history:
            body = '{"code":-1121,"msg":"Invalid symbol."}'
            return respond(body, "application/json", HTTPStatus.BAD_REQUEST, **readable)
        page = _page(list(self.trade_history[symbol]), query)
        if page is None:
            body = '{"code":-1128,"msg":"Combination of optional parameters invalid."}'
            return respond(body, "application/json", HTTPStatus.BAD_REQUEST, **readable)
        trades = [{"a": row[1], "p": row[2], "q": row[3], "f": 1, "l": 1, "T": row[4], "m": row[5]} for row in page]
        return respond(json.dumps(trades), "application/json", **readable)

    def _new(self, symbol: str, ago_ms: int) -> Row:
        agg_id = self._next[symbol]
        self._next[symbol] += 1
        price = f"{85_000 + agg_id % 997}.{agg_id % 100:02d}"
        row = (symbol, agg_id, price, f"0.{1 + agg_id % 998:03d}", int(time.time() * 1000) - ago_ms, bool(agg_id % 3))
        self.trade_history[symbol].append(row)
        self.made[symbol, agg_id] = time.monotonic()
        return row

    async def _trade(self, symbol: str, count: int, hidden: bool = False, ago_ms: int = 0) -> list[Row]:
        rows = [self._new(symbol, ago_ms) for _ in range(count)]
        if not hidden:
            await self._deliver(symbol, rows)
        return rows

    async def _deliver(self, symbol: str, rows: list[Row]) -> None:
        frames = [json.dumps(_frame(row)) for row in rows]
        for socket, symbols in list(self._streams.items()):
            if symbol in symbols:
                await self._send(socket, frames)

    async def _send_all(self, text: str) -> None:
        for socket in list(self._streams):
            await self._send(socket, [text])

    @staticmethod
    async def _send(socket: ServerConnection, frames: list[str]) -> None:
        try:
            for frame in frames:
                await socket.send(frame)
        except ConnectionClosed:
            pass

    async def _flow(self, per_s: float) -> None:
        await self._rest()
        self._flowing = asyncio.create_task(self._keep_flowing(per_s))

    async def _keep_flowing(self, per_s: float) -> None:
        started, made = time.monotonic(), 0
        symbols = list(self.trade_history)
        while True:
            await asyncio.sleep(0.005)
            while made < (time.monotonic() - started) * per_s:
                await self._trade(symbols[made % len(symbols)], 1)
                made += 1

    async def _rest(self) -> None:
        if self._flowing is not None:
            self._flowing.cancel()
            await asyncio.gather(self._flowing, return_exceptions=True)
            self._flowing = None

    async def _kill(self) -> None:
        await self._rest()
        await super()._kill()


def _page(rows: list[Row], query: dict[str, str]) -> list[Row] | None:
    """The rows asked for; None where an id goes with a time, or a window of time is longer than an hour."""
    limit = int(query.get("limit", "500"))
    start, end = (int(query[name]) if name in query else None for name in ("startTime", "endTime"))
    if "fromId" in query:
        both = start is not None or end is not None
        return None if both else [row for row in rows if row[1] >= int(query["fromId"])][:limit]
    if start is None or end is None:
        return rows[-limit:]
    return None if end - start > 3_600_000 else [row for row in rows if start <= row[4] <= end][:limit]


def _frame(row: Row) -> dict[str, Any]:
    """A combined-stream frame as it is since 2026, with the fields that are to be ignored."""
    symbol, agg_id, price, quantity, time_ms, maker = row
    data = {"e": "aggTrade", "E": time_ms + 4, "a": agg_id, "s": symbol, "p": price, "q": quantity, "nq": "0.001",
            "f": 1, "l": 1, "T": time_ms, "m": maker, "st": 1}  # fmt: skip
    return {"stream": f"{symbol.lower()}@aggTrade", "data": data}
