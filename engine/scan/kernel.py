"""What is computed of each pair, compiled; threads take slices of the pairs."""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from engine.stats.checks import Floats, Ints
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.half_life import half_life_of, unbiased_phi
from engine.stats.hurst import hurst_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import tau_pvalue
from engine.stats.regression import residuals_kernel
from engine.stats.unitroot import adf_kernel


class Found(IntEnum):
    """Columns of a scan's numbers; NaN where undefined."""

    STATISTIC = 0
    PVALUE = auto()
    LAGS = auto()
    BETA = auto()
    ALPHA = auto()
    HALF_LIFE = auto()
    CROSSINGS = auto()
    HURST = auto()
    HOLDOUT_STATISTIC = auto()
    HOLDOUT_PVALUE = auto()


@njit
def scan_pairs(train: Floats, holdout: Floats, pairs: Ints, criterion: int, max_lag: int, out: Floats) -> None:
    """Every pair of ``pairs``, rows of (y, x) symbols, into its row of ``out``, (pairs, Found).

    ``train`` and ``holdout``: log prices (symbols, bars); without bars in ``holdout`` nothing is said of it. The line
    is fitted on ``train``. On bars that it has not seen its residual is no fitted residual, so the plain Dickey-Fuller
    table holds there (trap T3 does not).
    """
    for i in range(pairs.shape[0]):
        y, x = pairs[i, 0], pairs[i, 1]
        row = out[i]
        row[:] = np.nan
        statistic, lags, alpha, beta = engle_granger_kernel(train[y], train[x], criterion, max_lag)
        row[Found.STATISTIC], row[Found.LAGS], row[Found.ALPHA], row[Found.BETA] = statistic, lags, alpha, beta
        if lags < 0:
            continue
        row[Found.PVALUE] = tau_pvalue(statistic, 2)
        residual = residuals_kernel(train[y], train[x], alpha, beta)
        row[Found.HALF_LIFE] = half_life_of(unbiased_phi(residual, True))
        row[Found.CROSSINGS] = crossings(residual)
        row[Found.HURST] = min(1.0, max(0.0, hurst_kernel(residual)))
        if holdout.shape[1] > 0:
            later, _ = adf_kernel(residuals_kernel(holdout[y], holdout[x], alpha, beta), True, criterion, max_lag)
            row[Found.HOLDOUT_STATISTIC], row[Found.HOLDOUT_PVALUE] = later, tau_pvalue(later, 1)


@njit
def crossings(residual: Floats) -> int:
    """How often a series whose mean is 0 changes its sign; a 0 belongs to the side before it."""
    count = 0
    side = 0.0
    for t in range(residual.size):
        if residual[t] * side < 0.0:
            count += 1
        if residual[t] != 0.0:
            side = residual[t]
    return count
