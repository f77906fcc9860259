"""Both ends of the bridge page's line, scripted: an exchange and a bridge server on loopback.

They keep to docs of the exchange and to the bridge protocol, remember everything that came, and break
off, fall silent or lie when a test says so. Each runs an event loop in a thread of its own; a test calls
them from its own thread.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

BRIDGE = Path(__file__).parent.parent.parent / "bridge"
TOKEN = "0123456789abcdef" * 4
Row = tuple[str, int, str, str, int, bool]


def wait_until(holds: Callable[[], Any], what: str, timeout_s: float = 15.0) -> Any:
    """Wait for a state; what it was is returned."""
    deadline = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain for: {what}"
        time.sleep(0.02)
    return found


def respond(text: str, kind: str, status: HTTPStatus = HTTPStatus.OK, **extra: str) -> Response:
    """A whole HTTP answer; ``extra`` headers with ``_`` for ``-``."""
    body = text.encode()
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
    for name, value in extra.items():
        headers[name.replace("_", "-")] = value
    return Response(status.value, status.phrase, headers, body)


class Peer:
    """A WebSocket and HTTP endpoint in a thread, that can vanish and come back on its port."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._sockets: set[ServerConnection] = set()
        self._server: Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Listen: on a free port at first, later on the same one."""
        self.run(self._start())

    def kill(self) -> None:
        """Vanish like a killed process: connections reset, nobody listening."""
        self.run(self._kill())

    def cut(self) -> None:
        """Reset every connection, and go on listening."""
        self.run(self._cut())

    def close(self) -> None:
        """End the thread."""
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Do something in the peer's own thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> None:
        self._server = await serve(
            self._meet, "127.0.0.1", self.port, process_request=self._answer, compression=None, ping_interval=None
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def _kill(self) -> None:
        if self._server is not None:
            await self._cut()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _cut(self) -> None:
        for socket in list(self._sockets):
            socket.transport.abort()
        await asyncio.sleep(0)

    async def _meet(self, socket: ServerConnection) -> None:
        self.connections += 1
        self._sockets.add(socket)
        try:
            await self.converse(socket)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)
            await self.left(socket)

    async def converse(self, socket: ServerConnection) -> None:
        """Speak with a client until it goes."""
        raise NotImplementedError

    async def left(self, socket: ServerConnection) -> None:
        """A client has gone."""

    def answer(self, path: str, query: dict[str, str], request: Request) -> Response | None:
        """An HTTP answer; None goes on to the WebSocket."""
        raise NotImplementedError

    def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return self.answer(parts.path, query, request)


class ScriptedServer(Peer):
    """The bridge server's side of the protocol. ``rows`` is what it would have stored."""

    def __init__(self, token: str = TOKEN) -> None:
        super().__init__()
        self.token = token
        self.rows: dict[tuple[str, str, int], Row] = {}
        self.duplicates = 0
        self.conflicts = 0
        self.messages: list[dict[str, Any]] = []
        self.arrivals: list[tuple[float, list[Any]]] = []  # monotonic seconds and rows of each batch
        self.faults: list[str] = []  # what a page did against the protocol
        self.acks = True
        self.refuse_price: str | None = None
        self._wanted: dict[ServerConnection, tuple[str, list[str]]] = {}
        self._holder: dict[tuple[str, str], ServerConnection] = {}

    def ids(self, symbol: str, market: str = "sim") -> list[int]:
        """Ids stored of a symbol, rising."""
        return sorted(key[2] for key in list(self.rows) if key[:2] == (market, symbol))

    def said(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one type, in order of arrival."""
        return [message for message in list(self.messages) if message.get("type") == kind]

    def fetch(self, symbol: str, first: int, last: int, market: str = "sim") -> None:
        """Ask whoever holds the symbol for missing ids."""
        self._ask(market, {"type": "fetch", "symbol": symbol, "from": first, "to": last})

    def warm_start(self, symbol: str, since_ms: int, last: int, market: str = "sim") -> None:
        """Ask whoever holds the symbol for its past, from a time on."""
        self._ask(market, {"type": "fetch", "symbol": symbol, "since_ms": since_ms, "to": last})

    def say(self, message: dict[str, Any]) -> None:
        """Send one message to every page."""
        for socket in list(self._wanted):
            self.run(socket.send(json.dumps(message)))

    def _ask(self, market: str, message: dict[str, Any]) -> None:
        self.run(self._holder[market, message["symbol"]].send(json.dumps(message)))

    async def converse(self, socket: ServerConnection) -> None:
        hello = json.loads(await socket.recv())
        self.messages.append(hello)
        if hello.get("token") != self.token:
            await socket.send(json.dumps({"type": "refused", "code": "bad-token", "message": "the token is not ours"}))
            await socket.close(4401, "bad-token")
            return
        market = hello["market"]
        limits = {"rows": 500, "in_flight": 32}
        await socket.send(json.dumps({"type": "welcome", "proto": 1, "high_water": {}, "limits": limits}))
        number: int | None = None
        async for text in socket:
            message = json.loads(text)
            self.messages.append(message)
            if message["type"] == "subscribe":
                self._wanted[socket] = (market, message["symbols"])
                await self._settle({socket})
            elif message["type"] == "ticks":
                if number is not None and message["seq"] != number + 1:
                    self.faults.append(f"seq {message['seq']} after {number}")
                number = message["seq"]
                await self._take(socket, market, message)
            elif message["type"] == "bye":
                await socket.close()

    async def left(self, socket: ServerConnection) -> None:
        self._wanted.pop(socket, None)
        for key in [key for key, holder in self._holder.items() if holder is socket]:
            del self._holder[key]
        await self._settle(set())

    def answer(self, path: str, query: dict[str, str], request: Request) -> Response | None:
        if path == "/health":
            return respond("{}", "application/json", Cross_Origin_Resource_Policy="same-origin")
        name = "index.html" if path == "/" else path.removeprefix("/")
        kinds = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
        file = BRIDGE / name
        if name == "token.js" or file.suffix not in kinds or not file.is_file():
            return respond("no such page", "text/plain", HTTPStatus.NOT_FOUND)
        mark = '<meta name="pairbridge-token" content="'
        text = file.read_text(encoding="utf-8").replace(mark + '"', mark + self.token + '"')
        return respond(text, kinds[file.suffix] + "; charset=utf-8", X_Frame_Options="DENY")

    async def _take(self, socket: ServerConnection, market: str, message: dict[str, Any]) -> None:
        stored = duplicates = conflicts = 0
        rejected: list[list[Any]] = []
        for index, row in enumerate(message["rows"]):
            key = (market, row[0], row[1])
            if row[2] == self.refuse_price:
                rejected.append([index, f"price is {row[2]!r}; expected more than 0"])
            elif key not in self.rows:
                self.rows[key] = tuple(row)
                stored += 1
            elif self.rows[key][2:4] == tuple(row[2:4]):
                duplicates += 1
            else:
                conflicts += 1
        self.duplicates += duplicates
        self.conflicts += conflicts
        self.arrivals.append((time.monotonic(), message["rows"]))
        if self.acks:
            counts = {"stored": stored, "duplicates": duplicates, "conflicts": conflicts, "rejected": rejected}
            await socket.send(json.dumps({"type": "ack", "seq": message["seq"], **counts}))

    async def _settle(self, tell: set[ServerConnection]) -> None:
        for socket, (market, symbols) in self._wanted.items():
            for symbol in symbols:
                if (market, symbol) not in self._holder:
                    self._holder[market, symbol] = socket
                    tell.add(socket)
        for socket in tell & set(self._wanted):
            market, symbols = self._wanted[socket]
            active = [symbol for symbol in symbols if self._holder[market, symbol] is socket]
            standby = [symbol for symbol in symbols if symbol not in active]
            await socket.send(json.dumps({"type": "lease", "active": active, "standby": standby}))


class ScriptedExchange(Peer):
    """An exchange in the shape of Binance USD-M. ``/market`` delivers; other routes acknowledge and stay silent."""

    def __init__(self, *symbols: str, first_id: int = 3_460_311_795) -> None:
        super().__init__()
        self.tape: dict[str, list[Row]] = {symbol: [] for symbol in symbols}
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
        return [row[1] for row in list(self.tape[symbol])]

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
        """Trades of every symbol in turn, so many a second altogether, until ``rest``."""
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
        return {"symbols": [{"symbol": symbol, **entry} for symbol in self.tape] + [{**entry, **delivery}, pending]}

    def _agg_trades(self, query: dict[str, str], readable: dict[str, str]) -> Response:
        symbol = query["symbol"]
        if self.rest_status is not None:
            return respond('{"code":-1003,"msg":"no"}', "application/json", self.rest_status, **readable)
        if symbol not in self.tape:
            body = '{"code":-1121,"msg":"Invalid symbol."}'
            return respond(body, "application/json", HTTPStatus.BAD_REQUEST, **readable)
        page = _page(list(self.tape[symbol]), query)
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
        self.tape[symbol].append(row)
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
        symbols = list(self.tape)
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
