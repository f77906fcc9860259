"""Engle-Granger: are two legs cointegrated, or two independent random walks?

One least squares fit over the whole test window, the Dickey-Fuller statistic of its residual *without* a constant,
compared with MacKinnon's response surface for two variables. Trap T2: the residual of a rolling or filtered fit always
looks stationary; test only the residual of one fixed line. Trap T3: the plain table on this residual rejects 14 % of
independent walks at "5 %". The direction (which leg is y) is fixed beforehand: the better of both rejects 8.5 to 10 %.

Sources: Engle and Granger 1987; MacKinnon 2010.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, Ints, as_pair
from engine.stats.jit import njit
from engine.stats.mackinnon import critical_values, tau_pvalue
from engine.stats.moments import centred, dot, is_rounding
from engine.stats.representation import short_repr
from engine.stats.unitroot import adf_kernel, lag_choice

MINIMUM_BARS = 10


@dataclass(frozen=True, slots=True)
class EngleGranger:
    """``statistic`` below ``critical[5]`` opens a gate at 5 %; ``pvalue`` is asymptotic and informs only: at the 5 %
    value of 50 bars it is .036. That at the window's own length is :func:`engine.stats.eg_pvalue`.

    ``critical`` is ``{1: ..., 5: ..., 10: ...}`` at this window's length. ``alpha`` and ``beta`` are the line whose
    residual was tested, ``lags`` the lags in its Dickey-Fuller regression.
    """

    statistic: float
    critical: dict[int, float]
    pvalue: float
    lags: int
    alpha: float
    beta: float

    __repr__ = short_repr


@njit
def engle_granger_kernel(y: Floats, x: Floats, criterion: int, max_lag: int) -> tuple[float, int, float, float]:
    """``(statistic, lags, alpha, beta)``; statistic NaN and lags -1 where a leg, or the residual, is constant.

    ``criterion`` and ``max_lag`` as in :func:`engine.stats.unitroot.adf_kernel`.
    """
    n = y.size
    (mean_y, dy), (mean_x, dx) = centred(y), centred(x)
    sxx = dot(dx, dx, 0, n, 0)
    if not sxx > 0.0:
        return np.nan, -1, np.nan, np.nan
    beta = dot(dy, dx, 0, n, 0) / sxx
    alpha = mean_y - beta * mean_x
    residual = np.empty_like(y)
    for t in range(n):
        residual[t] = dy[t] - beta * dx[t]
    level = abs(mean_y) + abs(beta * mean_x)
    if is_rounding(dot(residual, residual, 0, n, 0), n, level):  # the legs are collinear
        return np.nan, -1, alpha, beta
    statistic, lags = adf_kernel(residual, False, criterion, max_lag)
    return statistic, lags, alpha, beta


@njit
def engle_granger_many(
    prices: Floats, pairs: Ints, criterion: int, max_lag: int, statistic: Floats, lags: Ints, beta: Floats
) -> None:
    """Every pair of a universe: ``prices`` (symbols, bars) in C order, ``pairs`` (pairs, 2) rows of (y, x) symbols.

    Fills one value a pair. It releases the GIL: threads may each process a slice of ``pairs`` and of the outputs.
    """
    for i in range(pairs.shape[0]):
        statistic[i], lags[i], _, beta[i] = engle_granger_kernel(
            prices[pairs[i, 0]], prices[pairs[i, 1]], criterion, max_lag
        )


def engle_granger(y: ArrayLike, x: ArrayLike, lags: str | int = "bic", max_lag: int | None = None) -> EngleGranger:
    """Engle-Granger test of y on a constant and x; give log prices, x the more liquid leg.

    ``lags``: ``"bic"`` (size 5 to 6 % at "5 %"), ``"aic"`` (up to 7.5 % in short windows) or a number; ``max_lag`` by
    default Schwert's cap. Ten bars or more; under about 37 half-lives of the spread it misses most true pairs
    (``engine.stats.evidence``). Raises ValueError for a constant leg and for collinear legs.

    Source: Engle and Granger 1987, MacKinnon 2010; the statistic equals statsmodels ``coint`` to 1e-8, the critical
    values are those at n bars (``coint`` takes n - 1 and has a typing error in the 1 % row).
    """
    left, right = as_pair(y, x, minimum=MINIMUM_BARS)
    criterion, cap = lag_choice(lags, max_lag, left.size, constant=False)
    statistic, chosen, alpha, beta = engle_granger_kernel(left, right, criterion, cap)
    if chosen < 0:
        raise ValueError("a leg or the residual is constant; expected two legs and a spread that move")
    return EngleGranger(statistic, critical_values(2, left.size), tau_pvalue(statistic, 2), chosen, alpha, beta)
