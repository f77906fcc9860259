"""Metrics over a window of bars, each bar from the values of its own window alone: a bar has the same value in any
stretch that is asked for."""

from __future__ import annotations

import numpy as np

from engine.stats.checks import Floats
from engine.stats.half_life import half_life_of, unbiased_phi
from engine.stats.jit import njit
from engine.stats.regression import ols_kernel, residuals_kernel


@njit
def change_of(values: Floats, first: int, window: int) -> Floats:
    """100 (v_t / v_{t-window} - 1) at the places from ``first`` on; NaN where one of the two is missing or 0."""
    out = np.full(values.size - first, np.nan)
    for t in range(max(first, window), values.size):
        if values[t - window] != 0.0:
            out[t - first] = 100.0 * (values[t] / values[t - window] - 1.0)
    return out


@njit
def correlation_of(y: Floats, x: Floats, first: int, window: int) -> Floats:
    """Pearson's r of the last ``window`` steps of y and x, at the places from ``first`` on; NaN with a missing value
    among them, and where a leg does not move."""
    out = np.full(y.size - first, np.nan)
    for t in range(max(first, window), y.size):
        mean_y = (y[t] - y[t - window]) / window
        mean_x = (x[t] - x[t - window]) / window
        syy = sxy = sxx = 0.0
        for at in range(t - window + 1, t + 1):
            dy, dx = y[at] - y[at - 1] - mean_y, x[at] - x[at - 1] - mean_x
            syy += dy * dy
            sxy += dy * dx
            sxx += dx * dx
        if syy > 0.0 and sxx > 0.0:
            out[t - first] = max(-1.0, min(1.0, sxy / np.sqrt(syy * sxx)))
    return out


@njit
def spike_of(volume: Floats, first: int, window: int) -> Floats:
    """The volume of a bar over the median of the ``window`` bars before, at the places from ``first`` on; NaN where
    that is 0."""
    out = np.full(volume.size - first, np.nan)
    for t in range(max(first, window), volume.size):
        usual = np.median(volume[t - window : t])
        if usual > 0.0:
            out[t - first] = volume[t] / usual
    return out


@njit
def half_life_at(y: Floats, x: Floats, first: int, window: int) -> Floats:
    """The median-unbiased half-life in bars of the residual of one line over the last ``window`` bars, at the places
    from ``first`` on: inf where it does not revert, NaN with a missing value, and where it is back within a bar."""
    out = np.full(y.size - first, np.nan)
    for t in range(max(first, window - 1), y.size):
        left, right = y[t - window + 1 : t + 1], x[t - window + 1 : t + 1]
        alpha, beta = ols_kernel(left, right)
        if beta == beta:
            phi = unbiased_phi(residuals_kernel(left, right, alpha, beta), True)
            out[t - first] = np.inf if phi >= 1.0 else half_life_of(phi)
    return out
