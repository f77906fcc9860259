"""Copies of a watched pair's newest bars, for statistics that are read on request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.errors import SettingsError
from engine.pairs.layout import Out
from engine.pairs.leg import Col, Leg
from engine.stats.checks import Bools, Floats
from live.monitor import Monitor

BARS = 1_000  # newest of a pair, at most
LEAST_BARS = 30


@dataclass(frozen=True, slots=True)
class LegBars:
    """One leg's bars; ``close`` is carried over bars without a trade, ``volume`` 0 there; shape (bars,) each."""

    symbol: str
    close: Floats
    mid: Floats
    volume: Floats
    is_filled: Bools


@dataclass(frozen=True, slots=True)
class PairBars:
    """Bars of ``interval_ms`` that open in ``[from_ms, to_ms)``, with the spread of each, NaN where unknown."""

    market: str
    interval_ms: int
    from_ms: int
    to_ms: int
    y: LegBars
    x: LegBars
    spread: Floats


def newest_bars(monitor: Monitor, watch_id: int) -> PairBars:
    """The newest bars of a watched pair. Raises SettingsError where it is not watched or has too few."""
    with monitor.lock:
        watch = monitor.watches.get(watch_id)
        run = monitor.followed(watch) if watch is not None else None
        if watch is None or run is None or run.model.size < LEAST_BARS:
            have = run.model.size if run is not None else 0
            raise SettingsError(f"the pair has {have} bars; expected at least {LEAST_BARS} of a watched pair")
        model, first = run.model, max(run.model.size - BARS, 0)
        slot, count = (model.first_slot or 0) + first, model.size - first
        y, x = (
            _copied(leg, slot, count, name) for leg, name in zip(run.legs, (watch.entry.y, watch.entry.x), strict=True)
        )
        span_ms = model.open_time_ms(first), model.open_time_ms(model.size)
        spread = model.column(Out.SPREAD, first).copy()
        return PairBars(watch.entry.market, run.settings.interval_ms, *span_ms, y, x, spread)


def _copied(leg: Leg, slot: int, count: int, symbol: str) -> LegBars:
    begin = slot - leg.first_slot
    last, mid, volume, close = (leg.column(col, begin)[:count] for col in (Col.LAST, Col.MID, Col.VOLUME, Col.CLOSE))
    return LegBars(symbol, last.copy(), np.where(np.isnan(mid), last, mid), np.nan_to_num(volume), np.isnan(close))
