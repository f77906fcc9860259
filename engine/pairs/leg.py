"""One symbol in bars of one width, from a first slot on: rolled up from seconds, prices carried over gaps.

Columns up to TAINTED belong to the bar alone. The others are carried: the trade-side quote and the last
price as they stood at the bar's end, so a bar without a trade repeats them with a growing age.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum, auto

import numpy as np

from engine.market.bars import Bar, roll_up
from engine.market.intervals import SECOND_MS
from engine.pairs.columns import Floats
from engine.stats.jit import njit

_FIRST_CAPACITY = 1_024


class Col(IntEnum):
    """Rows of a leg. Prices in quote currency, ages in ms at the bar's end, NaN where not known."""

    OPEN = 0
    HIGH = auto()
    LOW = auto()
    CLOSE = auto()
    VOLUME = auto()
    TRADES = auto()
    BID = auto()
    BID_AGE = auto()
    ASK = auto()
    ASK_AGE = auto()
    SIDED = auto()  # 1: every trade says which side was the taker
    LAST_AGE = auto()
    TAINTED = auto()  # 1: an open hole touches the bar
    QUOTE_BID = auto()
    QUOTE_ASK = auto()
    LAST = auto()
    LAST_MS = auto()
    MID = auto()
    HALF_SPREAD = auto()  # as a fraction of the mid


class Leg:
    """Bars of one symbol; the bar at place i is slot ``first_slot + i``."""

    def __init__(self, width_ms: int, first_slot: int) -> None:
        self.width_ms = width_ms
        self.first_slot = first_slot
        self.size = 0
        self._cols = np.full((len(Col), _FIRST_CAPACITY), np.nan)
        self._seconds: list[Bar] = []  # of the bar that is not complete yet, and later

    def close(self, seconds: Sequence[Bar], through_ms: int, spans: Sequence[tuple[int, int]]) -> int:
        """Every second before ``through_ms`` has been given out; returns how many bars that completed.

        ``spans``: the stretches of time that an open hole touches.
        """
        self._seconds += [bar for bar in seconds if bar.open_time_ms >= self.first_slot * self.width_ms]
        begin = self.size
        complete = through_ms // self.width_ms - self.first_slot
        if complete <= begin:
            return 0
        self._make_room(complete)
        at = 0
        for place in range(begin, complete):
            open_ms, until = self._bounds(place)
            first = at
            while at < len(self._seconds) and self._seconds[at].open_time_ms < until:
                at += 1
            self._put(place, open_ms, self._seconds[first:at], spans)
        del self._seconds[:at]
        self.size = complete
        carry(self._cols, begin, complete, self.first_slot, self.width_ms)
        return complete - begin

    def revise(
        self, from_ms: int, to_ms: int, bars: Callable[[int, int], Iterable[Bar]], spans: Sequence[tuple[int, int]]
    ) -> int:
        """Seconds in ``[from_ms, to_ms)`` changed, or whether a hole touches them; ``bars`` gives the seconds of a
        stretch as they are now. Returns the first place that may have changed (``size``: none)."""
        first = max(from_ms // self.width_ms - self.first_slot, 0)
        last = (to_ms - 1) // self.width_ms - self.first_slot
        for place in range(first, min(last + 1, self.size)):
            open_ms, until = self._bounds(place)
            self._put(place, open_ms, list(bars(open_ms, until)), spans)
        if last >= self.size:
            begin = (self.first_slot + self.size) * self.width_ms
            given_out = max([to_ms, *(bar.open_time_ms + SECOND_MS for bar in self._seconds)])
            self._seconds = list(bars(begin, given_out))
        if first < self.size:
            carry(self._cols, first, self.size, self.first_slot, self.width_ms)
        return min(first, self.size)

    def column(self, col: Col, start: int = 0) -> Floats:
        """A view of one row from ``start`` to the last complete bar. Not to be written."""
        return self._cols[col, start : self.size]

    def forming(self, later: Iterable[Bar]) -> Bar | None:
        """The bar that is not complete yet, from its seconds so far and the ones not given out yet (``later``)."""
        open_ms, until = self._bounds(self.size)
        seconds = [bar for bar in [*self._seconds, *later] if open_ms <= bar.open_time_ms < until]
        return roll_up(seconds, open_ms, self.width_ms) if seconds else None

    def _bounds(self, place: int) -> tuple[int, int]:
        open_ms = (self.first_slot + place) * self.width_ms
        return open_ms, open_ms + self.width_ms

    def _put(self, place: int, open_ms: int, seconds: list[Bar], spans: Sequence[tuple[int, int]]) -> None:
        cols = self._cols[:, place]
        cols[:] = np.nan
        until = open_ms + self.width_ms
        cols[Col.TAINTED] = any(start < until and end > open_ms for start, end in spans)
        cols[Col.VOLUME] = cols[Col.TRADES] = 0.0
        if not seconds:
            return
        bar = roll_up(seconds, open_ms, self.width_ms)
        cols[Col.OPEN], cols[Col.HIGH], cols[Col.LOW], cols[Col.CLOSE] = bar.open, bar.high, bar.low, bar.close
        cols[Col.VOLUME], cols[Col.TRADES] = bar.volume, bar.trades
        cols[Col.SIDED] = bar.price_basis == "quotes"
        if bar.bid is not None and bar.bid_age_ms is not None:
            cols[Col.BID], cols[Col.BID_AGE] = bar.bid, bar.bid_age_ms
        if bar.ask is not None and bar.ask_age_ms is not None:
            cols[Col.ASK], cols[Col.ASK_AGE] = bar.ask, bar.ask_age_ms
        ages = [age for age in (bar.bid_age_ms, bar.ask_age_ms) if age is not None]
        cols[Col.LAST_AGE] = min(ages) if ages else until - seconds[-1].open_time_ms - SECOND_MS

    def _make_room(self, bars: int) -> None:
        capacity = self._cols.shape[1]
        if bars > capacity:
            fresh = np.full((len(Col), max(bars, 2 * capacity)), np.nan)
            fresh[:, :capacity] = self._cols
            self._cols = fresh


@njit
def carry(cols: Floats, start: int, stop: int, first_slot: int, width_ms: int) -> None:
    """Carry quotes and last prices over the bars ``start .. stop - 1`` from the bar before.

    A side without a print keeps its older quote, clamped by the bar's prints: a sale below the old bid was
    itself a bid. A bar whose trades do not all name the taker's side ends the quote.
    """
    bid = ask = last = last_ms = np.nan
    if start > 0:
        bid, ask = cols[Col.QUOTE_BID, start - 1], cols[Col.QUOTE_ASK, start - 1]
        last, last_ms = cols[Col.LAST, start - 1], cols[Col.LAST_MS, start - 1]
    for i in range(start, stop):
        if cols[Col.TRADES, i] > 0.0:
            last = cols[Col.CLOSE, i]
            last_ms = (first_slot + i + 1) * width_ms - cols[Col.LAST_AGE, i]
            if cols[Col.SIDED, i] == 1.0:
                if cols[Col.BID, i] > 0.0:
                    bid = cols[Col.BID, i]
                elif cols[Col.LOW, i] < bid:
                    bid = cols[Col.LOW, i]
                if cols[Col.ASK, i] > 0.0:
                    ask = cols[Col.ASK, i]
                elif cols[Col.HIGH, i] > ask:
                    ask = cols[Col.HIGH, i]
            else:
                bid = ask = np.nan
        mid = (bid + ask) / 2.0
        cols[Col.QUOTE_BID, i], cols[Col.QUOTE_ASK, i] = bid, ask
        cols[Col.LAST, i], cols[Col.LAST_MS, i] = last, last_ms
        cols[Col.MID, i] = mid
        cols[Col.HALF_SPREAD, i] = max((ask - bid) / 2.0, 0.0) / mid
