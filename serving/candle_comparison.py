"""Candles that came, beside the stored ticks of the same stretches: read from the store, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from engine.errors import StoreError
from engine.intake.actions import StoreBars
from engine.market.candle_check import CandleDifference, differences, whole_bars
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.sourced import KLINE
from engine.store.interface import Backend

log = logging.getLogger("pairbridge.server")

MOST_MS = 50_000 * SECOND_MS  # of ticks that one message is compared with: more would keep the disk busy
MOST_WAITING = 32  # messages, each of another symbol or width
_LOGGED = 5  # differences of one message


def compare(backend: Backend, came: StoreBars, last_trade_ms: int) -> tuple[int, list[CandleDifference]]:
    """How many of the bars that came ticks have whole, and those that differ. ``last_trade_ms``: the symbol's newest.

    Ticks are whole after the second of the first one, up to the newest, where no id is missing. Raises StoreError.
    """
    symbol, width_ms, _, _ = came.span
    bars = [bar for bar in came.bars if bar.source == KLINE]
    reader = backend.bar_reader()
    try:
        extent = next((each for each in reader.symbols(came.market) if each.symbol == symbol), None)
    finally:
        reader.close()
    if extent is None or extent.has_gap:
        return 0, []
    whole = (extent.first_ms + 1, bar_open(last_trade_ms, SECOND_MS))
    chosen = whole_bars(bars, whole, max(MOST_MS, width_ms))
    if not chosen:
        return 0, []
    ticks = backend.tick_reader()
    try:
        seconds = ticks.bars(came.market, symbol, chosen[0].open_time_ms, chosen[-1].end_ms)
    finally:
        ticks.close()
    return len(chosen), differences(chosen, seconds)


class CandleComparison:
    """One comparison at a time. What comes meanwhile waits, the newest candles of each symbol and width: comparing is
    slower than storing, and a sample tells whether the two say the same."""

    def __init__(
        self, backend: Backend, last_trade_ms: Callable[[str, str], int | None],
        compared: Callable[[str, int, Sequence[CandleDifference]], None],
    ) -> None:  # fmt: skip
        """``last_trade_ms``: the newest trade of a market and symbol, None while it has none; ``compared`` is told the
        market, how many bars were compared, and those that differ."""
        self._backend = backend
        self._last_trade_ms = last_trade_ms
        self._compared = compared
        self._waiting: dict[tuple[str, str, int], StoreBars] = {}
        self._is_at_work = False

    async def compare(self, came: StoreBars) -> None:
        """Compare bars that were stored, and what comes meanwhile; returns at once where another call is doing that."""
        self._wait_with(came)
        if self._is_at_work:
            return
        self._is_at_work = True
        try:
            while self._waiting:
                await self._compare_one(self._waiting.pop(next(iter(self._waiting))))
        finally:
            self._is_at_work = False

    def _wait_with(self, came: StoreBars) -> None:
        if not came.bars or self._last_trade_ms(came.market, came.span.symbol) is None:
            return
        key = (came.market, came.span.symbol, came.span.width_ms)
        before = self._waiting.get(key)
        if before is None and len(self._waiting) == MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        if before is None or before.span.to_ms <= came.span.to_ms:
            self._waiting[key] = came

    async def _compare_one(self, came: StoreBars) -> None:
        last_ms = self._last_trade_ms(came.market, came.span.symbol)
        assert last_ms is not None
        try:
            bars, found = await asyncio.to_thread(compare, self._backend, came, last_ms)
        except StoreError as error:
            log.warning("candles of %s are not compared with ticks: %s", came.span.symbol, error)
            return
        for each in found[:_LOGGED]:
            log.warning("candle and ticks differ: %s", each)
        self._compared(came.market, bars, found)
