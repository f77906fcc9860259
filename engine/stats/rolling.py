"""Rolling statistics over arrays: mean and deviation, z-score, correlation, OLS.

Each is a loop over :func:`engine.stats.windows.window_push`, so the value at a bar is the one the live pipeline
gets from the same step, bit for bit. ``first_index`` is the absolute index of the first bar (its open time divided
by the bar's width); with it, a run that starts later gives the same bits from its first full window on.
Where a window holds a NaN, or is not yet full, the result is NaN. Bars must be consecutive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair, as_series, whole
from engine.stats.jit import njit
from engine.stats.pandas_results import keeps_index
from engine.stats.representation import short_repr
from engine.stats.windows import line_of, window_new, window_push


@dataclass(frozen=True, slots=True, eq=False)
class RollingLine:
    """Rolling least squares, one value a bar, NaN until the window is full or while x is constant.

    ``residual`` is y_t - (alpha_t + beta_t x_t): the fit includes bar t, so this is not a spread to test or trade
    (traps T1 and T2); a spread uses the line of the bar before. ``error_variance`` is RSS / (window - 2).
    """

    alpha: Floats
    beta: Floats
    residual: Floats
    error_variance: Floats

    __repr__ = short_repr


@njit
def rolling_ols_kernel(
    y: Floats, x: Floats, window: int, first_index: int, alpha: Floats, beta: Floats, variance: Floats
) -> None:
    """The line of each window into ``alpha``, ``beta`` and its RSS / (window - 2) into ``variance``."""
    state = window_new(window)
    for t in range(y.size):
        _, mean_y, mean_x, syy, sxy, sxx = window_push(state, first_index + t, y[t], x[t])
        alpha[t], beta[t] = line_of(mean_y, mean_x, sxy, sxx)
        rss = syy - beta[t] * sxy
        variance[t] = max(rss, 0.0) / (window - 2.0) if window > 2 else np.nan
        if rss != rss:
            variance[t] = np.nan


@njit
def rolling_moments_kernel(values: Floats, window: int, first_index: int, mean: Floats, deviation: Floats) -> None:
    """Mean and standard deviation (ddof 1) of each window."""
    state = window_new(window)
    for t in range(values.size):
        _, mean[t], _, squares, _, _ = window_push(state, first_index + t, values[t], values[t])
        deviation[t] = np.sqrt(squares / (window - 1.0))


@njit
def zscore_of(value: float, mean: float, deviation: float) -> float:
    """(value - mean) / deviation; NaN where the deviation is 0 or unknown."""
    if deviation > 0.0:
        return (value - mean) / deviation
    return np.nan


@njit
def zscore_kernel(values: Floats, window: int, first_index: int, z: Floats) -> None:
    """z of each bar against the ``window`` bars before it."""
    state = window_new(window)
    mean = deviation = np.nan
    for t in range(values.size):
        z[t] = zscore_of(values[t], mean, deviation)
        _, mean, _, squares, _, _ = window_push(state, first_index + t, values[t], values[t])
        deviation = np.sqrt(squares / (window - 1.0))


@njit
def rolling_correlation_kernel(y: Floats, x: Floats, window: int, first_index: int, r: Floats) -> None:
    """Pearson's r of each window; NaN while a leg is constant."""
    state = window_new(window)
    for t in range(y.size):
        _, _, _, syy, sxy, sxx = window_push(state, first_index + t, y[t], x[t])
        r[t] = np.nan
        if syy > 0.0 and sxx > 0.0:
            r[t] = max(-1.0, min(1.0, sxy / np.sqrt(syy * sxx)))


@keeps_index
def rolling_ols(y: ArrayLike, x: ArrayLike, window: int, *, first_index: int = 0) -> RollingLine:
    """Least squares of y on a constant and x over the last ``window`` bars (3 or more), at every bar.

    >>> line = rolling_ols([1.0, 3.0, 5.0, 7.0], [0.0, 1.0, 2.0, 3.0], 3)
    >>> line.beta
    array([nan, nan,  2.,  2.])

    Source: least squares; equal to statsmodels ``RollingOLS`` to 1e-8.
    """
    left, right = as_pair(y, x, nan=True)
    window = whole(window, "window", at_least=3)
    alpha, beta, variance = np.empty_like(left), np.empty_like(left), np.empty_like(left)
    rolling_ols_kernel(left, right, window, whole(first_index, "first_index", at_least=0), alpha, beta, variance)
    return RollingLine(alpha, beta, left - (alpha + beta * right), variance)


@keeps_index
def rolling_moments(values: ArrayLike, window: int, *, first_index: int = 0) -> tuple[Floats, Floats]:
    """``(mean, deviation)`` over the last ``window`` bars (2 or more), the current one included; ddof 1."""
    series = as_series(values, "values", nan=True)
    mean, deviation = np.empty_like(series), np.empty_like(series)
    window = whole(window, "window", at_least=2)
    rolling_moments_kernel(series, window, whole(first_index, "first_index", at_least=0), mean, deviation)
    return mean, deviation


@keeps_index
def zscore(values: ArrayLike, window: int, *, first_index: int = 0) -> Floats:
    """z_t = (s_t - mu) / sigma with mu and sigma (ddof 1) from bars t-window .. t-1.

    The trap: with the current bar in the window, abs(z) cannot pass (window - 1) / sqrt(window), 4.25 at 20 bars.
    NaN until the window is full, and where sigma is 0. On a random walk abs(z) > 2 on 17.5 % of bars (window 20):
    +-2 is not "5 %".

    >>> zscore([1.0, 2.0, 3.0, 4.0], 3)
    array([nan, nan, nan,  2.])
    """
    series = as_series(values, "values", nan=True)
    z = np.empty_like(series)
    zscore_kernel(series, whole(window, "window", at_least=2), whole(first_index, "first_index", at_least=0), z)
    return z


@keeps_index
def rolling_correlation(y: ArrayLike, x: ArrayLike, window: int, *, first_index: int = 0) -> Floats:
    """Pearson's r of the last ``window`` values (2 or more); give returns, not prices.

    The trap: two independent random walks are strongly correlated in levels, and returns of forward-filled bars
    understate the correlation (T5): compare with :func:`engine.stats.hayashi_yoshida`.
    """
    left, right = as_pair(y, x, nan=True)
    r = np.empty_like(left)
    window = whole(window, "window", at_least=2)
    rolling_correlation_kernel(left, right, window, whole(first_index, "first_index", at_least=0), r)
    return r
