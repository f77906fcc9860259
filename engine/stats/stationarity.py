"""KPSS: the cross-check of the unit root tests, with the hypotheses reversed.

Its null is that the series *is* stationary around a constant. If neither test rejects, the window is too short to
conclude; if both reject, the spread has a break or a changing variance.

Sources: Kwiatkowski, Phillips, Schmidt and Shin 1992; Hobijn, Franses and Ooms 2004 (the automatic bandwidth).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_series, whole
from engine.stats.jit import njit
from engine.stats.moments import dot, is_rounding, mean_of
from engine.stats.representation import short_repr

# Table 1 of the paper, level stationarity.
CRITICAL: dict[float, float] = {10: 0.347, 5: 0.463, 2.5: 0.574, 1: 0.739}


@dataclass(frozen=True, slots=True)
class Kpss:
    """``statistic`` above ``critical[5]`` rejects stationarity at 5 %.

    ``pvalue`` is interpolated in the paper's table, which ends at 0.10 and 0.01: there the true one is at least 0.10,
    or at most 0.01. ``lags`` is the bandwidth of the long-run variance.
    """

    statistic: float
    critical: dict[float, float]
    pvalue: float
    lags: int

    __repr__ = short_repr


@njit
def autocovariance(centred: Floats, lag: int) -> float:
    """Sum of products at a distance of ``lag``, not divided."""
    return dot(centred, centred, lag, centred.size, lag)


@njit
def kpss_bandwidth(centred: Floats) -> int:
    """Hobijn, Franses and Ooms 2004 for the Bartlett kernel: 1.1447 (s1/s0)^(2/3) n^(1/3), n - 1 at most."""
    n = centred.size
    s0 = autocovariance(centred, 0) / n
    s1 = 0.0
    for lag in range(1, int(n ** (2.0 / 9.0)) + 1):
        product = 2.0 * autocovariance(centred, lag) / n
        s0 += product
        s1 += lag * product
    ratio = s1 / s0
    return min(int(1.1447 * (ratio * ratio) ** (1.0 / 3.0) * n ** (1.0 / 3.0)), n - 1)


@njit
def kpss_kernel(series: Floats, lags: int) -> tuple[float, int]:
    """``(statistic, lags)``; a negative ``lags`` chooses the bandwidth. NaN and -1 for a constant series.

    eta = n^-2 sum S_t^2 / s^2(l), S_t the running sum of the residuals and s^2 Newey and West's long-run variance.
    """
    n = series.size
    centred = series - mean_of(series)
    own = autocovariance(centred, 0)
    if is_rounding(own, n, abs(series[0])):
        return np.nan, -1
    chosen = kpss_bandwidth(centred) if lags < 0 else lags
    long_run = own
    for lag in range(1, chosen + 1):
        long_run += 2.0 * (1.0 - lag / (chosen + 1.0)) * autocovariance(centred, lag)
    total = running = 0.0
    for t in range(n):
        running += centred[t]
        total += running * running
    return total / n / long_run, chosen  # (total / n^2) / (long_run / n)


def kpss(series: ArrayLike, lags: int | None = None) -> Kpss:
    """KPSS test of stationarity around a constant (10 bars or more). ``lags`` None chooses the bandwidth.

    ValueError for a constant series. Equal to statsmodels ``kpss`` to 1e-8.
    """
    values = as_series(series, "series", minimum=10)
    bandwidth = -1 if lags is None else whole(lags, "lags", at_least=0, at_most=values.size - 1)
    statistic, chosen = kpss_kernel(values, bandwidth)
    if math.isnan(statistic):
        raise ValueError("series is constant; expected values that move")
    levels = sorted(CRITICAL, reverse=True)
    pvalue = float(np.interp(statistic, [CRITICAL[level] for level in levels], [level / 100 for level in levels]))
    return Kpss(statistic, dict(CRITICAL), pvalue, chosen)
