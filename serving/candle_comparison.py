"""Candles that came, beside the stored ticks of the same stretches: read from the store, in a thread of its own."""

from __future__ import annotations

from engine.intake.actions import StoreBars
from engine.market.candle_check import CandleDifference, differences, whole_bars
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.sourced import KLINE
from engine.store.interface import Backend

MOST_MS = 50_000 * SECOND_MS  # of ticks that one message is compared with: more would keep the disk busy


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
