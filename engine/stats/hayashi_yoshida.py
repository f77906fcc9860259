"""Correlation of two legs that trade at different times, without resampling.

Forward-filling both legs to one-second bars delays each leg's move by a different time, so a true correlation of 0.80
reads 0.49 (trap T5). Hayashi and Yoshida add the product of two returns whenever their intervals overlap, and need no
grid. On prints the bid-ask bounce still inflates the variances: a true 0.80 reads 0.33 at a half-spread of half a
one-second sigma; give it the trade-side mid.

Sources: Hayashi and Yoshida 2005; Hoffmann, Rosenbaum and Yoshida 2013 (shifting one leg to find the leader).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, Ints, as_series, as_times, same_length
from engine.stats.jit import njit
from engine.stats.representation import short_repr


@dataclass(frozen=True, slots=True)
class HayashiYoshida:
    """``correlation`` (also ``float(result)``); NaN where a leg is constant or the two never overlap.

    In a small sample it may exceed 1 in size. ``covariance`` and the two realised variances are sums over all of it,
    in the square of p's unit.
    """

    correlation: float
    covariance: float
    variance_1: float
    variance_2: float

    def __float__(self) -> float:
        return self.correlation


@dataclass(frozen=True, slots=True, eq=False)
class LeadLag:
    """``correlation`` at each of ``lags_ms``; ``best_lag_ms`` maximises its size, None where no value is known.

    A positive lag means that leg 1 leads: leg 2 follows that much later.
    """

    lags_ms: Ints
    correlation: Floats
    best_lag_ms: int | None

    __repr__ = short_repr


@njit
def hayashi_yoshida_kernel(t1: Ints, p1: Floats, t2: Ints, p2: Floats, shift: int) -> float:
    """Sum of r1 r2 over all pairs of overlapping intervals, leg 2 moved ``shift`` ms earlier; times strictly
    increasing.

    NaN where no two intervals overlap. The sum over the intervals of leg 2 that overlap one of leg 1 is the difference
    of its prices at their two ends, so one pass suffices.
    """
    total = 0.0
    met = False
    first, last = 0, 0
    for i in range(1, t1.size):
        start, end = t1[i - 1], t1[i]
        while first + 1 < t2.size and t2[first + 1] - shift <= start:
            first += 1  # the last tick of leg 2 at or before the start of the interval
        last = max(last, first)
        while last + 1 < t2.size and t2[last] - shift < end:
            last += 1  # its first tick at or after the end
        met = met or last > first
        total += (p1[i] - p1[i - 1]) * (p2[last] - p2[first])
    return total if met else np.nan


@njit
def realised_variance(p: Floats) -> float:
    """Sum of squared changes."""
    total = 0.0
    for i in range(1, p.size):
        step = p[i] - p[i - 1]
        total += step * step
    return total


def hayashi_yoshida(t1: ArrayLike, p1: ArrayLike, t2: ArrayLike, p2: ArrayLike) -> HayashiYoshida:
    """Correlation of the changes of ``p1`` and ``p2``, each at its own times (int64 ms, non-decreasing); log mids.

    Of several ticks in one millisecond only the last counts: zero-length intervals overlap nothing, which would lose
    their moves. Two distinct times or more a leg.

    >>> float(hayashi_yoshida([0, 10, 20], [0.0, 1.0, 0.0], [0, 10, 20], [0.0, 2.0, 0.0]))
    1.0
    """
    (s1, q1), (s2, q2) = _distinct(t1, p1, "1"), _distinct(t2, p2, "2")
    covariance = hayashi_yoshida_kernel(s1, q1, s2, q2, 0)
    variance_1, variance_2 = realised_variance(q1), realised_variance(q2)
    return HayashiYoshida(_ratio(covariance, variance_1, variance_2), covariance, variance_1, variance_2)


def lead_lag(t1: ArrayLike, p1: ArrayLike, t2: ArrayLike, p2: ArrayLike, lags_ms: ArrayLike) -> LeadLag:
    """Hayashi-Yoshida correlation with leg 2 moved earlier by each of ``lags_ms`` (whole milliseconds, ascending)."""
    (s1, q1), (s2, q2) = _distinct(t1, p1, "1"), _distinct(t2, p2, "2")
    lags = as_times(lags_ms, "lags_ms")
    variance_1, variance_2 = realised_variance(q1), realised_variance(q2)
    found = np.array([
        _ratio(hayashi_yoshida_kernel(s1, q1, s2, q2, int(lag)), variance_1, variance_2) for lag in lags
    ])  # fmt: skip
    known = bool(np.isfinite(found).any())
    return LeadLag(lags, found, int(lags[np.nanargmax(np.abs(found))]) if known else None)


def _distinct(times: ArrayLike, prices: ArrayLike, leg: str) -> tuple[Ints, Floats]:
    at, price = as_times(times, f"t{leg}"), as_series(prices, f"p{leg}", minimum=2)
    same_length(at, price, f"t{leg}", f"p{leg}")
    last = np.append(np.diff(at) > 0, True)
    if last.sum() < 2:
        raise ValueError(f"t{leg} has {int(last.sum())} distinct times; expected at least 2")
    return at[last], price[last]


def _ratio(covariance: float, variance_1: float, variance_2: float) -> float:
    size = (variance_1 * variance_2) ** 0.5
    return covariance / size if size > 0.0 else float("nan")
