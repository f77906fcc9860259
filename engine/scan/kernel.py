"""The compiled statistics of each pair; threads process slices of the pairs."""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from engine.stats.checks import Floats, Ints
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.eg_distribution import eg_pvalue_kernel
from engine.stats.half_life import half_life_of, unbiased_phi
from engine.stats.hurst import hurst_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import tau_pvalue
from engine.stats.regression import residuals_kernel
from engine.stats.unitroot import FIXED, adf_kernel, schwert_cap

HOLDOUT_LAGS = 8  # of the hold-out's test: lags that BIC chooses are too few where a leg carries transitory noise


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

    ``train`` and ``holdout``: log prices (symbols, bars); without bars in ``holdout`` its columns are NaN. The line is
    fitted on ``train``. On hold-out bars its residual is not a fitted residual, so the plain Dickey-Fuller table
    applies there (trap T3 does not).
    """
    bars, later = float(train.shape[1]), holdout.shape[1]
    for i in range(pairs.shape[0]):
        y, x = pairs[i, 0], pairs[i, 1]
        row = out[i]
        row[:] = np.nan
        statistic, lags, alpha, beta = engle_granger_kernel(train[y], train[x], criterion, max_lag)
        row[Found.STATISTIC], row[Found.LAGS], row[Found.ALPHA], row[Found.BETA] = statistic, lags, alpha, beta
        if lags < 0:
            continue
        row[Found.PVALUE] = eg_pvalue_kernel(statistic, bars)
        residual = residuals_kernel(train[y], train[x], alpha, beta)
        row[Found.HALF_LIFE] = half_life_of(unbiased_phi(residual, True))
        row[Found.CROSSINGS] = crossings(residual)
        row[Found.HURST] = min(1.0, max(0.0, hurst_kernel(residual)))
        if later > 0:
            tau, _ = adf_kernel(residuals_kernel(holdout[y], holdout[x], alpha, beta), True, FIXED, holdout_lags(later))
            row[Found.HOLDOUT_STATISTIC], row[Found.HOLDOUT_PVALUE] = tau, tau_pvalue(tau, 1)


@njit
def holdout_lags(bars: int) -> int:
    """The lags of the hold-out's test: HOLDOUT_LAGS, or Schwert's cap where so few bars allow no more."""
    return min(HOLDOUT_LAGS, schwert_cap(bars, True))


@njit
def crossings(residual: Floats) -> int:
    """The number of sign changes of a zero-mean series; a 0 keeps the previous sign."""
    count = 0
    side = 0.0
    for t in range(residual.size):
        if residual[t] * side < 0.0:
            count += 1
        if residual[t] != 0.0:
            side = residual[t]
    return count
