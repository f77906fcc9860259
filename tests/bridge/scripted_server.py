"""A bridge server controlled by a test."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.bridge.peer import BRIDGE, TOKEN, Peer, Row, respond


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
        """Request missing ids from the active bridge of the symbol."""
        self._ask(market, {"type": "fetch", "symbol": symbol, "from": first, "to": last})

    def warm_start(self, symbol: str, since_ms: int, last: int, market: str = "sim") -> None:
        """Request history from a time on from the active bridge of the symbol."""
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
        mark = '<meta name="pairbridge-open" content="'
        text = file.read_text(encoding="utf-8").replace(mark + '"', mark + "/data/open-bridge.html" + '"')
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
