"""The direct feed: the exchange's stream read from Python, where the network allows it."""

from __future__ import annotations

import asyncio
import logging
import random
import time

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from engine.market.ticks import row_of_frame
from feeds.link import BridgeLink
from feeds.markets import Route
from feeds.rest import HistoryFetcher

log = logging.getLogger("pairbridge.feed")

FIRST_TRADE_S = 5.0  # connected, acknowledged and silent for longer: the address may be a retired one
_RETRY_S = (0.5, 30.0)
_ROTATE_S = 23 * 3_600  # the exchange closes after 24 h
_QUEUE = 20_000  # rows; past it we stop reading, so that a fast replay waits for the disk


class DirectFeed:
    """Forwards one market's symbols until cancelled."""

    def __init__(self, route: Route, symbols: list[str]) -> None:
        self._route = route
        self._symbols = symbols
        self.link: BridgeLink | None = None

    async def run(self, url: str, token: str) -> None:
        """``url`` and ``token`` of the bridge server. Raises RefusedError when it does not want us."""
        history = HistoryFetcher(self._route)
        self.link = BridgeLink(
            url, token, self._route.market, "direct feed", self._symbols, history.fetch, max_queue=_QUEUE
        )
        history.link = self.link
        async with self.link:
            wait_s = _RETRY_S[0]
            while True:
                began = time.monotonic()
                try:
                    address = self._route.stream_url(self._symbols)
                    async with connect(address, max_size=2**20, ping_interval=None) as socket:
                        log.info("connected to %s", self._route.stream)
                        await self._read(socket, self.link)
                except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError) as error:
                    log.warning("the exchange's stream ended: %s", error)
                self.link.upstream = "connecting"
                wait_s = _RETRY_S[0] if time.monotonic() - began > 60 else min(wait_s * 2, _RETRY_S[1])
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))

    async def _read(self, socket: ClientConnection, link: BridgeLink) -> None:
        decode = msgspec.json.Decoder().decode
        opened = time.monotonic()
        first = True
        while True:
            try:
                async with asyncio.timeout(FIRST_TRADE_S if first else None):
                    text = await socket.recv()
            except TimeoutError:
                link.upstream = "wrong-route"
                log.warning("%s accepts the connection but sends no trades", self._route.stream)
                continue
            try:
                frame = decode(text)
            except msgspec.DecodeError as error:
                log.warning("a frame that is not JSON was skipped: %s", error)
                continue
            row = row_of_frame(frame)
            if row is None:
                if _is_shutdown(frame):
                    return
                continue
            first = False
            link.upstream = "open"
            link.last_frame_s = time.monotonic()
            if row[0] in link.active:
                await link.put([row])
            if link.last_frame_s - opened > _ROTATE_S:
                return


def _is_shutdown(frame: object) -> bool:
    data = frame.get("data", frame) if isinstance(frame, dict) else None
    return isinstance(data, dict) and data.get("e") == "serverShutdown"
