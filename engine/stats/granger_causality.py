"""Who moves first, on a grid: does one leg's past help to say what the other does next?

y_t on a constant and its own past, against the same with x's past: F = ((rss_0 - rss_1) / p) / (rss_1 / (T - 2p - 1)),
and the other way round. ``lead_lag`` answers the same question without a grid, in milliseconds.

Give it returns, not prices: on levels that walk F does not have its distribution. The traps: bars that are filled
forward make the leg that trades more often "cause" the other (so does bid-ask bounce in one leg); a third market that
moves both at different speeds looks like causality; and where the legs are cointegrated the past spread belongs in
the regression too (``error_correction``).

Sources: Granger 1969; Luetkepohl 2005, chapter 3.6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair
from engine.stats.jit import njit
from engine.stats.lag_regression import factor_of, lag_order, lag_table
from engine.stats.moments import is_rounding
from engine.stats.representation import short_repr
from engine.stats.unitroot import SINGULAR, schwert_cap

MINIMUM_BARS = 20


@dataclass(frozen=True, slots=True)
class GrangerCausality:
    """F of "x's past says nothing about y" (``x_to_y``) and of the reverse (``y_to_x``), with their p-values.

    ``lags`` of both series in each regression, ``bars`` rows. Both can be small, or neither.
    """

    f_x_to_y: float
    p_x_to_y: float
    f_y_to_x: float
    p_y_to_x: float
    lags: int
    bars: int

    __repr__ = short_repr


@njit
def granger_kernel(of: Floats, by: Floats, lags: int) -> float:
    """F of ``lags`` values of ``by`` beside as many of ``of`` itself, for the next of ``of``; NaN if undefined."""
    table = lag_table(of, by, of[:0], lags, lags)
    order = np.empty(2 * lags + 1, dtype=np.int64)
    for lag in range(lags):  # its own past first: the factor then holds both residual sums
        order[lag], order[lags + lag] = 2 * lag, 2 * lag + 1
    order[2 * lags] = 2 * lags
    target = factor_of(table, order, 2 * lags)[2 * lags]
    own = target[2 * lags]
    for k in range(lags):
        own -= target[k] * target[k]
    gained = 0.0
    for k in range(lags, 2 * lags):
        gained += target[k] * target[k]
    both, free = own - gained, table.shape[1] - 2 * lags - 1
    if free <= 0 or not both > SINGULAR * target[2 * lags]:
        return np.nan
    return float((gained / lags) / (both / free))


def granger_causality(
    y: ArrayLike, x: ArrayLike, lags: str | int = "bic", max_lag: int | None = None
) -> GrangerCausality:
    """Granger causality between two stationary series on one grid, in both directions: returns, 20 bars or more.

    ``lags``: ``"bic"`` or ``"aic"`` of both equations together, 1 to ``max_lag`` (Schwert's cap), or a number.
    Raises ValueError for a series that does not move, and where one determines the other.

    Source: Granger 1969; F and p equal statsmodels ``grangercausalitytests`` (``ssr_ftest``) to 1e-8.
    """
    from scipy.special import fdtrc

    left, right = as_pair(y, x, minimum=MINIMUM_BARS)
    for name, series in (("y", left), ("x", right)):
        middle = series - series[0]
        if is_rounding(float(np.sum((middle - middle.mean()) ** 2)), series.size, float(np.abs(series).max())):
            raise ValueError(f"{name} is constant; expected returns that move")
    cap = int(schwert_cap(left.size, True))
    chosen = lag_order(lags, max_lag, (left, right), left[:0], least=1, cap=cap)
    to_y = granger_kernel(left, right, chosen) if chosen >= 1 else math.nan
    to_x = granger_kernel(right, left, chosen) if chosen >= 1 else math.nan
    if math.isnan(to_y) or math.isnan(to_x):
        raise ValueError("one series determines the other, or itself; expected two that move on their own")
    rows = left.size - chosen
    p_y, p_x = (float(fdtrc(chosen, rows - 2 * chosen - 1, max(f, 0.0))) for f in (to_y, to_x))
    return GrangerCausality(float(to_y), p_y, float(to_x), p_x, chosen, rows)
