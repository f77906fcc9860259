"""Critical values and p-values of the unit root statistic tau.

Critical values at a sample size: tau(n) = b0 + b1/n + b2/n^2 + b3/n^3, MacKinnon 2010 (Queen's University working paper
1227), with a constant. The 1 % row for two variables has b2 = -22.527; statsmodels 0.15 has -33.527 there.
p-values: MacKinnon 1994, asymptotic. A p-value near 5 % and a critical value at a small n can therefore disagree:
the critical value decides, the p-value informs. Where a p-value decides, as in a scan, it is that of
:mod:`engine.stats.eg_distribution`.
"""

from __future__ import annotations

import math

import numpy as np

from engine.stats.checks import Floats
from engine.stats.jit import njit

LEVELS = (1, 5, 10)
# Rows: 1 %, 5 %, 10 %, and for a residual 20 %, where an open gate closes; columns b0 .. b3. One variable is the ADF
# test, two are a regression residual. MacKinnon has no 20 % row: this one is fitted to 60,000 to 1,000,000 simulated
# pairs at each of n = 30 .. 2,000, and good to 0.003.
SURFACE_ADF = np.array([
    [-3.43035, -6.5393, -16.786, -79.433],
    [-2.86154, -2.8903, -4.234, -40.040],
    [-2.56677, -1.5384, -2.809, 0.0],
])  # fmt: skip
SURFACE_EG = np.array([
    [-3.89644, -10.9519, -22.527, 0.0],
    [-3.33613, -6.1101, -6.823, 0.0],
    [-3.04445, -4.2412, -2.720, 0.0],
    [-2.6963, -2.75, 0.0, 0.0],
])  # fmt: skip
# The residual of one leg on two, three, four, five others: 1, 5, 10 %.
SURFACES_OF_MORE = np.array([
    [[-4.29374, -14.4354, -33.195, 47.433], [-3.74066, -8.5632, -10.852, 27.982], [-3.45218, -6.2143, -3.718, 0.0]],
    [[-4.64332, -18.1031, -37.972, 0.0], [-4.09600, -11.2349, -11.175, 0.0], [-3.81020, -8.3931, -4.137, 0.0]],
    [[-4.95756, -21.8883, -45.142, 0.0], [-4.41519, -14.0405, -12.575, 0.0], [-4.13157, -10.7417, -3.784, 0.0]],
    [[-5.24568, -25.6688, -57.737, 88.639], [-4.70693, -16.9178, -17.492, 60.007],
     [-4.42501, -13.1875, -5.104, 27.877]],
])  # fmt: skip
MOST_VARIABLES = 2 + len(SURFACES_OF_MORE)

# MacKinnon 1994, tables 3 and 4: tau where the approximation changes, and outside which p is 0 or 1; then
# p = Phi(polynomial in tau), low powers first. One row a number of variables, 1 (ADF with a constant) to 6.
TAU_STAR = np.array([-1.61, -2.62, -3.13, -3.47, -3.78, -3.93])
TAU_MIN = np.array([-18.83, -18.86, -23.48, -28.07, -25.96, -23.27])
TAU_MAX = np.array([2.74, 0.92, 0.55, 0.61, 0.79, 1.0])
SMALL_P = np.array([
    [2.1659, 1.4412, 0.038269], [2.92, 1.5012, 0.039796], [3.4699, 1.4856, 0.03164],
    [3.9673, 1.4777, 0.026315], [4.5509, 1.5338, 0.029545], [5.1399, 1.6036, 0.034445],
])  # fmt: skip
LARGE_P = np.array([
    [1.7339, 0.93202, -0.12745, -0.010368], [2.1945, 0.64695, -0.29198, -0.042377],
    [2.5893, 0.45168, -0.36529, -0.050074], [3.0387, 0.45452, -0.33666, -0.041921],
    [3.5049, 0.52098, -0.29158, -0.033468], [3.9489, 0.58933, -0.25359, -0.02721],
])  # fmt: skip


@njit
def surface(coefficients: Floats, row: int, n: float) -> float:
    """One critical value at sample size ``n``."""
    b = coefficients[row]
    return float(b[0] + (b[1] + (b[2] + b[3] / n) / n) / n)


@njit
def eg_critical(row: int, n: float) -> float:
    """Engle-Granger's critical value; ``row`` 0, 1, 2, 3 for 1, 5, 10, 20 %, ``n`` bars in the window."""
    return surface(SURFACE_EG, row, n)


@njit
def tau_pvalue(tau: float, variables: int) -> float:
    """Asymptotic p-value of tau with a constant, for 1 (ADF) or 2 to 6 (Engle-Granger) variables; NaN for NaN."""
    i = variables - 1
    if tau != tau:
        return np.nan
    if tau > TAU_MAX[i]:
        return 1.0
    if tau < TAU_MIN[i]:
        return 0.0
    if tau <= TAU_STAR[i]:
        z = SMALL_P[i, 0] + tau * (SMALL_P[i, 1] + tau * SMALL_P[i, 2])
    else:
        z = LARGE_P[i, 0] + tau * (LARGE_P[i, 1] + tau * (LARGE_P[i, 2] + tau * LARGE_P[i, 3]))
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def critical_values(variables: int, n: int) -> dict[int, float]:
    """``{1: ..., 5: ..., 10: ...}`` at sample size ``n``, for 1 (ADF) or 2 to 6 (a residual) variables.

    >>> {level: round(value, 3) for level, value in critical_values(2, 50).items()}
    {1: -4.124, 5: -3.461, 10: -3.13}
    """
    table = SURFACES_OF_MORE[variables - 3] if variables > 2 else (SURFACE_ADF, SURFACE_EG)[variables - 1]
    return {level: float(surface(table, row, float(n))) for row, level in enumerate(LEVELS)}
