"""The half-spreads that a fill pays where none is set: those of the bars in which it is filled, by the live leg's own
code over the trades of the bar and of the minute before it, from which a quote can be carried into it."""

from __future__ import annotations

import itertools

import numpy as np

from engine.market.bars import second_bar
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.ticks import Tick
from engine.pairs.leg import Col, Leg
from engine.store.bulk import BulkReader

_BEFORE_MS = 60_000
_MOST_MS = 600_000  # of a wide bar its end: the closing quotes are its last prints


def half_spread_at(reader: BulkReader, market: str, symbol: str, open_ms: int, width_ms: int) -> float | None:
    """At the end of the bar that opens at ``open_ms``, as a fraction of the mid; None where the trades do not tell."""
    until = open_ms + width_ms
    from_ms = bar_open(max(open_ms - _BEFORE_MS, until - _MOST_MS), SECOND_MS)
    ticks = [
        Tick(symbol, *row)
        for frame in reader.ticks(market, symbol, from_ms, until)
        for row in frame.select("agg_id", "price", "quantity", "trade_time_ms", "buyer_is_maker").iter_rows()
    ]
    ticks.sort(key=lambda tick: tick.trade_time_ms)
    seconds = itertools.groupby(ticks, key=lambda tick: bar_open(tick.trade_time_ms, SECOND_MS))
    leg = Leg(width_ms, min(from_ms, open_ms) // width_ms)
    leg.close([second_bar(at, each) for at, each in seconds], until, lambda *_: False)
    found = float(leg.column(Col.HALF_SPREAD)[-1])
    return None if np.isnan(found) else found
