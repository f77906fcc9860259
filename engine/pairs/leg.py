"""One symbol in bars of one width, from a first slot on: aggregated from seconds, prices carried over gaps.

Columns up to SOURCED belong to the bar alone. The others are carried: the trade-side quote and the last price at the
bar's end, so a bar without a trade repeats them with a growing age. ``inputs`` holds the rows that all pairs read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum, auto

import numpy as np

from engine.market.bars import Bar, roll_up
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.sourced import SourcedBar, is_same
from engine.pairs.enums import LegFlag
from engine.pairs.growable_array import GrowableArray
from engine.pairs.layout import Floats, In
from engine.pairs.leg_features import LegFeatures, put_logs
from engine.stats.jit import njit
from engine.stats.quotes import carry_quote

Spans = Sequence[tuple[int, int]]
IsTouched = Callable[[int, int], bool]  # whether an open gap overlaps [from, to)


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
    SIDED = auto()  # 1: the taker side of every trade is known
    LAST_AGE = auto()
    TAINTED = auto()  # 1: an open gap overlaps the bar
    DOWN = auto()  # 1: the bridge was disconnected
    SOURCED = auto()  # 1: not made from ticks
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
        self.inputs = LegFeatures(first_slot)
        self._table = GrowableArray(len(Col))
        self._through_ms = first_slot * width_ms  # every second before has been received
        self._seconds: list[Bar] = []  # of the bar that is not complete yet, and later
        self._stand_ins: dict[int, SourcedBar] = {}  # by opening time
        self.ticks_from_ms = -math.inf  # when the symbol's first tick was

    @classmethod
    def of_bars(cls, width_ms: int, first_slot: int, bars: Floats) -> Leg:
        """A leg of these complete bars, one a column: the rows up to ``Col.SOURCED``; what is carried is computed."""
        leg = cls(width_ms, first_slot)
        leg.size = bars.shape[1]
        leg._table.hold(leg.size)
        leg._table.values[: Col.SOURCED + 1, : leg.size] = bars
        leg._through_ms = (first_slot + leg.size) * width_ms
        leg._carry(0)
        return leg

    def close(self, seconds: Sequence[Bar], through_ms: int, is_touched: IsTouched, outages: Spans = ()) -> int:
        """Every second before ``through_ms`` has been emitted; returns the number of bars this completed.

        ``outages``: the times ``[from, to)`` without the bridge.
        """
        first_ms = self.first_slot * self.width_ms
        self._seconds += [bar for bar in seconds if bar.open_time_ms >= self._through_ms]
        self._through_ms = max(self._through_ms, through_ms)
        begin = self.size
        complete = through_ms // self.width_ms - self.first_slot
        if complete <= begin:
            return 0
        self._table.hold(complete)
        at = 0
        for place in range(begin, complete):
            until = first_ms + (place + 1) * self.width_ms
            first = at
            while at < len(self._seconds) and self._seconds[at].open_time_ms < until:
                at += 1
            self._put(place, self._seconds[first:at], is_touched, outages)
        del self._seconds[:at]
        self.size = complete
        self._carry(begin)
        return complete - begin

    def take(self, bars: Iterable[SourcedBar]) -> None:
        """Bars of our width that stand in where ticks are not whole: in those that open before ``ticks_from_ms``, and
        where an open gap touches. What is complete stays as it is until ``stand_in`` or ``revise``."""
        self._stand_ins.update((bar.open_time_ms, bar) for bar in bars)

    def stand_in(self, from_ms: int, to_ms: int, is_touched: IsTouched, outages: Spans = ()) -> int:
        """Of the complete bars that open in ``[from_ms, to_ms)`` those that lack ticks are now the ones that were
        taken. Returns the first place that changed (``size``: none)."""
        changed = self.size
        for open_ms in sorted(at for at in self._stand_ins if from_ms <= at < to_ms):
            place = open_ms // self.width_ms - self.first_slot
            if 0 <= place < self.size and self._lacks_ticks(open_ms, is_touched):
                self._put(place, [], is_touched, outages)
                changed = min(changed, place)
        if changed < self.size:
            self._carry(changed)
        return changed

    def revise(
        self,
        from_ms: int,
        to_ms: int,
        bars: Callable[[int, int], Iterable[Bar]],
        is_touched: IsTouched,
        outages: Spans = (),
    ) -> int:
        """Seconds in ``[from_ms, to_ms)`` changed, or whether a gap overlaps them; ``bars`` returns the current seconds
        of an interval. Returns the first place that may have changed (``size``: none)."""
        first = max(from_ms // self.width_ms - self.first_slot, 0)
        last = (to_ms - 1) // self.width_ms - self.first_slot
        for place in range(first, min(last + 1, self.size)):
            self._put(place, list(bars(*self._bounds(place))), is_touched, outages)
        if last >= self.size:
            begin = (self.first_slot + self.size) * self.width_ms
            given_out = max([to_ms, *(bar.open_time_ms + SECOND_MS for bar in self._seconds)])
            self._seconds = list(bars(begin, given_out))
        if first < self.size:
            self._carry(first)
        return min(first, self.size)

    def longest_silence_ms(self, times_ms: Iterable[int]) -> int:
        """The longest time without a trade up to now, given the next seconds: those with trades, ascending, and the
        second up to which there are no others."""
        longest_ms, last_ms = 0, self._last_trade_ms()
        for time_ms in times_ms:
            longest_ms, last_ms = max(longest_ms, time_ms - last_ms), max(last_ms, time_ms)
        return longest_ms

    def sourced_spans_ms(self) -> list[tuple[int, int]]:
        """The stretches ``[from_ms, to_ms)`` of complete bars that were not made from ticks, rising."""
        is_sourced = np.concatenate([[0.0], self.column(Col.SOURCED), [0.0]])
        places = np.flatnonzero(np.diff(is_sourced)).tolist()
        times = [(self.first_slot + place) * self.width_ms for place in places]
        return list(zip(times[::2], times[1::2], strict=True))

    def compared(self) -> tuple[int, int]:
        """Of the complete bars that were made from ticks and came from another source too: how many there are, and how
        many of them differ in a price, or in volume by more than rounding."""
        compared = differing = 0
        for open_ms, bar in self._stand_ins.items():
            place = open_ms // self.width_ms - self.first_slot
            cols = self._table.values[:, place] if 0 <= place < self.size else None
            if cols is not None and cols[Col.TRADES] > 0.0 and not cols[Col.SOURCED] and not cols[Col.TAINTED]:
                made = bar._replace(open=cols[0], high=cols[1], low=cols[2], close=cols[3], volume=cols[4])
                compared, differing = compared + 1, differing + (not is_same(bar, made))
        return compared, differing

    def column(self, col: Col, start: int = 0) -> Floats:
        """A view of one row from ``start`` to the last complete bar. Not to be written."""
        return self._table.values[col, start : self.size]

    def forming(self, later: Iterable[Bar]) -> Bar | None:
        """The incomplete bar, from its seconds so far and those not emitted yet (``later``)."""
        open_ms, until = self._bounds(self.size)
        seconds = [bar for bar in [*self._seconds, *later] if open_ms <= bar.open_time_ms < until]
        return roll_up(seconds, open_ms, self.width_ms) if seconds else None

    def _last_trade_ms(self) -> int:
        """The newest trade's time, to the second; the leg's start before the first."""
        if self._seconds:
            return self._seconds[-1].open_time_ms
        known = self._table.values[Col.LAST_MS, self.size - 1] if self.size else np.nan
        return self.first_slot * self.width_ms if np.isnan(known) else bar_open(int(known), SECOND_MS)

    def _bounds(self, place: int) -> tuple[int, int]:
        open_ms = (self.first_slot + place) * self.width_ms
        return open_ms, open_ms + self.width_ms

    def _put(self, place: int, seconds: list[Bar], is_touched: IsTouched, outages: Spans) -> None:
        cols = self._table.values[:, place]
        cols[:] = np.nan
        open_ms, until = self._bounds(place)
        cols[Col.TAINTED] = is_touched(open_ms, until)
        cols[Col.DOWN] = any(until > left and open_ms <= back for left, back in outages)
        cols[Col.VOLUME] = cols[Col.TRADES] = cols[Col.SOURCED] = 0.0
        stand_in = self._stand_ins.get(open_ms)
        if stand_in is not None and self._lacks_ticks(open_ms, is_touched):
            self._put_stand_in(cols, stand_in)
            return
        if not seconds:
            return
        bar = seconds[0] if self.width_ms == SECOND_MS else roll_up(seconds, open_ms, self.width_ms)
        cols[: Col.TRADES + 1] = bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades
        cols[Col.SIDED] = bar.price_basis == "quotes"
        if bar.bid is not None and bar.bid_age_ms is not None:
            cols[Col.BID], cols[Col.BID_AGE] = bar.bid, bar.bid_age_ms
        if bar.ask is not None and bar.ask_age_ms is not None:
            cols[Col.ASK], cols[Col.ASK_AGE] = bar.ask, bar.ask_age_ms
        ages = [age for age in (bar.bid_age_ms, bar.ask_age_ms) if age is not None]
        cols[Col.LAST_AGE] = min(ages) if ages else until - seconds[-1].open_time_ms - SECOND_MS

    def _lacks_ticks(self, open_ms: int, is_touched: IsTouched) -> bool:
        return open_ms < self.ticks_from_ms or is_touched(open_ms, open_ms + self.width_ms)

    def _put_stand_in(self, cols: Floats, bar: SourcedBar) -> None:
        """Nothing is missing in it. When its last trade was it does not say: its close is taken for its end's."""
        cols[: Col.VOLUME + 1] = bar.open, bar.high, bar.low, bar.close, bar.volume
        cols[Col.TRADES] = 1.0 if bar.volume > 0.0 else 0.0
        cols[Col.SIDED] = cols[Col.TAINTED] = cols[Col.LAST_AGE] = 0.0
        cols[Col.SOURCED] = 1.0

    def _carry(self, start: int) -> None:
        self.inputs.resize(self.size)
        carry(self._table.values, self.inputs.columns, start, self.size, self.first_slot, self.width_ms)


@njit
def carry(cols: Floats, inputs: Floats, start: int, stop: int, first_slot: int, width_ms: int) -> None:
    """Carry quotes and last prices over the bars ``start .. stop - 1`` from the bar before, and write the inputs.

    A side without a print keeps its older quote, clamped by the bar's prints: a sale below the old bid was
    itself a bid. A bar with a trade of unknown taker side ends the quote.
    """
    bid = ask = last = last_ms = np.nan
    if start > 0:
        bid, ask = cols[Col.QUOTE_BID, start - 1], cols[Col.QUOTE_ASK, start - 1]
        last, last_ms = cols[Col.LAST, start - 1], cols[Col.LAST_MS, start - 1]
    for i in range(start, stop):
        end_ms = (first_slot + i + 1) * width_ms
        if cols[Col.TRADES, i] > 0.0:
            last = cols[Col.CLOSE, i]
            last_ms = end_ms - cols[Col.LAST_AGE, i]
            if cols[Col.SIDED, i] == 1.0:
                bid, ask = carry_quote(
                    bid, ask, cols[Col.BID, i], cols[Col.ASK, i], cols[Col.LOW, i], cols[Col.HIGH, i]
                )
            else:
                bid = ask = np.nan
        mid = (bid + ask) / 2.0
        cols[Col.QUOTE_BID, i], cols[Col.QUOTE_ASK, i] = bid, ask
        cols[Col.LAST, i], cols[Col.LAST_MS, i] = last, last_ms
        cols[Col.MID, i] = mid
        cols[Col.HALF_SPREAD, i] = max((ask - bid) / 2.0, 0.0) / mid
        inputs[In.MID, i], inputs[In.LAST, i] = (mid if mid == mid else last), last
        inputs[In.AGE, i] = end_ms - last_ms
        inputs[In.HALF, i] = cols[Col.HALF_SPREAD, i]
        inputs[In.FLAGS, i] = _flags(cols, i)
    put_logs(inputs, start, stop)


@njit
def _flags(cols: Floats, i: int) -> int:
    """Bits of ``enums.LegFlag``."""
    flags = 0
    if cols[Col.TRADES, i] == 0.0:
        flags |= LegFlag.FILLED
    if cols[Col.TAINTED, i] == 1.0:
        flags |= LegFlag.TAINTED
    if cols[Col.DOWN, i] == 1.0:
        flags |= LegFlag.BRIDGE_DOWN
    if not cols[Col.MID, i] > 0.0:
        flags |= LegFlag.LAST_PRICE
    if cols[Col.SOURCED, i] == 1.0:
        flags |= LegFlag.SOURCED
    return flags
