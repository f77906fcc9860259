"""A bridge's connection to the server: reconnects and resends, and never drops a row."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from engine.files.vectors import EncodedBars, EncodedRows
from engine.intake.history_messages import BarSpan
from engine.market.limits import BEAT_MS
from feeds.bar_queue import BarQueue, BarRow
from feeds.batch_queue import BatchQueue, Row, Tally
from feeds.funding_queue import FundingQueue, FundingRow
from feeds.history_answers import ASKED_HISTORY, HistorySource, answers

log = logging.getLogger("pairbridge.feed")

RETRY_S = (0.1, 1.0)  # first and longest reconnect delay, for a local server

Fetch = Callable[[str, int | None, int, int | None], Awaitable[str | None]]
"""(symbol, first and last id, start time) -> why some ids are missing, or None. Without a first id, from the first
trade at or after that time on."""
Add = Callable[[list[str]], Awaitable[dict[str, Any]]]
"""Symbols to receive besides -> the answer: ``subscribe``, or ``unaddable``."""


class RefusedError(Exception):
    """The server refused this bridge; retrying is useless."""


class BridgeLink:
    """``async with`` maintains the connection; ``put`` adds rows; ``drained`` waits until all are stored."""

    def __init__(
        self,
        url: str,
        token: str,
        market: str,
        client: str,
        symbols: Sequence[str] = (),
        fetch: Fetch | None = None,
        max_queue: int = 1_000_000,
        helper: bool = False,
    ) -> None:
        """``fetch`` fetches missing ids, calls ``put`` and returns None, or returns why it failed.

        ``helper``: sends history only, and does not count as the market's live stream.
        """
        self._url = url
        self._hello: dict[str, Any] = {"type": "hello", "proto": 1, "token": token, "market": market, "client": client}
        self._hello |= {"session": str(uuid.uuid4()), "helper": helper}
        self._history: HistorySource | None = None
        self.symbols = list(symbols)
        self._add: Add | None = None
        self._fetch, self._max_queue = fetch, max_queue
        self._queue = BatchQueue()
        self.bars = BarQueue()
        self.funding = FundingQueue()
        self.high_water: dict[str, int] | None = None  # by symbol, as the server said at the last greeting
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._answering: dict[str, asyncio.Task[None]] = {}  # by what this connection is asked for
        self._socket: ClientConnection | None = None
        self.farewell = "stopped"
        self.active: frozenset[str] = frozenset(symbols)
        self.upstream = "connecting"
        self.last_frame_s: float | None = None

    def offer(self, history: HistorySource, add: Add | None = None) -> None:
        """Tell the server, from the next connection on, that it may ask for candles, funding, with ``add`` symbols."""
        self._history, self._add = history, add
        self._hello["can"] = [*history.can, "subscribe"] if add else history.can

    @property
    def tally(self) -> Tally:
        """What the server said of the rows so far."""
        return self._queue.tally

    async def __aenter__(self) -> BridgeLink:
        self._task = asyncio.create_task(self._keep_connected())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(json.dumps({"type": "bye", "reason": self.farewell}))
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def put(self, rows: Iterable[Row]) -> int:
        """Queue rows; waits while the queue is full. Returns their place, for ``when_stored``.

        Raises RefusedError when the server refuses this bridge.
        """
        self._check()
        place = self._queue.add(rows)
        self._wake.set()
        while self._queue.queued > self._max_queue:
            await self._move()
        return place

    async def put_encoded(self, rows: EncodedRows) -> None:
        """As ``put``, for rows that are encoded already."""
        self._check()
        self._queue.add_encoded(rows)
        self._wake.set()
        while self._queue.queued > self._max_queue:
            await self._move()

    async def put_encoded_bars(self, bars: EncodedBars, source: str) -> None:
        """As ``put_bars``, for bars that are encoded already."""
        self._check()
        while not self.bars.has_room(BarSpan(*bars[:4])):
            await self._move()
        self.bars.add_encoded(bars, source)
        self._wake.set()

    async def put_bars(self, span: BarSpan, rows: Sequence[BarRow], source: str) -> None:
        """Queue the bars of a span, at most 1,000; waits while the queue is full. Raises as ``put`` does."""
        self._check()
        while not self.bars.has_room(span):
            await self._move()
        self.bars.add(span, rows, source)
        self._wake.set()

    async def put_funding(self, rows: list[FundingRow]) -> None:
        """Queue readings of funding; waits while others wait. Raises as ``put`` does."""
        self._check()
        while self.funding:
            await self._move()
        self.funding.add(rows)
        self._wake.set()

    async def greeted(self) -> dict[str, int]:
        """The greatest stored id by symbol, once the server has said it. Raises RefusedError."""
        while self.high_water is None:
            await self._move()
        return self.high_water

    async def when_stored(self, place: int) -> None:
        """Return when every row up to ``place`` is acknowledged. Raises RefusedError when the server refuses this
        bridge."""
        while self._queue.acked < place:
            await self._move()

    async def drained(self) -> None:
        """Return when every row, bar and reading put so far is acknowledged."""
        await self.when_stored(self._queue.added)
        while self.bars or self.funding:
            await self._move()

    async def _move(self) -> None:
        self._check()
        moved = asyncio.create_task(self._moved.wait())
        assert self._task is not None
        await asyncio.wait({moved, self._task}, return_when=asyncio.FIRST_COMPLETED)
        moved.cancel()
        self._check()

    def _has_moved(self) -> None:
        self._wake.set()
        self._moved.set()
        self._moved = asyncio.Event()

    def _check(self) -> None:
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    async def _keep_connected(self) -> None:
        wait_s = RETRY_S[0]
        while True:
            try:
                async with connect(self._url, compression=None, max_size=None, ping_interval=None) as socket:
                    await self._greet(socket)
                    wait_s = RETRY_S[0]
                    await self._converse(socket)
            except (OSError, ConnectionClosed, InvalidHandshake) as error:
                log.info("no connection to the server: %s", error)
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))
            wait_s = min(wait_s * 2, RETRY_S[1])

    async def _greet(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps(self._hello))
        welcome = json.loads(await socket.recv())
        if welcome["type"] == "refused":
            raise RefusedError(f"the server refused the feed: {welcome['message']}")
        self._queue.connected(welcome["limits"]["rows"], welcome["limits"]["in_flight"])
        self.bars.connected()
        self.funding.connected()
        self.high_water = welcome["high_water"]
        self._has_moved()
        if self.symbols:
            await socket.send(json.dumps({"type": "subscribe", "symbols": self.symbols}))
        self._socket = socket
        self._wake.set()

    async def _converse(self, socket: ClientConnection) -> None:
        jobs = {asyncio.create_task(job(socket)) for job in (self._read, self._send_rows, self._send_beats)}
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._socket = None
            ending = [*jobs, *self._answering.values()]  # nobody hears the answers; the next connection asks again
            for job in ending:
                job.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
        for job in done:
            job.result()

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            message = msgspec.json.decode(text)
            kind = message["type"]
            if kind == "ack":
                self._queue.acknowledged(message)
                self._has_moved()
            elif kind == "bars_stored":
                self.bars.stored(message)
                self._has_moved()
            elif kind == "funding_stored":
                self.funding.stored(message)
                self._has_moved()
            elif kind == "lease":
                self.active = frozenset(message["active"])
            elif kind in ("fetch", "add_symbols") or kind in ASKED_HISTORY:
                self._answer(socket, message)
            elif kind == "refused":
                raise RefusedError(f"the server refused the feed: {message['message']}")

    def _answer(self, socket: ClientConnection, message: dict[str, Any]) -> None:
        """Begin with what the server asks for, unless that is being done: what takes long it asks for again."""
        key = json.dumps(message | {"urgent": False}, sort_keys=True)
        if key in self._answering:
            return
        if message["type"] == "fetch":
            work = self._serve_fetch(socket, message)
        elif message["type"] == "add_symbols" and self._add is not None:
            work = _say(socket, self._add(message["symbols"]))
        elif self._history is not None:
            work = _serve_history(socket, self._history, message)
        else:
            return
        task = self._answering[key] = asyncio.create_task(work)
        task.add_done_callback(lambda task: self._answered(key, task))

    def _answered(self, key: str, task: asyncio.Task[None]) -> None:
        del self._answering[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a request of the server failed: %s", key, exc_info=error)

    async def _send_rows(self, socket: ClientConnection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for message in (*self._queue.ready(), *self.bars.ready(), *self.funding.ready()):
                await socket.send(message)

    async def _send_beats(self, socket: ClientConnection) -> None:
        while True:
            age_ms = None if self.last_frame_s is None else round((time.monotonic() - self.last_frame_s) * 1_000)
            beat: dict[str, Any] = {"type": "beat", "upstream": self.upstream, "age_ms": age_ms}
            beat |= {"queued": self._queue.queued, "unacked": self._queue.unacked, "visible": True}
            await socket.send(json.dumps(beat | {"clock_ms": time.time_ns() // 1_000_000}))
            await asyncio.sleep(BEAT_MS / 1_000)

    async def _serve_fetch(self, socket: ClientConnection, message: dict[str, Any]) -> None:
        symbol, first, last = message["symbol"], message.get("from"), message["to"]
        reason = "this feed has no history to fetch from"
        if self._fetch is not None:
            problem = await self._fetch(symbol, first, last, message.get("since_ms"))
            if problem is None:
                return
            reason = problem
        answer = {"type": "unfetchable", "symbol": symbol, "from": first or 0, "to": last, "reason": reason}
        with contextlib.suppress(ConnectionClosed):  # the server repeats the request after the reconnect
            await socket.send(json.dumps(answer))


async def _say(socket: ClientConnection, answer: Awaitable[dict[str, Any]]) -> None:
    with contextlib.suppress(ConnectionClosed):  # the next connection subscribes anyway
        await socket.send(json.dumps(await answer))


async def _serve_history(socket: ClientConnection, source: HistorySource, asked: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionClosed):  # the server asks again after the reconnect
        async for answer in answers(source, asked):
            await socket.send(json.dumps(answer))
