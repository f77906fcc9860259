"""Gregory-Hansen: do two legs keep together, if the relation may change once, at a date nobody knows?

Engle-Granger's regression with a break after each bar of the middle 70 % of the window; the statistic is the smallest
Dickey-Fuller statistic of the residuals, the break is where it is. Its null is Engle-Granger's, no relation at all: a
relation that never breaks rejects it too. So it is not a test *of* a break: it tells a broken relation from none.

Where Engle-Granger rejects and this does not, the search over dates cost the power. Where this rejects and
Engle-Granger does not, the relation has probably moved, and a line over the whole window is the wrong hedge.

Source: Gregory and Hansen 1996, ADF* and its table 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_legs, as_series, same_index, same_length
from engine.stats.jit import njit
from engine.stats.moments import dot, is_rounding
from engine.stats.regression import qr_solve
from engine.stats.representation import short_repr
from engine.stats.unitroot import adf_kernel, lag_choice

LEVEL, TREND, REGIME = 0, 1, 2
MODELS = {"level": LEVEL, "trend": TREND, "regime": REGIME}
TRIMMED = 0.15  # of the window at either end, where a regime would be too short to fit
MINIMUM_BARS = 50
MOST_REGRESSORS = 4
SHARES = (0.01, 0.025, 0.05, 0.10, 0.975)
# Table 1 of the paper, ADF*: the shares above; rows 1 to 4 regressors.
CRITICAL = {
    "level": np.array([
        [-5.13, -4.83, -4.61, -4.34, -2.25], [-5.44, -5.16, -4.92, -4.69, -2.61],
        [-5.77, -5.50, -5.28, -5.02, -2.96], [-6.05, -5.80, -5.56, -5.31, -3.26],
    ]),
    "trend": np.array([
        [-5.45, -5.21, -4.99, -4.72, -2.72], [-5.80, -5.51, -5.29, -5.03, -3.01],
        [-6.05, -5.79, -5.57, -5.33, -3.33], [-6.36, -6.07, -5.83, -5.59, -3.59],
    ]),
    "regime": np.array([
        [-5.47, -5.19, -4.95, -4.68, -2.55], [-5.97, -5.73, -5.50, -5.23, -3.12],
        [-6.51, -6.23, -6.00, -5.75, -3.65], [-6.92, -6.64, -6.41, -6.17, -4.12],
    ]),
}  # fmt: skip
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class GregoryHansen:
    """``statistic`` below ``critical[5]`` rejects "no relation, broken or not" at 5 %.

    ``critical`` is ``{1: ..., 5: ..., 10: ...}``, of large samples. ``pvalue`` is read from the paper's table on the
    scale of the normal distribution, beyond 1 % by its last slope, and informs. ``break_bar`` is the first bar of the
    second regime, ``lags`` those of the regression there.
    """

    statistic: float
    critical: dict[int, float]
    pvalue: float
    break_bar: int
    lags: int

    __repr__ = short_repr


@njit
def gregory_hansen_kernel(y: Floats, table: Floats, model: int, criterion: int, max_lag: int) -> tuple[float, int, int]:
    """``(statistic, break_bar, lags)``; NaN, -1, -1 where no break leaves legs and a residual that move.

    ``table`` (bars, legs) in C order; ``criterion`` and ``max_lag`` as in :func:`engine.stats.unitroot.adf_kernel`.
    """
    n = y.size
    least, at, chosen = np.nan, -1, -1
    level = (1.0 + table.shape[1]) * np.max(np.abs(y))
    for bar in range(int(TRIMMED * n), int((1.0 - TRIMMED) * n) + 1):
        residual = broken_residual(y, table, bar, model)
        if is_rounding(dot(residual, residual, 0, n, 0), n, level):
            continue
        statistic, lags = adf_kernel(residual, False, criterion, max_lag)
        if statistic < least or (least != least and statistic == statistic):
            least, at, chosen = statistic, bar, lags
    return least, at, chosen


@njit
def broken_residual(y: Floats, table: Floats, bar: int, model: int) -> Floats:
    """y less its least squares fit on the legs, with a constant of its own before ``bar`` and from it on.

    TREND adds one trend over both, REGIME gives each regime slopes of its own. NaN where a leg does not move.
    """
    n, legs = table.shape
    left = y.copy()
    design = np.empty((n, legs + (1 if model == TREND else 0)))
    for t in range(n):
        for leg in range(legs):
            design[t, leg] = table[t, leg]
        if model == TREND:
            design[t, legs] = float(t)
    for begin, end in ((0, bar), (bar, n)):  # a constant a regime: distances from its means
        left[begin:end] -= left[begin:end].mean()
        for column in range(design.shape[1]):
            design[begin:end, column] -= design[begin:end, column].mean()
    if model == REGIME:
        _take_out(left[:bar], design[:bar])
        _take_out(left[bar:], design[bar:])
    else:
        _take_out(left, design)
    return left


@njit
def _take_out(left: Floats, design: Floats) -> None:
    """Less its least squares fit on the columns of ``design``."""
    slopes = qr_solve(design, left)
    for t in range(left.size):
        for column in range(slopes.size):
            left[t] -= slopes[column] * design[t, column]


def gregory_hansen(
    y: ArrayLike,
    x: ArrayLike | Sequence[ArrayLike],
    model: str = "level",
    lags: str | int = "bic",
    max_lag: int | None = None,
) -> GregoryHansen:
    """Gregory-Hansen test of y on one to four legs: a 1-D series, a list of them, or (bars, legs); log prices.

    ``model``, what changes at the break: ``"level"`` (C: the constant), ``"trend"`` (C/T: the constant, beside a trend)
    or ``"regime"`` (C/S: the constant and the hedge). ``lags`` and ``max_lag`` as in :func:`engine.stats.adf`, chosen
    anew at every date. Fifty bars or more; at 500 bars 5.5 to 6 % of unrelated walks pass the 5 % value (four
    legs: 7 to 8 %), at 100 bars 8 to 10 %. Raises ValueError for legs that do not move and for legs that are one line.

    The trap: to try all three and keep the smallest p is a test of another size; :func:`engine.stats.holm` counts them.

    Source: Gregory and Hansen 1996; equal to one statsmodels ``adfuller`` a date to 1e-8.
    """
    left = as_series(y, "y", minimum=MINIMUM_BARS)
    same_index(y, x, "y", "x")
    table = as_legs(x, "x", minimum=MINIMUM_BARS)
    same_length(left, table, "y", "x")
    legs = table.shape[1]
    if not 1 <= legs <= MOST_REGRESSORS:
        raise ValueError(f"x has {legs} legs; expected 1 to {MOST_REGRESSORS}, where the paper's table ends")
    if model not in MODELS:
        raise ValueError(f"model is {model!r}; expected {', '.join(map(repr, MODELS))}")
    criterion, cap = lag_choice(lags, max_lag, left.size, constant=False)
    statistic, bar, chosen = gregory_hansen_kernel(left, table, MODELS[model], criterion, cap)
    if chosen < 0:
        raise ValueError("a leg or the residual is constant; expected legs and a spread that move")
    row = CRITICAL[model][legs - 1]
    critical = {1: float(row[0]), 5: float(row[2]), 10: float(row[3])}
    return GregoryHansen(statistic, critical, _pvalue(statistic, row), bar, chosen)


def _pvalue(statistic: float, quantiles: Floats) -> float:
    """Between two quantiles, and beyond the outer ones, the statistic is a line in the normal quantile of its p."""
    place = int(np.clip(np.searchsorted(quantiles, statistic), 1, quantiles.size - 1))
    low, high = (NORMAL.inv_cdf(SHARES[i]) for i in (place - 1, place))
    share = (statistic - quantiles[place - 1]) / (quantiles[place] - quantiles[place - 1])
    return 0.5 * math.erfc(-(low + share * (high - low)) / math.sqrt(2.0))  # keeps its digits in the tail
