"""Equity on a regular clock in UTC: returns of whole days or hours, flat ones included.

Returns a bar times the root of bars a year are no Sharpe ratio of a strategy that is flat most of the time, and bars
of different markets are not comparable; a day is. Only whole days (hours) give returns: a shorter one at either end has
a smaller variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, Ints, as_series, as_times, positive, same_length, whole
from engine.stats.representation import short_repr

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
STEPS_MS = {"daily": DAY_MS, "hourly": HOUR_MS}
YEAR_DAYS = 365  # crypto trades every day


@dataclass(frozen=True, slots=True, eq=False)
class EquityCurve:
    """Equity in quote currency at the close of each bar, capital included, checked. ``open_ms`` UTC, rising."""

    open_ms: Ints
    equity: Floats
    capital: float
    interval_ms: int

    __repr__ = short_repr

    @classmethod
    def of(cls, times_ms: ArrayLike, equity: ArrayLike, capital: float, interval_ms: int) -> EquityCurve:
        """``times_ms``: the bars' opens; ``capital``: the equity before the first bar.

        Raises ValueError for lengths that differ, times less than a bar apart, and a capital that is not positive.
        """
        values, times = as_series(equity, "equity"), as_times(times_ms, "times_ms")
        same_length(values, times, "equity", "times_ms")
        width = whole(interval_ms, "interval_ms", at_least=1)
        close = np.flatnonzero(np.diff(times) < width)
        if close.size:
            at = int(close[0]) + 1
            raise ValueError(f"times_ms[{at}] is {times[at] - times[at - 1]} ms after the bar before; expected {width}")
        return cls(times, values, positive(capital, "capital"), width)

    @property
    def closes_ms(self) -> Ints:
        """When each bar's equity was known."""
        return self.open_ms + self.interval_ms

    @property
    def span_ms(self) -> int:
        """From the open of the first bar to the close of the last."""
        return int(self.open_ms[-1] + self.interval_ms - self.open_ms[0])

    def at(self, times_ms: Ints) -> Floats:
        """Equity at the last close no later than each time; the capital before the first close."""
        places = np.searchsorted(self.closes_ms, times_ms, side="right")
        return np.concatenate(([self.capital], self.equity))[places]

    def marks(self, step_ms: int) -> Ints:
        """The bounds of the whole steps inside the span, ms UTC: one more than there are steps."""
        first = -(-int(self.open_ms[0]) // step_ms)
        last = int(self.open_ms[-1] + self.interval_ms) // step_ms
        return np.arange(first, max(last, first) + 1, dtype=np.int64) * step_ms

    def returns(self, step_ms: int) -> tuple[Ints, Floats]:
        """``(ends in ms UTC, simple returns)`` of the whole steps inside the span. All equity must be positive."""
        marks = self.marks(step_ms)
        levels = self.at(marks)
        return marks[1:], levels[1:] / levels[:-1] - 1.0

    def days(self) -> tuple[Ints, Floats]:
        """``(ends in ms UTC, simple returns)`` of all UTC days, shorter ones at both ends included."""
        end = int(self.open_ms[-1] + self.interval_ms)
        inner = np.arange(int(self.open_ms[0]) // DAY_MS + 1, -(-end // DAY_MS), dtype=np.int64) * DAY_MS
        marks = np.concatenate((inner, [end]))
        levels = np.concatenate(([self.capital], self.at(marks)))
        return marks, levels[1:] / levels[:-1] - 1.0
