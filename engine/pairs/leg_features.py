"""One leg's inputs to the rule: prices in both spaces, age, half-spread and flags, one column a bar.

A leg's inputs are computed once and read by every pair of the leg. Live they belong to a ``Leg``, which computes them
from trades; a ``PairModel`` that gets bars directly computes its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from engine.pairs.enums import Flag, LegFlag
from engine.pairs.growable_array import GrowableArray
from engine.pairs.layout import Floats, In
from engine.stats.jit import njit


class PairBar(NamedTuple):
    """One bar of both legs. Prices in quote currency; ages in ms; half-spreads as fractions, NaN unknown.

    ``y`` and ``x`` are the pair's prices. ``y_last`` and ``x_last`` are the last prints where those are mids; without
    them bounce is unknown. ``flags``: bits of ``enums.Flag``.
    """

    open_time_ms: int
    y: float
    x: float
    y_age_ms: float = 0.0
    x_age_ms: float = 0.0
    y_half_spread: float = math.nan
    x_half_spread: float = math.nan
    flags: int = 0
    y_last: float = math.nan
    x_last: float = math.nan


BAR_ROWS = len(PairBar._fields) - 1  # of a matrix of bars: the fields after the time
Y, X, Y_AGE, X_AGE, Y_HALF, X_HALF, FLAGS, Y_LAST, X_LAST = range(BAR_ROWS)


class LegFeatures:
    """The columns named in ``columns.In``; the one at place i is slot ``first_slot + i``."""

    __slots__ = ("_table", "first_slot", "size")

    def __init__(self, first_slot: int) -> None:
        self.first_slot = first_slot
        self.size = 0
        self._table = GrowableArray(len(In))

    @property
    def columns(self) -> Floats:
        """All rows, including spare capacity beyond ``size``."""
        return self._table.values

    def resize(self, bars: int) -> None:
        """Resize to ``bars`` bars, for the caller to write; keeps the content."""
        self._table.hold(bars)
        self.size = max(self.size, bars)


def put_bars(legs: tuple[LegFeatures, LegFeatures], place: int, bars: Floats) -> None:
    """Write ``bars``, shape (9, n), the fields of PairBar after its time, into both legs from ``place`` on.

    Raises ValueError, and writes nothing, if a price is not positive and finite, or an age is negative or unknown.
    """
    if bars.ndim != 2 or bars.shape[0] != BAR_ROWS:
        raise ValueError(f"bars have shape {bars.shape}; expected ({BAR_ROWS}, n)")
    bars = np.ascontiguousarray(bars, dtype=np.float64)
    row, at = first_refused(bars)
    if row >= 0:
        what = "0 ms or more" if row in (Y_AGE, X_AGE) else "a positive, finite number"
        raise ValueError(f"{PairBar._fields[row + 1]} is {float(bars[row, at])} in bar {place + at}; expected {what}")
    y, x = legs
    y.resize(place + bars.shape[1])
    x.resize(place + bars.shape[1])
    write_bars(bars, y.columns, x.columns, place)


@njit
def first_refused(bars: Floats) -> tuple[int, int]:
    """(row, bar) of the first invalid number; (-1, -1) if none. A last price may be unknown (NaN)."""
    for i in range(bars.shape[1]):
        for row in (Y, X, Y_LAST, X_LAST):
            value = bars[row, i]
            is_unknown = value != value and row >= Y_LAST
            if not (0.0 < value < np.inf or is_unknown):
                return row, i
        for row in (Y_AGE, X_AGE):
            if not bars[row, i] >= 0.0:
                return row, i
    return -1, -1


@njit
def write_bars(bars: Floats, y: Floats, x: Floats, place: int) -> None:
    """Bars into the columns of both legs from ``place`` on."""
    for i in range(bars.shape[1]):
        at = place + i
        flags = int(bars[FLAGS, i])
        shared = flags & ~(Flag.Y_FILLED | Flag.X_FILLED)
        y[In.MID, at], y[In.AGE, at], y[In.HALF, at] = bars[Y, i], bars[Y_AGE, i], bars[Y_HALF, i]
        x[In.MID, at], x[In.AGE, at], x[In.HALF, at] = bars[X, i], bars[X_AGE, i], bars[X_HALF, i]
        _put_last(y, at, bars[Y_LAST, i], shared | (LegFlag.FILLED if flags & Flag.Y_FILLED else 0))
        _put_last(x, at, bars[X_LAST, i], shared | (LegFlag.FILLED if flags & Flag.X_FILLED else 0))
    put_logs(y, place, place + bars.shape[1])
    put_logs(x, place, place + bars.shape[1])


@njit
def _put_last(leg: Floats, at: int, last: float, flags: int) -> None:
    """The last print; if unknown, the price is used instead and flagged."""
    is_known = last == last
    leg[In.LAST, at] = last if is_known else leg[In.MID, at]
    leg[In.FLAGS, at] = flags if is_known else flags | LegFlag.LAST_PRICE


@njit
def put_logs(leg: Floats, start: int, stop: int) -> None:
    """Logarithms of the prices, by the scalar function: SIMD versions differ between machines."""
    for i in range(start, stop):
        mid, last = leg[In.MID, i], leg[In.LAST, i]
        leg[In.LOG_MID, i] = log_mid = np.log(mid)
        leg[In.LOG_LAST, i] = log_mid if last == mid else np.log(last)
