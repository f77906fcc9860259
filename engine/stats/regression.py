"""Hedge ratios by least squares: ordinary, orthogonal, and with several legs.

Y = alpha + beta X + e. In log prices beta is a ratio of dollars, in prices a ratio of coins. Sums run over
distances from the means in one fixed order: a level of 60,000 loses no digits and every host gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_columns, as_pair, as_series, same_index, same_length
from engine.stats.jit import njit
from engine.stats.moments import centred, dot, is_rounding, mean_of
from engine.stats.pandas_results import by_leg, keeps_index
from engine.stats.representation import short_repr


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """y = alpha + beta x + residuals. ``residuals`` has one value a bar, vertical, in y's unit."""

    alpha: float
    beta: float
    residuals: Floats

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """y = alpha + sum of betas[i] x_i + residuals; one beta a leg."""

    alpha: float
    betas: Floats
    residuals: Floats

    __repr__ = short_repr


@njit
def centred_products(y: Floats, x: Floats) -> tuple[float, float, float, float, float]:
    """``(mean_y, mean_x, syy, sxy, sxx)`` in two passes."""
    (mean_y, dy), (mean_x, dx) = centred(y), centred(x)
    n = y.size
    return mean_y, mean_x, dot(dy, dy, 0, n, 0), dot(dy, dx, 0, n, 0), dot(dx, dx, 0, n, 0)


@njit
def ols_kernel(y: Floats, x: Floats) -> tuple[float, float]:
    """``(alpha, beta)`` of y on a constant and x; NaN for a constant x."""
    mean_y, mean_x, _, sxy, sxx = centred_products(y, x)
    if not sxx > 0.0:
        return np.nan, np.nan
    beta = sxy / sxx
    return mean_y - beta * mean_x, beta


@njit
def residuals_kernel(y: Floats, x: Floats, alpha: float, beta: float) -> Floats:
    """y - (alpha + beta x), one value a bar."""
    out = np.empty_like(y)
    for t in range(y.size):
        out[t] = y[t] - (alpha + beta * x[t])
    return out


def spread_of(y: Floats, x: Floats) -> tuple[float, float, Floats] | None:
    """``(alpha, beta, residual)`` by least squares; None where x, or the residual, moves no more than by rounding."""
    alpha, beta = ols_kernel(y, x)
    residual = residuals_kernel(y, x, alpha, beta)
    level = float(np.abs(y).max() + np.abs(beta * x).max())
    if np.isnan(beta) or is_rounding(dot(residual, residual, 0, y.size, 0), y.size, level):
        return None
    return float(alpha), float(beta), residual


@njit
def tls_of(mean_y: float, mean_x: float, syy: float, sxy: float, sxx: float) -> tuple[float, float]:
    """``(alpha, beta)`` of the line with the least orthogonal distances, from a window's moments (any common scale).

    beta = (d + sqrt(d^2 + 4 sxy^2)) / (2 sxy), d = syy - sxx, in the form that does not cancel for the sign of d.
    NaN where no line is the best.
    """
    difference = syy - sxx
    root = np.sqrt(difference * difference + 4.0 * sxy * sxy)
    if difference > 0.0:
        beta = (difference + root) / (2.0 * sxy) if sxy != 0.0 else np.nan  # a vertical line has no slope
    else:
        beta = 2.0 * sxy / (root - difference) if root - difference > 0.0 else np.nan
    return mean_y - beta * mean_x, beta


@njit
def tls_kernel(y: Floats, x: Floats) -> tuple[float, float]:
    """``(alpha, beta)`` of the line with the least orthogonal distances; NaN where no line is the best."""
    mean_y, mean_x, syy, sxy, sxx = centred_products(y, x)
    return tls_of(mean_y, mean_x, syy, sxy, sxx)


@keeps_index
def ols(y: ArrayLike, x: ArrayLike) -> Line:
    """Ordinary least squares of y on a constant and x (two bars or more).

    Raises ValueError where x is constant: no hedge ratio exists. The trap: two independent random walks always have
    a "significant" beta; only a cointegration test shows whether the residual reverts.

    >>> line = ols([1.0, 3.0, 5.0], [0.0, 1.0, 2.0])
    >>> line.alpha, line.beta
    (1.0, 2.0)

    Source: least squares; equal to statsmodels ``OLS`` to 1e-8.
    """
    left, right = as_pair(y, x)
    return _line(left, right, *ols_kernel(left, right))


@keeps_index
def tls(y: ArrayLike, x: ArrayLike) -> Line:
    """Orthogonal (total) least squares: swapping the legs gives 1 / beta, where OLS gives two different lines.

    Both legs must be in the same unit, and the noise of each of the same size; log prices are. ``residuals`` are
    vertical, y - alpha - beta x, like those of the other estimators. ValueError where no single line is the best.

    >>> tls([0.0, 2.0, 4.0], [0.0, 1.0, 2.0]).beta
    2.0

    Source: Deming 1943 with equal variances.
    """
    left, right = as_pair(y, x)
    return _line(left, right, *tls_kernel(left, right))


@keeps_index
def multiple_ols(y: ArrayLike, columns: ArrayLike | Sequence[ArrayLike]) -> Plane:
    """Least squares of y on a constant and several legs: a list of 1-D columns, or one 2-D array (bars, legs).

    Needs more bars than legs + 1. ValueError where a leg is constant or a combination of the others.

    >>> multiple_ols([1.0, 3.0, 4.0, 6.0], [[0, 1, 0, 1], [0, 0, 1, 1]]).betas.round(9)
    array([2., 3.])

    Source: Householder QR of the centred columns (Golub and Van Loan 1996, 5.3).
    """
    for i, column in enumerate(columns if isinstance(columns, (list, tuple)) else [columns]):
        same_index(y, column, "y", f"columns[{i}]")
    left = as_series(y, "y", minimum=2)
    table = as_columns(columns, "columns", minimum=2)
    same_length(left, table, "y", "columns")
    bars, legs = table.shape
    if bars <= legs + 1:
        raise ValueError(f"{bars} bars for {legs} legs and a constant; expected more bars than {legs + 1}")
    means = np.array([mean_of(np.ascontiguousarray(table[:, i])) for i in range(legs)])
    betas = qr_solve(table - means, left - mean_of(left))
    if np.isnan(betas).any():
        raise ValueError(f"the {legs} legs are constant or combinations of each other; expected independent legs")
    alpha = float(mean_of(left) - sum(float(b) * float(m) for b, m in zip(betas, means, strict=True)))
    fitted = alpha + sum(betas[i] * table[:, i] for i in range(legs))
    return Plane(alpha, by_leg(betas, columns), left - fitted)


@njit
def qr_solve(table: Floats, target: Floats) -> Floats:
    """Least squares coefficients of ``target`` (rows,) on ``table`` (rows, columns); NaN if rank deficient."""
    a, b = table.copy(), target.copy()
    rows, columns = a.shape
    solution = np.full(columns, np.nan)
    for k in range(columns):
        before = 0.0
        norm = 0.0
        for i in range(rows):
            before += table[i, k] * table[i, k]
        for i in range(k, rows):
            norm += a[i, k] * a[i, k]
        if not norm > 1e-24 * before:  # this column depends on the ones before it
            return solution
        _reflect(a, b, k, np.sqrt(norm))
    for k in range(columns - 1, -1, -1):
        total = b[k]
        for j in range(k + 1, columns):
            total -= a[k, j] * solution[j]
        solution[k] = total / a[k, k]
    return solution


@njit
def _reflect(a: Floats, b: Floats, k: int, norm: float) -> None:
    """Householder step: zero column k below its diagonal, in ``a`` and ``b``."""
    rows, columns = a.shape
    head = -norm if a[k, k] > 0.0 else norm
    v = a[k:, k].copy()
    v[0] -= head
    squares = 0.0
    for i in range(rows - k):
        squares += v[i] * v[i]
    for j in range(k, columns + 1):
        inner = 0.0
        for i in range(rows - k):
            inner += v[i] * (b[k + i] if j == columns else a[k + i, j])
        scale = 2.0 * inner / squares
        for i in range(rows - k):
            if j == columns:
                b[k + i] -= scale * v[i]
            else:
                a[k + i, j] -= scale * v[i]


def _line(y: Floats, x: Floats, alpha: float, beta: float) -> Line:
    if np.isnan(beta):
        raise ValueError("x is constant, or no single line fits best; expected legs that both move")
    return Line(float(alpha), float(beta), residuals_kernel(y, x, alpha, beta))
