"""The direct feed: reads the exchange's stream from Python, where the network allows it."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from engine.market.limits import SILENCE_MS
from engine.market.ticks import row_of_frame
from feeds.bridge_client import BridgeLink
from feeds.known_symbols import wrong_symbols
from feeds.markets import Route
from feeds.rest import HistoryFetcher

log = logging.getLogger("pairbridge.feed")

FIRST_TRADE_S = 5.0  # connected, acknowledged and silent for longer: the address may be retired
ROTATE_S = 23 * 3_600.0  # the exchange closes after 24 h
PING_S = 20.0  # between two pings, and the timeout for a pong
_RETRY_S = (0.5, 30.0)
_STABLE_S = 60.0  # open for longer: resets the reconnect delay
_QUEUE = 20_000  # rows; above it reading stops, so that a fast replay waits for the disk


class DirectFeed:
    """Forwards one market's symbols until cancelled."""

    def __init__(self, route: Route, symbols: list[str]) -> None:
        self._route = route
        self._symbols = symbols
        self._history = HistoryFetcher(route)
        self._socket: ClientConnection | None = None
        self.link: BridgeLink | None = None
        self._has_traded = False
        self._is_warned = False  # that this address may be retired

    async def run(self, url: str, token: str) -> None:
        """``url`` and ``token`` of the bridge server. Raises RefusedError when it refuses the feed."""
        history = self._history
        self.link = BridgeLink(
            url, token, self._route.market, "direct feed", self._symbols, history.fetch, max_queue=_QUEUE
        )
        self.link.offer(history.candles, self._add)
        history.sink = self.link
        async with self.link:
            wait_s = _RETRY_S[0]
            while True:
                began = time.monotonic()
                is_renewed = await self._connect(self.link)
                if is_renewed:
                    continue
                self.link.upstream = "connecting"
                wait_s = _RETRY_S[0] if time.monotonic() - began > _STABLE_S else min(wait_s * 2, _RETRY_S[1])
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))

    async def _connect(self, link: BridgeLink) -> bool:
        """Run one connection until it ends; returns whether to replace it at once."""
        asked = self._symbols
        try:
            address = self._route.stream_url(asked)
            async with connect(address, max_size=2**20, ping_interval=PING_S, ping_timeout=PING_S) as socket:
                log.info("connected to %s", self._route.stream)
                self._socket = socket
                why = await self._read(socket, link) if asked is self._symbols else "symbols were added"
        except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError) as error:
            if asked is self._symbols:
                log.warning("the exchange's stream ended: %s", error)
                return False
            why = "symbols were added"
        finally:
            self._socket = None
        log.info("connecting to %s again: %s", self._route.stream, why)
        return True

    async def _add(self, symbols: list[str]) -> dict[str, Any]:
        """Receive these too; what trades while the stream is opened anew is a gap, which the server has fetched."""
        wrong = await wrong_symbols(self._history.candles, symbols)
        if wrong:
            return {"type": "unaddable", "symbols": symbols, "reason": wrong[:500]}
        if new := [symbol for symbol in symbols if symbol not in self._symbols]:
            self._symbols = [*self._symbols, *new]
            if self._socket is not None:
                self._socket.transport.abort()
        if self.link is not None:
            self.link.symbols = self._symbols
        return {"type": "subscribe", "symbols": self._symbols}

    async def _read(self, socket: ClientConnection, link: BridgeLink) -> str:
        """Forward trades until the connection must be replaced; returns why."""
        decode = msgspec.json.Decoder().decode
        rotate_at = time.monotonic() + ROTATE_S
        silent_at = time.monotonic() + SILENCE_MS / 1_000
        while True:
            try:
                async with asyncio.timeout(self._patience_s(min(rotate_at, silent_at))):
                    text = await socket.recv()
            except TimeoutError:
                now = time.monotonic()
                if now >= rotate_at:
                    return "the exchange ends connections after a day"
                if now >= silent_at:
                    return f"no data for {SILENCE_MS / 1_000:.0f} s"
                link.upstream = "wrong-route"
                log.warning("%s accepts the connection but sends no trades", self._route.stream)
                self._is_warned = True
                continue
            try:
                frame = decode(text)
            except msgspec.DecodeError as error:
                log.warning("a frame that is not JSON was skipped: %s", error)
                continue
            row = row_of_frame(frame)
            if row is not None:
                self._has_traded = True
                link.upstream, link.last_frame_s = "open", time.monotonic()
                silent_at = link.last_frame_s + SILENCE_MS / 1_000
                if row[0] in link.active:
                    await link.put([row])
            elif _is_shutdown(frame):
                return "the exchange is shutting this server down"
            if time.monotonic() >= rotate_at:
                return "the exchange ends connections after a day"

    def _patience_s(self, until_s: float) -> float:
        """How long to wait for the next frame: shorter before the first trade ever, to detect a wrong route."""
        left_s = max(until_s - time.monotonic(), 0.0)
        return left_s if self._has_traded or self._is_warned else min(left_s, FIRST_TRADE_S)


def _is_shutdown(frame: object) -> bool:
    data = frame.get("data", frame) if isinstance(frame, dict) else None
    return isinstance(data, dict) and data.get("e") == "serverShutdown"
