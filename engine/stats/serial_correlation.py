"""What autocorrelation does to an error: the variance of weighted sums of an AR(1).

Every linear estimate of a hedge is a weighted sum of the spread, sum of w_t u_t, and a spread that comes back slowly
is far from white: with u_t = phi u_{t-1} + e_t the variance of the sum is

    s^2 / (1 - phi^2) * sum over t, s of w_t w_s phi^|t-s|,        s^2 = var(e)

computed in one pass. Two traps. White noise (phi = 0) understates the error of a hedge by a factor of 3 to 10, and HAC
with its usual bandwidth sees hardly more of it. And the phi of a *fitted line's* residual is too small: the line has
followed the spread. Kendall's correction, (1 + 3 phi)/n, makes good for a mean; a line through a walking leg takes as
much again, and so does each further leg [simulated: intervals for beta cover 93 to 95 %].

Sources: Kendall 1954; Hamilton 1994, chapters 8.2 and 19.2.
"""

from __future__ import annotations

import numpy as np

from engine.stats.checks import Floats
from engine.stats.half_life import ar1_kernel
from engine.stats.jit import njit

NORMAL_95 = 1.959963984540054  # the 97.5 % quantile of N(0, 1)
WINDOW_HALF_LIVES = 25.0  # in fewer an interval for a hedge does not cover what it says


@njit
def corrected_phi(phi: float, bars: float, legs: float) -> float:
    """phi of a residual without its bias: phi + (1 + legs)(1 + 3 phi)/n, so that the half-life is n bars at most.

    ``legs`` regressors beside the constant. A spread that is slower than its window cannot be told from a walk, and
    a bounded phi keeps the variance finite; that of a slope then is the one that a walk gives it.
    """
    most = 2.0 ** (-1.0 / bars)
    return float(min(max(phi + (1.0 + legs) * (1.0 + 3.0 * phi) / bars, -most), most))


@njit
def residual_ar1(residual: Floats, legs: int) -> tuple[float, float, float]:
    """``(raw, phi, s2)`` of a fitted line's residual: phi as estimated, corrected, and the variance of its shocks."""
    n = residual.size
    _, raw, rss = ar1_kernel(residual)
    return raw, corrected_phi(raw, float(n), float(legs)), rss / (n - 2.0 - legs)


@njit
def weighted_variance(weights: Floats, phi: float, s2: float) -> float:
    """Variance of sum w_t u_t for a stationary AR(1) whose shocks have variance ``s2``; -1 < phi < 1."""
    kept = total = 0.0
    for t in range(weights.size):
        kept = phi * kept + weights[t]  # sum over s <= t of phi^(t-s) w_s
        total += weights[t] * (2.0 * kept - weights[t])
    return s2 / (1.0 - phi * phi) * total


@njit
def long_run_variance(phi: float, s2: float) -> float:
    """Variance of an AR(1)'s mean times its length: s^2 / (1 - phi)^2, its own variance times (1 + phi)/(1 - phi)."""
    return s2 / ((1.0 - phi) * (1.0 - phi))


@njit
def line_variances(x: Floats, phi: float, s2: float) -> tuple[float, float]:
    """Variances of ``(alpha, beta)`` of a least squares line on a constant and ``x``, whose residual is that AR(1)."""
    n = x.size
    centre = x[0] + np.mean(x - x[0])
    slope = x - centre
    slope /= np.sum(slope * slope)  # beta = sum of slope_t y_t
    return weighted_variance(1.0 / n - centre * slope, phi, s2), weighted_variance(slope, phi, s2)


def half_lives_of(bars: int, phi: float) -> tuple[float, float]:
    """``(half-life in bars, half-lives in the window)``; NaN and inf where a deviation is gone within a bar.

    >>> half_lives_of(100, 0.5)
    (1.0, 100.0)
    """
    if not phi > 0.0:
        return float("nan"), float("inf")
    half_life = float(-np.log(2.0) / np.log(phi))
    return half_life, bars / half_life
