"""Hedge ratios robust to outliers: Huber's M-estimator and the Theil-Sen median of slopes.

Sources: Huber 1981 (iterated reweighted least squares); Theil 1950; Sen 1968.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair
from engine.stats.jit import njit
from engine.stats.moments import EPSILON
from engine.stats.pandas_results import keeps_index
from engine.stats.random import random_index
from engine.stats.regression import Line, ols_kernel, residuals_kernel
from engine.stats.representation import short_repr

TUNING = 1.345  # 95 % of least squares' efficiency where the noise is Gaussian
MAD_TO_SIGMA = 0.6744897501960817  # the median of abs(N(0, 1))
MAX_ROUNDS = 500
EXACT_BARS = 500
SAMPLED_PAIRS = 124_750  # the number of pairs of 500 bars
SEED = 1968


@dataclass(frozen=True, slots=True, eq=False)
class TheilSenLine:
    """y = alpha + beta x + residuals; ``exact`` is False where the median is over ``pairs`` drawn pairs of bars."""

    alpha: float
    beta: float
    residuals: Floats
    pairs: int
    exact: bool

    __repr__ = short_repr


@njit
def weighted_line(y: Floats, x: Floats, weights: Floats) -> tuple[float, float]:
    """Least squares with weights, about the weighted means."""
    total = sum_y = sum_x = 0.0
    for t in range(y.size):
        total += weights[t]
        sum_y += weights[t] * (y[t] - y[0])
        sum_x += weights[t] * (x[t] - x[0])
    mean_y, mean_x = sum_y / total, sum_x / total
    sxy = sxx = 0.0
    for t in range(y.size):
        dx = (x[t] - x[0]) - mean_x
        sxy += weights[t] * dx * ((y[t] - y[0]) - mean_y)
        sxx += weights[t] * dx * dx
    if not sxx > 0.0:
        return np.nan, np.nan
    beta = sxy / sxx
    return (y[0] + mean_y) - beta * (x[0] + mean_x), beta


@njit
def huber_kernel(y: Floats, x: Floats) -> tuple[float, float]:
    """``(alpha, beta)``; NaN where x is constant, or after 500 rounds without convergence.

    Where more than half of the bars lie exactly on a line the scale is 0, and that line is the result.
    """
    alpha, beta = ols_kernel(y, x)
    weights, sizes = np.empty_like(y), np.empty_like(y)
    level = reach = 0.0
    for t in range(y.size):
        level, reach = max(level, abs(y[t])), max(reach, abs(x[t] - x[0]))
    for _ in range(MAX_ROUNDS):
        for t in range(y.size):
            sizes[t] = abs(y[t] - (alpha + beta * x[t]))
        scale = np.median(sizes) / MAD_TO_SIGMA
        if not scale > 8.0 * EPSILON * level:
            return (alpha, beta) if scale == scale else (np.nan, np.nan)
        for t in range(y.size):
            limit = TUNING * scale
            weights[t] = 1.0 if sizes[t] <= limit else limit / sizes[t]  # psi(r) / r
        middle, turn = alpha + beta * x[0], beta
        alpha, beta = weighted_line(y, x, weights)
        moved = abs(beta - turn) * reach + abs(alpha + beta * x[0] - middle)
        if moved <= 1e-12 * scale + 8.0 * EPSILON * level:
            return alpha, beta
    return np.nan, np.nan


@njit
def theil_sen_kernel(y: Floats, x: Floats) -> tuple[float, float, int]:
    """``(alpha, beta, pairs)``: the median slope over all pairs of bars, or over 124,750 drawn ones above 500 bars.

    Pairs with equal x have no slope and are left out; NaN where that leaves none.
    """
    n = y.size
    exact = n <= EXACT_BARS
    slopes = np.empty(n * (n - 1) // 2 if exact else SAMPLED_PAIRS)
    pairs = 0
    state = np.uint64(SEED)
    i, j = 0, 0
    for _ in range(slopes.size):
        if exact:
            j += 1
            if j == n:
                i, j = i + 1, i + 2
        else:
            state, i = random_index(state, n)
            state, j = random_index(state, n)
        if x[i] != x[j]:
            slopes[pairs] = (y[j] - y[i]) / (x[j] - x[i])
            pairs += 1
    if pairs == 0:
        return np.nan, np.nan, 0
    beta = float(np.median(slopes[:pairs]))
    return float(np.median(y) - beta * np.median(x)), beta, pairs


@keeps_index
def huber(y: ArrayLike, x: ArrayLike) -> Line:
    """Huber's M-estimator of y on a constant and x (3 bars or more): tuning constant 1.345, scale by MAD.

    A bar's influence is constant beyond 1.345 robust sigmas. The trap: it does not protect against outliers in x (a
    jump of the X leg); Theil-Sen does. Raises ValueError where x is constant or the rounds do not converge.

    Source: Huber 1981; equal to statsmodels ``RLM(..., norms.HuberT())`` to 1e-6.
    """
    left, right = as_pair(y, x, minimum=3)
    alpha, beta = huber_kernel(left, right)
    if np.isnan(beta):
        raise ValueError(f"x is constant, or {MAX_ROUNDS} rounds did not settle; expected legs that both move")
    return Line(float(alpha), float(beta), residuals_kernel(left, right, alpha, beta))


@keeps_index
def theil_sen(y: ArrayLike, x: ArrayLike) -> TheilSenLine:
    """Median of the slopes between all pairs of bars; alpha = median(y) - beta median(x). Two bars or more.

    Up to 29 % of the bars may be outliers. Above 500 bars the median is over 124,750 pairs drawn with a fixed seed,
    and ``exact`` is False. Raises ValueError where x is constant.

    >>> theil_sen([1.0, 3.0, 5.0, 7.0, 99.0], [0.0, 1.0, 2.0, 3.0, 4.0]).beta
    2.0

    Source: Theil 1950, Sen 1968; equal to scipy ``theilslopes`` to 1e-12 for n <= 500.
    """
    left, right = as_pair(y, x)
    alpha, beta, pairs = theil_sen_kernel(left, right)
    if pairs == 0:
        raise ValueError("x is constant; expected legs that both move")
    return TheilSenLine(alpha, beta, residuals_kernel(left, right, alpha, beta), pairs, left.size <= EXACT_BARS)
