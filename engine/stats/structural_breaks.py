"""CUSUM: has the relation between the legs broken since it was calibrated?

Two sums of the standardised one-step errors z_t, each floored at 0:
up_t = max(0, up_{t-1} + z_t - k), down_t = max(0, down_{t-1} - z_t - k); an alarm when one passes h. k is half the
shift that should be caught soonest, in deviations. h is not a taste but follows from ARL0, the mean number of bars
between false alarms. The trap: that holds for errors without autocorrelation; on a raw spread, whose errors persist,
alarms come many times as often: whiten first (:func:`engine.stats.health.whiten`). And it holds for Gaussian errors:
on Student-t errors with 3 degrees of freedom alarms come seven times as often.

A sign CUSUM takes +1 or -1 for each error instead of its size. Under the calibration both are equally likely whatever
the tails and the variance of the errors, so its ARL0 holds on fat tails and on GARCH alike, and it is exact: the sum
is a Markov chain on a lattice.

Sources: Page 1954; Siegmund 1985 (the average run length, good to 3 % for h of 3 and more); Brook and Evans 1972 (the
Markov chain).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from engine.stats.checks import ArrayLike, Bools, Floats, as_series, positive
from engine.stats.jit import njit
from engine.stats.pandas_results import keeps_index
from engine.stats.representation import short_repr

REFERENCE = 0.5
OVERSHOOT = 1.166  # Siegmund's overshoot correction


@dataclass(frozen=True, slots=True, eq=False)
class Cusum:
    """One value a bar: both sums after it, and whether one passed ``threshold`` there (both then start from 0)."""

    up: Floats
    down: Floats
    alarm: Bools
    threshold: float

    __repr__ = short_repr


@njit
def cusum_step(up: float, down: float, z: float, reference: float) -> tuple[float, float]:
    """One bar: both sums in and out. An unknown error (NaN) changes nothing."""
    if z != z:
        return up, down
    return max(0.0, up + z - reference), max(0.0, down - z - reference)


@njit
def _cusum(z: Floats, reference: float, threshold: float, up: Floats, down: Floats, alarm: Bools) -> None:
    high = low = 0.0
    for t in range(z.size):
        high, low = cusum_step(high, low, z[t], reference)
        up[t], down[t] = high, low
        alarm[t] = high > threshold or low > threshold
        if alarm[t]:
            high = low = 0.0


def run_length(threshold: float, reference: float = REFERENCE) -> float:
    """ARL0 of the two-sided sum: (exp(2kb) - 2kb - 1) / (4 k^2), b = h + 1.166 (Siegmund 1985)."""
    b = 2.0 * reference * (threshold + OVERSHOOT)
    return (math.exp(b) - b - 1.0) / (4.0 * reference * reference)


def cusum_threshold(arl0: float, reference: float = REFERENCE) -> float:
    """The h, in deviations, that gives one false alarm per ``arl0`` bars on average. 10 bars or more.

    >>> round(cusum_threshold(465.0), 2)
    4.99
    """
    if positive(arl0, "arl0") < 10:
        raise ValueError(f"arl0 is {arl0}; expected at least 10 bars")
    k = positive(reference, "reference")
    low, high = 0.0, 1.0
    if run_length(low, k) > arl0:
        raise ValueError(f"arl0 is {arl0}; expected more than {run_length(low, k):.1f} bars at a reference of {k}")
    while run_length(high, k) < arl0:
        high *= 2.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if run_length(middle, k) < arl0 else (low, middle)
    return high


@cache
def sign_run_length(threshold: Fraction, reference: Fraction) -> float:
    """ARL0 of the two-sided sum of signs with P(+1) = P(-1) = 1/2, exact for one side (Brook and Evans 1972).

    The two sides alarm equally often, so both together alarm twice as often. ``reference`` between 0 and 1.
    """
    from scipy.linalg import solve_banded

    step = Fraction(1, math.lcm((1 - reference).denominator, (1 + reference).denominator))
    states = math.floor(threshold / step) + 1  # sums 0, step, .. threshold; beyond is the alarm
    up, down = int((1 - reference) / step), int((1 + reference) / step)
    band = np.zeros((up + down + 1, states))  # of 1 - P, as scipy wants it: row up + i - j of column j
    band[up] = 1.0
    for at in range(states):
        band[up + at - max(at - down, 0), max(at - down, 0)] -= 0.5
        if at + up < states:
            band[0, at + up] -= 0.5
    return float(solve_banded((down, up), band, np.ones(states))[0]) / 2.0


@cache
def sign_cusum_threshold(arl0: float, reference: float) -> float:
    """The least h at which false alarms of a sign CUSUM are ``arl0`` bars apart or more; 10 bars or more.

    ``reference`` is half the mean sign that is to be caught soonest, between 0 and 1, taken to the nearest hundredth.

    >>> round(sign_cusum_threshold(5_000.0, 0.25), 2)
    13.0
    """
    if positive(arl0, "arl0") < 10:
        raise ValueError(f"arl0 is {arl0}; expected at least 10 bars")
    if not 0.01 <= reference <= 0.99:
        raise ValueError(f"reference is {reference}; expected 0.01 to 0.99")
    k = Fraction(reference).limit_denominator(100)
    step = Fraction(1, math.lcm((1 - k).denominator, (1 + k).denominator))
    low, high = 0, 8
    while sign_run_length(high * step, k) < arl0:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if sign_run_length(middle * step, k) < arl0 else (low, middle)
    return float(high * step)


@keeps_index
def cusum(z: ArrayLike, arl0: float = 5_000.0, reference: float = REFERENCE) -> Cusum:
    """Two-sided CUSUM of standardised, whitened errors (mean 0, variance 1 under the calibration); NaN is skipped."""
    values = as_series(z, "z", nan=True)
    threshold = cusum_threshold(arl0, reference)
    up, down, alarm = np.empty_like(values), np.empty_like(values), np.empty(values.size, dtype=np.bool_)
    _cusum(values, reference, threshold, up, down, alarm)
    return Cusum(up, down, alarm, threshold)
