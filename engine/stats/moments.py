"""Mean, variance and covariance, one value at a time, equal to the batch formula at every prefix.

Sums of squares minus the square of the sum go negative at a price of 60,000; Welford's and West's updates do not. They
run on the distance from the first value, which is exact for prices near each other, so a level of 1e8 loses no
precision.

Sources: Welford 1962; West 1979; Chan, Golub and LeVeque 1983 (merging two sets).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair, as_series
from engine.stats.jit import njit

EPSILON = 2.220446049250313e-16


@njit
def moments_add(
    count: float, anchor: float, offset: float, squares: float, value: float
) -> tuple[float, float, float, float]:
    """One more value: ``(count, anchor, offset, squares)`` in and out; start at all zeros.

    mean = anchor + offset; variance = squares / (count - 1).
    """
    if count == 0.0:
        return 1.0, value, 0.0, 0.0
    count += 1.0
    delta = (value - anchor) - offset
    offset += delta / count  # mean_n = mean_{n-1} + delta / n
    squares += delta * ((value - anchor) - offset)  # S_n = S_{n-1} + (v - mean_{n-1}) (v - mean_n)
    return count, anchor, offset, squares


@njit
def comoments_add(
    count: float, offset_y: float, offset_x: float, syy: float, sxy: float, sxx: float, dy: float, dx: float
) -> tuple[float, float, float, float, float, float]:
    """One more pair, given as distances ``dy, dx`` from fixed anchors; start at all zeros."""
    count += 1.0
    gy = dy - offset_y
    gx = dx - offset_x
    offset_y += gy / count
    offset_x += gx / count
    syy += gy * (dy - offset_y)
    sxy += gy * (dx - offset_x)
    sxx += gx * (dx - offset_x)
    return count, offset_y, offset_x, syy, sxy, sxx


@njit
def moments_of(values: Floats) -> tuple[float, float, float, float]:
    """The state of :func:`moments_add` after all values."""
    count = anchor = offset = squares = 0.0
    for t in range(values.size):
        count, anchor, offset, squares = moments_add(count, anchor, offset, squares, values[t])
    return count, anchor, offset, squares


@njit
def comoments_of(y: Floats, x: Floats) -> tuple[float, float, float, float, float, float]:
    """The state of :func:`comoments_add` after all pairs, as distances from the first."""
    count = oy = ox = syy = sxy = sxx = 0.0
    for t in range(y.size):
        count, oy, ox, syy, sxy, sxx = comoments_add(count, oy, ox, syy, sxy, sxx, y[t] - y[0], x[t] - x[0])
    return count, oy, ox, syy, sxy, sxx


@njit
def prefix_moments(values: Floats, mean: Floats, variance: Floats) -> None:
    """Mean and sample variance (ddof 1) of ``values[:t+1]``, one a bar; the variance is NaN at t = 0."""
    count = anchor = offset = squares = 0.0
    for t in range(values.size):
        count, anchor, offset, squares = moments_add(count, anchor, offset, squares, values[t])
        mean[t] = anchor + offset
        variance[t] = squares / (count - 1.0) if count > 1.0 else np.nan


@njit
def dot(x: Floats, y: Floats, start: int, stop: int, lag: int) -> float:
    """Sum of x_t y_{t-lag} over t = start .. stop-1, as eight interleaved sums that are added in one fixed order.

    Eight sums allow SIMD; the order is fixed here, so the bits do not change.
    """
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    t = start
    while t + 7 < stop:
        a, b = x[t : t + 8], y[t - lag : t - lag + 8]
        s0 += a[0] * b[0]
        s1 += a[1] * b[1]
        s2 += a[2] * b[2]
        s3 += a[3] * b[3]
        s4 += a[4] * b[4]
        s5 += a[5] * b[5]
        s6 += a[6] * b[6]
        s7 += a[7] * b[7]
        t += 8
    while t < stop:
        s0 += x[t] * y[t - lag]
        t += 1
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@njit
def mean_of(values: Floats) -> float:
    """The mean, from the distances to the first value in four interleaved sums; NaN for no values."""
    n = values.size
    if n == 0:
        return np.nan
    anchor = values[0]
    s0 = s1 = s2 = s3 = 0.0
    t = 0
    while t + 3 < n:
        part = values[t : t + 4]
        s0 += part[0] - anchor
        s1 += part[1] - anchor
        s2 += part[2] - anchor
        s3 += part[3] - anchor
        t += 4
    while t < n:
        s0 += values[t] - anchor
        t += 1
    return float(anchor + ((s0 + s1) + (s2 + s3)) / n)


@njit
def centred(values: Floats) -> tuple[float, Floats]:
    """The mean, and the distances from it."""
    mean = mean_of(values)
    out = np.empty_like(values)
    for t in range(values.size):
        out[t] = values[t] - mean
    return mean, out


@njit
def is_rounding(squares: float, count: float, level: float) -> bool:
    """Whether a sum of ``count`` squares is within the rounding error of numbers as large as ``level``."""
    return not squares > count * (8.0 * EPSILON * level) ** 2


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of the values added so far. Immutable: an update returns a new object.

    >>> Moments.of([100000000.0, 100000001.0, 100000002.0]).variance()
    1.0
    """

    count: float = 0.0
    anchor: float = 0.0
    offset: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: ArrayLike) -> Moments:
        """The moments of a whole series; the same bits as adding its values one by one."""
        return cls(*moments_of(as_series(values, "values", minimum=0)))

    def add(self, value: float) -> Moments:
        """With one more value; ValueError unless it is finite."""
        if not np.isfinite(value):
            raise ValueError(f"value is {value}; expected a finite number")
        return Moments(*moments_add(self.count, self.anchor, self.offset, self.squares, float(value)))

    @property
    def mean(self) -> float:
        """In the values' own unit; NaN before the first."""
        return self.anchor + self.offset if self.count else float("nan")

    def variance(self, ddof: int = 1) -> float:
        """Unit squared; NaN until there are more than ``ddof`` values."""
        return self.squares / (self.count - ddof) if self.count > ddof else float("nan")


@dataclass(frozen=True, slots=True)
class CoMoments:
    """Means, variances and covariance of the pairs ``(y, x)`` added so far."""

    count: float = 0.0
    anchor_y: float = 0.0
    anchor_x: float = 0.0
    offset_y: float = 0.0
    offset_x: float = 0.0
    syy: float = 0.0
    sxy: float = 0.0
    sxx: float = 0.0

    @classmethod
    def of(cls, y: ArrayLike, x: ArrayLike) -> CoMoments:
        """The moments of two whole series; the same bits as adding their pairs one by one."""
        left, right = as_pair(y, x, minimum=0)
        if left.size == 0:
            return cls()
        count, *sums = comoments_of(left, right)
        return cls(count, float(left[0]), float(right[0]), *sums)

    def add(self, y: float, x: float) -> CoMoments:
        """With one more pair; ValueError unless both are finite."""
        if not (np.isfinite(y) and np.isfinite(x)):
            raise ValueError(f"the pair is ({y}, {x}); expected finite numbers")
        ay, ax = (self.anchor_y, self.anchor_x) if self.count else (float(y), float(x))
        count, *sums = comoments_add(
            self.count, self.offset_y, self.offset_x, self.syy, self.sxy, self.sxx, y - ay, x - ax
        )
        return CoMoments(count, ay, ax, *sums)

    @property
    def mean_y(self) -> float:
        """NaN before the first pair."""
        return self.anchor_y + self.offset_y if self.count else float("nan")

    @property
    def mean_x(self) -> float:
        """NaN before the first pair."""
        return self.anchor_x + self.offset_x if self.count else float("nan")

    def covariance(self, ddof: int = 1) -> float:
        """Unit of y times unit of x; NaN until there are more than ``ddof`` pairs."""
        return self.sxy / (self.count - ddof) if self.count > ddof else float("nan")

    def correlation(self) -> float:
        """Pearson's r, in [-1, 1]; NaN while either leg is constant."""
        if self.syy <= 0.0 or self.sxx <= 0.0:
            return float("nan")
        return max(-1.0, min(1.0, self.sxy / math.sqrt(self.syy * self.sxx)))
