"""Lines fitted again to spreads that were grown anew: the error of an estimator that is no weighted sum.

The sieve of order one: the residual's AR(1), with phi corrected as in :mod:`engine.stats.serial_correlation`, is grown
from its own shocks, drawn with replacement, and laid on the fitted line over the same x; the estimator is fitted to
each. Pairs of bars drawn one by one would break the autocorrelation that makes the error what it is.

Two short cuts that keep a refit to a few microseconds a hundred bars, checked against the full estimators in the
tests: Huber is reweighted five times from the least squares line at the scale of the fit, and Theil-Sen takes the
median over 2,000 pairs of bars, the same in every draw.

Sources: Buehlmann 1997 (sieve bootstrap); Efron and Tibshirani 1993, chapter 8.
"""

from __future__ import annotations

import numpy as np

from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit
from engine.stats.moments import mean_of
from engine.stats.random import random_index
from engine.stats.regression import ols_kernel, tls_kernel
from engine.stats.robust import MAD_TO_SIGMA, TUNING, weighted_line

HUBER, THEIL_SEN, TLS = range(3)
PAIRS = 2_000  # of bars, in a refit of Theil-Sen
REWEIGHTINGS = 5  # in a refit of Huber: each leaves about a fifth of the distance to where it would settle


@njit
def bootstrap_lines(  # noqa: PLR0913 - a compiled loop
    y: Floats, x: Floats, alpha: float, beta: float, estimator: int, raw: float, phi: float, s2: float,
    resamples: int, seed: int,
) -> Floats:  # fmt: skip
    """``(alpha, beta)`` of ``resamples`` refits, shape (2, resamples), as distances from the line given.

    ``raw``, ``phi``, ``s2`` as :func:`engine.stats.serial_correlation.residual_ar1` gives them. NaN where a refit has
    no line.
    """
    n = y.size
    fitted = alpha + beta * x
    residual = y - fitted
    residual -= mean_of(residual)
    shocks = _shocks_of(residual, raw, s2)
    spread = np.sqrt(s2 / (1.0 - phi * phi) / np.mean(residual * residual))  # to the variance that phi implies
    scale = np.median(np.abs(y - fitted)) / MAD_TO_SIGMA
    state = np.uint64(seed)
    state, first, second = _pairs_of(x, state, PAIRS if estimator == THEIL_SEN else 0)
    out, path = np.empty((2, resamples)), np.empty(n)
    for i in range(resamples):
        state, at = random_index(state, n)
        level = spread * residual[at]
        path[0] = fitted[0] + level
        for t in range(1, n):
            state, at = random_index(state, n - 1)
            level = phi * level + shocks[at]
            path[t] = fitted[t] + level
        again = (np.nan, np.nan)
        if estimator == TLS:
            again = tls_kernel(path, x)
        elif estimator == HUBER:
            again = huber_refit(path, x, scale)
        else:
            again = theil_sen_refit(path, x, first, second)
        out[0, i], out[1, i] = again[0] - alpha, again[1] - beta
    return out


@njit
def _shocks_of(residual: Floats, raw: float, s2: float) -> Floats:
    """The residual's shocks about 0, scaled to the variance ``s2``."""
    shocks = residual[1:] - raw * residual[:-1]
    shocks -= mean_of(shocks)
    shocks *= np.sqrt(s2 / np.mean(shocks * shocks))
    return shocks


@njit
def _pairs_of(x: Floats, state: np.uint64, count: int) -> tuple[np.uint64, Ints, Ints]:
    """``count`` drawn pairs of bars, less those in which x is the same; and the next state."""
    first, second = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    kept = 0
    for _ in range(count):
        state, i = random_index(state, x.size)
        state, j = random_index(state, x.size)
        if x[i] != x[j]:
            first[kept], second[kept] = i, j
            kept += 1
    return state, first[:kept], second[:kept]


@njit
def huber_refit(y: Floats, x: Floats, scale: float) -> tuple[float, float]:
    """``(alpha, beta)`` of Huber's line at a given scale, from least squares on; that line where the scale is 0."""
    alpha, beta = ols_kernel(y, x)
    limit = TUNING * scale
    if not limit > 0.0:
        return alpha, beta
    weights = np.empty_like(y)
    for _ in range(REWEIGHTINGS):
        for t in range(y.size):
            size = abs(y[t] - (alpha + beta * x[t]))
            weights[t] = 1.0 if size <= limit else limit / size
        alpha, beta = weighted_line(y, x, weights)
    return alpha, beta


@njit
def theil_sen_refit(y: Floats, x: Floats, first: Ints, second: Ints) -> tuple[float, float]:
    """``(alpha, beta)``: the median slope over the pairs given, in each of which x differs; NaN where there is none."""
    if first.size == 0:
        return np.nan, np.nan
    slopes = np.empty(first.size)
    for k in range(first.size):
        i, j = first[k], second[k]
        slopes[k] = (y[j] - y[i]) / (x[j] - x[i])
    beta = float(np.median(slopes))
    return float(np.median(y) - beta * np.median(x)), beta
