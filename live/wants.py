"""Which bars the watched pairs lack, and the connection that asks the bridge server for them.

A run wants its last ``history_bars`` bars. Those from before the first trade, and those inside gaps, can only be
an exchange's candles; which of them are stored already the server knows. Some beside the first trades are wanted
too: where both are whole, they are compared.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from engine.intake.history_messages import MAX_WANTED, BarSpan
from engine.intake.messages import PROTO
from engine.market.intervals import bar_open, candle_width
from engine.pairs.pipeline import Pipeline
from live.monitor import Monitor
from live.watch import Watch

log = logging.getLogger("pairbridge.monitor")

LOOK_S = 0.5
SETTLE_MS = 5_000  # after a bar's end: then its candle is final
CLOCK_MS = 60_000  # that this machine's clock may be ahead, where no trade tells the exchange's
GAP_MS = 600_000  # a younger gap may still be filled by its trades
OVERLAP_BARS = 12  # whole in ticks and wanted all the same, so that the two can be compared
MOST_GAPS = 1_000  # of one symbol; with more, candles are not asked for
RETRY_S = (0.5, 30.0)

Wants = dict[str, tuple[BarSpan, ...]]


def wanted_bars(watches: Iterable[Watch], pipelines: dict[str, Pipeline], history_bars: int, wall_ms: int) -> Wants:
    """By market, what the pairs lack and an exchange may have; of each symbol and width one span."""
    found: dict[str, dict[tuple[str, int], BarSpan]] = {}
    for watch in watches:
        candle_ms = candle_width(watch.settings.interval_ms)
        if candle_ms is None or watch.problem:
            continue
        market = watch.entry.market
        for symbol in (watch.entry.y, watch.entry.x):
            lacking = _lacking(pipelines.get(market), symbol, watch.settings.interval_ms, history_bars, wall_ms)
            if lacking is not None:
                known = found.setdefault(market, {}).get((symbol, candle_ms))
                from_ms, to_ms = lacking if known is None else (min(lacking[0], known[2]), max(lacking[1], known[3]))
                found[market][symbol, candle_ms] = BarSpan(symbol, candle_ms, from_ms, to_ms)
    return {market: tuple(spans.values())[:MAX_WANTED] for market, spans in found.items()}


def _lacking(
    pipeline: Pipeline | None, symbol: str, width_ms: int, history_bars: int, wall_ms: int
) -> tuple[int, int] | None:
    """From when to when bars of a width may have to be fetched; None where ticks have them all."""
    builder = pipeline.builder if pipeline is not None else None
    now_ms = builder.watermark_ms if builder is not None and builder.watermark_ms else wall_ms - CLOCK_MS
    until_ms = bar_open(now_ms - SETTLE_MS, width_ms)
    from_ms = until_ms - history_bars * width_ms
    first_ms = builder.first_ms(symbol) if builder is not None else None
    if builder is None or first_ms is None:
        return from_ms, until_ms
    whole_ms = bar_open(first_ms - 1, width_ms) + width_ms
    to_ms = whole_ms + OVERLAP_BARS * width_ms if whole_ms > from_ms else from_ms
    if 0 < builder.gap_count(symbol) <= MOST_GAPS:
        ended_ms = [end for _, end in builder.gap_spans(symbol) if from_ms < end <= now_ms - GAP_MS]
        to_ms = max([to_ms, *(bar_open(end - 1, width_ms) + width_ms for end in ended_ms)])
    to_ms = min(to_ms, until_ms)
    return (from_ms, to_ms) if from_ms < to_ms else None


class HistoryWants:
    """Tells the server what is wanted, one connection a market; it never blocks the monitor for long."""

    def __init__(self, monitor: Monitor, url: str, token: Callable[[], str | None], history_bars: int) -> None:
        """``url`` of the bridge port; ``token`` gives what the server made, None while there is none.
        ``history_bars``: 0 asks for nothing."""
        self._monitor = monitor
        self._url = url
        self._token = token
        self._history_bars = history_bars
        self._wants: Wants = {}
        self._changed = asyncio.Event()
        self._links: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look and tell until cancelled."""
        try:
            while self._history_bars:
                wants = await asyncio.to_thread(self._look)
                if wants != self._wants:
                    self._wants = dict.fromkeys(self._links, ()) | wants
                    self._changed.set()
                    self._changed = asyncio.Event()
                for market in wants.keys() - self._links.keys():
                    self._links[market] = asyncio.create_task(self._keep(market))
                await asyncio.sleep(LOOK_S)
        finally:
            for link in self._links.values():
                link.cancel()
            await asyncio.gather(*self._links.values(), return_exceptions=True)

    def _look(self) -> Wants:
        with self._monitor.lock:
            wall_ms = time.time_ns() // 1_000_000
            found = wanted_bars(self._monitor.watches.values(), self._monitor.pipelines, self._history_bars, wall_ms)
        return dict.fromkeys(self._links, ()) | found

    async def _keep(self, market: str) -> None:
        wait_s = RETRY_S[0]
        while True:
            token, began_s = self._token(), time.monotonic()
            try:
                if token is not None:
                    await self._tell(market, token)
            except (OSError, ConnectionClosed, InvalidHandshake) as error:
                log.debug("history of %s cannot be asked for: %s", market, error)
            wait_s = RETRY_S[0] if time.monotonic() - began_s > RETRY_S[1] else min(2 * wait_s, RETRY_S[1])
            await asyncio.sleep(wait_s)

    async def _tell(self, market: str, token: str) -> None:
        """One connection from its beginning to its end."""
        async with connect(self._url, compression=None, ping_interval=None) as socket:
            hello = {"type": "hello", "proto": PROTO, "token": token, "market": market, "client": "dashboard"}
            await socket.send(json.dumps(hello | {"session": str(uuid.uuid4()), "helper": True}))
            ended = asyncio.create_task(socket.wait_closed())
            reading = asyncio.create_task(_read(socket))
            try:
                while not ended.done():
                    changed = asyncio.create_task(self._changed.wait())
                    bars = [list(span) for span in self._wants.get(market, ())]
                    await socket.send(json.dumps({"type": "want", "bars": bars}))
                    await asyncio.wait({changed, ended}, return_when=asyncio.FIRST_COMPLETED)
                    changed.cancel()
            finally:
                reading.cancel()
                ended.cancel()


async def _read(socket: ClientConnection) -> None:
    """Nothing that the server answers is needed here: what it has stored is read from the store."""
    async for text in socket:
        log.debug("the server: %s", str(text)[:200])
