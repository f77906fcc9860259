"""The power of a test in this window, and the bars it would need.

The 5 % Engle-Granger test with one lag, on pairs y = x + u with u AR(1): its power depends on the window in half-lives
of u, and slightly on the number of bars. At ten half-lives it misses eight pairs of nine, so "not cointegrated" is
uninformative there; 80 % needs about 35.

The table is simulated (6,000 to 30,000 pairs a cell, one standard error at most 0.006); between its cells the power is
interpolated. Simulated with x a walk of standard normal steps, u with a stationary deviation of 3, 100 bars of burn-in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engine.stats.checks import whole
from engine.stats.half_life import NULL_LEVEL, NULL_RESIDUAL
from engine.stats.mackinnon import eg_critical

# Window in half-lives; then the power at 200, 500 and 2,000 bars.
RATIOS = np.array([0.1, 2.5, 5, 7.5, 10, 12.5, 15, 17.5, 20, 22.5, 25, 27.5, 30, 32.5, 35, 37.5, 40, 45, 50, 60, 80])
WINDOWS = np.array([200.0, 500.0, 2000.0])
POWER = np.array([
    [0.050, 0.056, 0.074, 0.096, 0.125, 0.164, 0.211, 0.266, 0.336, 0.402, 0.484,
     0.556, 0.624, 0.689, 0.749, 0.805, 0.854, 0.919, 0.956, 0.990, 1.000],
    [0.050, 0.059, 0.074, 0.096, 0.131, 0.170, 0.231, 0.286, 0.361, 0.437, 0.517,
     0.600, 0.674, 0.746, 0.805, 0.858, 0.903, 0.952, 0.982, 0.998, 1.000],
    [0.050, 0.059, 0.074, 0.096, 0.131, 0.177, 0.236, 0.292, 0.371, 0.446, 0.524,
     0.622, 0.706, 0.771, 0.836, 0.884, 0.922, 0.971, 0.990, 0.999, 1.000],
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """Context for a test of ``window_bars`` at a fitted half-life; NaN without a half-life.

    ``power`` is the probability that the 5 % test detects a spread with that half-life, ``bars_needed`` the window for
    80 %. ``null_half_life`` is the median raw half-life of a random walk of this length, ``null_residual`` that of the
    residual of one walk on another. ``critical_5`` is the critical value at this length.
    """

    power: float
    bars_needed: float
    null_half_life: float
    null_residual: float
    critical_5: float


def eg_power(window_bars: int, half_life_bars: float) -> float:
    """The probability, 0.05 to 1, that the 5 % Engle-Granger test detects a spread of that half-life; NaN without one.

    >>> round(eg_power(500, 20.0), 2)
    0.52
    """
    bars = whole(window_bars, "window_bars", at_least=10)
    if not half_life_bars > 0.0:
        return math.nan
    return _power(float(bars), half_life_bars)


def bars_for_power(half_life_bars: float, power: float = 0.8) -> float:
    """The window, in bars, in which the 5 % test detects a spread of that half-life with the given probability.

    NaN without a half-life. ``power`` between 0.06 and 0.99.

    >>> round(bars_for_power(20.0) / 20.0)
    34
    """
    if not 0.06 <= power <= 0.99:
        raise ValueError(f"power is {power}; expected 0.06 to 0.99")
    if not 0.0 < half_life_bars < math.inf:
        return math.nan
    return _bars_for_power(half_life_bars, power)


@lru_cache(maxsize=1_024)  # a screen asks with each trade for what changes with each bar
def _bars_for_power(half_life_bars: float, power: float) -> float:
    low, high = 0.0, float(RATIOS[-1])
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _power(middle * half_life_bars, half_life_bars) < power else (low, middle)
    return math.ceil(high * half_life_bars)


def evidence(window_bars: int, half_life_bars: float) -> Evidence:
    """The :class:`Evidence` for a test of ``window_bars`` (10 or more) at the fitted half-life."""
    bars = whole(window_bars, "window_bars", at_least=10)
    return Evidence(
        eg_power(bars, half_life_bars), bars_for_power(half_life_bars), NULL_LEVEL * bars, NULL_RESIDUAL * bars,
        eg_critical(1, float(bars)),
    )  # fmt: skip


def _power(bars: float, half_life_bars: float) -> float:
    """Linear in the ratio, and in ln bars between the rows of the table (held at its ends)."""
    ratio = bars / half_life_bars if half_life_bars > 0.0 else math.inf
    rows = [float(np.interp(ratio, RATIOS, row)) for row in POWER]
    return float(np.interp(math.log(max(bars, 1.0)), np.log(WINDOWS), rows))
