"""Sharpe and Sortino ratios of regular returns, with errors that survive fat tails and autocorrelation.

The ratio's error is that of the mean of its influence function,

    (r - m)/s - S/2 [((r - m)/s)^2 - 1],        S = m/s,

with Newey and West's weights over 4 (n/100)^(2/9) lags. Without autocorrelation this is Mertens' variance
(1 - g3 S + (g4 - 1) S^2 / 4)/n, and for normal returns Lo's (1 + S^2/2)/n. The ratio of q periods is sqrt(q) S only
without autocorrelation, else q S / sqrt(q + 2 sum of (q - k) rho_k).

Sources: Lo 2002; Mertens 2002; Newey and West 1987; Sortino and van der Meer 1991.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_columns, as_series
from engine.stats.representation import short_repr

NORMAL_95 = 1.959963984540054
MINIMUM_RETURNS = 2


@dataclass(frozen=True, slots=True)
class SharpeRatio:
    """Of one period. ``ratio``: mean over standard deviation (ddof 1); ``error``: its standard error; ``skew`` and
    ``kurtosis`` (3 for normal returns) by population moments; ``returns``: how many there are."""

    ratio: float
    error: float
    skew: float
    kurtosis: float
    returns: int

    __repr__ = short_repr

    def interval(self, scale: float = 1.0) -> tuple[float, float]:
        """The 95 % interval, times ``scale``: ``ratio`` -+ Student's quantile of the error."""
        half = student_95(self.returns - 1) * self.error
        return scale * (self.ratio - half), scale * (self.ratio + half)


def sharpe_ratio(returns: ArrayLike) -> SharpeRatio:
    """The Sharpe ratio of one period, above a return of 0. Raises ValueError for under two returns, or equal ones.

    >>> round(sharpe_ratio([0.01, -0.01, 0.02, 0.0]).ratio, 4)
    0.3873
    """
    values = as_series(returns, "returns", minimum=MINIMUM_RETURNS)
    n = values.size
    centred = values - values.mean()
    population = math.sqrt(float(np.mean(centred * centred)))
    if not population > 1e-12 * float(np.max(np.abs(values))):
        raise ValueError(f"all {n} returns are {values[0]:g}; expected returns that differ")
    ratio = float(values.mean()) / (population * math.sqrt(n / (n - 1.0)))
    z = centred / population
    influence = z - 0.5 * ratio * (z * z - 1.0)
    error = math.sqrt(_long_run_variance(influence) / n)
    return SharpeRatio(ratio, error, float(np.mean(z**3)), float(np.mean(z**4)), n)


def _long_run_variance(values: Floats) -> float:
    """Newey-West: Bartlett weights, which keep it from falling below 0; less a freedom for the mean and each lag."""
    n = values.size
    lags = min(n - 2, int(4.0 * (n / 100.0) ** (2.0 / 9.0)))
    total = float(np.mean(values * values))
    for lag in range(1, lags + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float(values[lag:] @ values[:-lag]) / n
    return max(total, 0.0) * n / (n - lags - 1.0)


def student_95(freedom: float) -> float:
    """The 97.5 % quantile of Student's t.

    >>> round(student_95(10), 3)
    2.228
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


def lo_factor(returns: ArrayLike, periods: int) -> float:
    """What turns a Sharpe ratio of one period into that of ``periods``: sqrt(periods) without autocorrelation.

    NaN where the sample's autocorrelations give the longer period no variance, or fewer returns than periods.

    >>> round(lo_factor([1.0, -1.0] * 10, 2), 3)
    6.325
    """
    values = as_series(returns, "returns", minimum=MINIMUM_RETURNS)
    centred = values - values.mean()
    variance = float(centred @ centred)
    if values.size < periods or not variance > 0.0:
        return math.nan
    rho = [float(centred[k:] @ centred[:-k]) / variance for k in range(1, periods)]
    total = periods + 2.0 * sum((periods - k) * each for k, each in enumerate(rho, 1))
    return periods / math.sqrt(total) if total > 0.0 else math.nan


def sortino_ratio(returns: ArrayLike, target: float = 0.0) -> float:
    """(mean - target) / sqrt(mean of min(0, r - target)^2), that mean over *all* periods. NaN without a loss.

    >>> round(sortino_ratio([0.01, -0.01, 0.02, 0.0]), 9)
    1.0
    """
    above = as_series(returns, "returns") - target
    downside = math.sqrt(float(np.mean(np.minimum(above, 0.0) ** 2)))
    return float(above.mean()) / downside if downside > 0.0 else math.nan


def sharpe_columns(returns: ArrayLike) -> Floats:
    """The ratio of one period of each column of (periods, trials) returns; 0 for a column that never moves.

    A trial that did not trade has neither gained nor lost: it stands between those that did.
    """
    table = as_columns(returns, "returns", minimum=MINIMUM_RETURNS)
    mean, deviation = table.mean(axis=0), table.std(axis=0, ddof=1)
    moves = deviation > 1e-12 * np.max(np.abs(table), axis=0)
    ratios: Floats = np.divide(mean, deviation, out=np.zeros_like(mean), where=moves)
    return ratios
