"""How fast a spread comes back: the half-life of an AR(1), with an exact interval and what noise would show.

s_t = c + phi s_{t-1} + e; half-life = -ln 2 / ln phi bars, defined for 0 < phi < 1 only. Two traps. Least squares
puts phi too low, by about (1 + 3 phi)/n (Kendall 1954) and by nearly twice as much in the residual of a fitted line, so
a short window shows a reversion that is too fast. And noise reverts on any window: a random walk of n bars has a
median raw half-life of 0.153 n (0.087 n when it is the residual of a fitted line), so a half-life says nothing without
its null beside it.

Estimate and interval therefore invert the simulated distribution of phi-hat (``phi_quantiles``), that of a level series
or of a residual. On a random walk the estimate is undefined half of the time: there is nothing that could be timed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_series
from engine.stats.jit import njit
from engine.stats.moments import mean_of
from engine.stats.phi_quantiles import HIGH, LOW, MEDIAN, phi_where
from engine.stats.representation import short_repr

# Per bar of a series' length, all simulated. Raw: of -ln 2 / ln phi-hat.
NULL_LEVEL = 0.153  # median raw half-life of a random walk
NULL_RESIDUAL = 0.087  # the same of the residual of one walk regressed on another
NULL_RESIDUAL_5 = 0.033  # its 5 % quantile: one residual of noise in twenty shows less [100 to 5,000 bars]
NULL_BARS_LEVEL_5 = 0.064  # 5 % quantile of the estimate on a random walk [200 to 5,000 bars; 0.062 at 100]
NULL_BARS_RESIDUAL_5 = 0.046  # the same on the residual of one walk on another [200 to 5,000 bars; 0.044 at 100]


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Half-lives in bars; multiply by the bar's width for seconds. ``str()`` says the same in words.

    ``bars`` is the median-unbiased estimate: too high as often as too low. It is NaN where there is no reversion to
    time, at a median-unbiased phi of 1 or more (count it as infinite), or of 0 or less (back within one bar).
    ``low`` and ``high`` are its exact 95 % interval: ``high`` is inf where a random walk cannot be excluded, ``low`` as
    well where even of random walks only one in forty reverts as little. ``raw_bars`` is what least squares shows,
    biased low, from the raw coefficient ``phi``.

    The nulls: ``null_median`` is the median of ``raw_bars`` on noise of this length; that of ``bars`` is infinite.
    ``null_5``: one series of noise in twenty shows fewer ``bars``.
    """

    bars: float
    low: float
    high: float
    null_median: float
    raw_bars: float
    phi: float
    null_5: float

    __repr__ = short_repr

    def __str__(self) -> str:
        if math.isnan(self.low):
            return "no half-life: the series does not move"
        if math.isinf(self.low):
            return "no reversion: less than in 39 of 40 random walks"
        least = f"{self.low:.1f} bars"
        if math.isinf(self.high):
            shown = "no reversion to time" if math.isnan(self.bars) else f"{self.bars:.1f} bars"
            return f"{shown} (95 %: {least} or more, a random walk is not excluded)"
        shown = "back within one bar" if math.isnan(self.bars) else f"{self.bars:.1f} bars"
        return f"{shown} (95 %: {self.low:.1f} to {self.high:.1f} bars)"


@njit
def ar1_kernel(series: Floats) -> tuple[float, float, float]:
    """``(c, phi, rss)`` of s_t on a constant and s_{t-1} by least squares; NaN for a constant series."""
    n = series.size - 1
    before, after = mean_of(series[:-1]), mean_of(series[1:])
    sxx = sxy = syy = 0.0
    for t in range(n):
        dx, dy = series[t] - before, series[t + 1] - after
        sxx += dx * dx
        sxy += dx * dy
        syy += dy * dy
    if not sxx > 0.0:
        return np.nan, np.nan, np.nan
    phi = sxy / sxx
    return after - phi * before, phi, max(syy - phi * sxy, 0.0)


@njit
def half_life_of(phi: float) -> float:
    """-ln 2 / ln phi bars; NaN outside 0 < phi < 1."""
    if 0.0 < phi < 1.0:
        return float(-np.log(2.0) / np.log(phi))
    return np.nan


@njit
def unbiased_phi(series: Floats, is_residual: bool) -> float:
    """Median-unbiased phi of 10 bars or more: 1 stands for 1 or more, 0 for 0 or less; NaN where nothing moves."""
    _, phi, _ = ar1_kernel(series)
    return phi_where(MEDIAN, phi, float(series.size), is_residual)


def half_life(series: ArrayLike, *, residual: bool = False) -> HalfLife:
    """Half-life of ``series`` in bars, with its exact 95 % interval and its nulls; 10 bars or more.

    ``residual``: the series is the residual of a line with one slope, fitted by least squares to these bars; estimate,
    interval and nulls then are those of a residual. A line that was fitted elsewhere leaves a level series. A constant
    series has no half-life: all NaN but the nulls.

    Sources: Andrews 1993 (median-unbiased estimate), Stock 1991 (interval by inversion). With shocks of one variance,
    independent of x's, at least 94.7 % are covered and 49 to 51 % of estimates are too high, at 12 to 3,000 bars and
    any phi of 0 to 1 [simulated]; docs/mathematics.md has what other shocks do.

    >>> spread = [0.0, 0.9, 0.6, 0.8, 0.1, -0.4, -0.9, -0.2, 0.3, 0.4, 0.6, 0.1, -0.3, -0.5, 0.2, 0.1]
    >>> print(half_life(spread))
    1.7 bars (95 %: 0.3 bars or more, a random walk is not excluded)
    """
    values = as_series(series, "series", minimum=10)
    _, phi, _ = ar1_kernel(values)
    n, residual = float(values.size), bool(residual)
    low, high = (_bound(phi_where(end, phi, n, residual)) for end in (HIGH, LOW))  # a high quantile is met by a low phi
    return HalfLife(
        bars=half_life_of(phi_where(MEDIAN, phi, n, residual)),
        low=low,
        high=high,
        null_median=(NULL_RESIDUAL if residual else NULL_LEVEL) * n,
        raw_bars=half_life_of(phi),
        phi=phi,
        null_5=(NULL_BARS_RESIDUAL_5 if residual else NULL_BARS_LEVEL_5) * n,
    )


def _bound(phi: float) -> float:
    """A half-life as a bound: 0 where phi is not positive, inf where it is not below 1; NaN for NaN."""
    if phi >= 1.0:
        return math.inf
    return 0.0 if phi <= 0.0 else float(half_life_of(phi))
