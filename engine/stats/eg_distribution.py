"""The distribution of Engle-Granger's statistic at a number of bars: p-values that a bound on false finds may use.

The asymptotic p-value (MacKinnon 1994, ``EngleGranger.pvalue``) at the 5 % value of a short window is .036 to .048, and
where many pairs are tested the far tail decides, which is further off: at 100 bars one pair of noise in 3,600 has an
asymptotic p below 1 in 10,000. Here each of 23 quantiles is a response surface b0 + b1/n + b2/n^2, as MacKinnon 2010
has them for three; between the quantiles the normal score of p is linear in tau, beyond them it goes on as it ended.

Recipe (``python -m bench.tau_table`` prints the table; seed 20261128): independent walks of standard normal steps, no
lags, n = 30, 40, 50, 70, 100, 150, 200, 300, 500, 1,000 and 2,000 bars, 5e8 steps at each, so from 8 million to
125,000 pairs; weighted least squares of each quantile on 1, 1/n and 1/n^2.

The trap: this is the null of walks. Lags that a criterion chose, a moving variance and transitory noise all move it
(docs/mathematics.md).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from engine.stats.checks import whole
from engine.stats.jit import njit

PROBABILITIES = np.array([
    1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
    0.95, 0.98, 0.99, 0.997, 0.999,
])  # fmt: skip
SCORES = np.array([NormalDist().inv_cdf(p) for p in PROBABILITIES])
QUANTILES = np.array([
    [-5.6703, -28.0656, -530.7293],
    [-5.3738, -30.9851, -266.4812],
    [-5.0820, -30.1339, -104.9414],
    [-4.8384, -24.4786, -78.3460],
    [-4.5486, -17.3044, -125.6132],
    [-4.2505, -14.7496, -66.0853],
    [-3.8995, -10.5531, -45.9787],
    [-3.6710, -8.7195, -26.6044],
    [-3.3364, -6.1533, -12.6938],
    [-3.0441, -4.3263, -5.2147],
    [-2.6976, -2.6200, -0.3226],
    [-2.4519, -1.7157, 1.3661],
    [-2.2441, -1.1924, 4.1596],
    [-2.0518, -0.7583, 3.9420],
    [-1.8596, -0.4070, 2.2870],
    [-1.6510, -0.1812, 0.7679],
    [-1.3973, -0.1305, 1.0066],
    [-1.0055, -0.4614, 6.7736],
    [-0.6400, -0.5518, 3.8824],
    [-0.2028, -0.8861, -0.6940],
    [0.0938, -1.2258, -3.2067],
    [0.5552, -2.2746, 4.8000],
    [0.9290, -3.0674, 8.1994],
])  # fmt: skip
MINIMUM_BARS = 20


@njit
def _quantile(row: int, n: float) -> float:
    b = QUANTILES[row]
    return float(b[0] + (b[1] + b[2] / n) / n)


@njit
def eg_pvalue_kernel(tau: float, n: float) -> float:
    """The p-value of Engle-Granger's ``tau`` in a window of ``n`` bars; NaN for NaN."""
    if tau != tau:
        return np.nan
    low, high = 0, SCORES.size - 1
    while high - low > 1:  # the two quantiles beside tau, the outermost two beyond them
        middle = (low + high) // 2
        if tau < _quantile(middle, n):
            high = middle
        else:
            low = middle
    left, right = _quantile(low, n), _quantile(high, n)
    score = SCORES[low] + (tau - left) / (right - left) * (SCORES[high] - SCORES[low])
    return 0.5 * math.erfc(-score / math.sqrt(2.0))


def eg_pvalue(statistic: float, bars: int) -> float:
    """The p-value of an Engle-Granger ``statistic`` (with a constant, two legs) in a window of ``bars`` bars.

    20 bars or more; NaN for NaN. Within .002 of 5 % at the 5 % critical value, from 30 bars on; the far tail is
    simulated to 1 in 100,000 and goes on from there as it ended. ``EngleGranger.pvalue`` is asymptotic.

    >>> round(eg_pvalue(-3.461, 50), 3), round(eg_pvalue(-3.348, 500), 3)
    (0.05, 0.05)
    """
    return float(eg_pvalue_kernel(float(statistic), float(whole(bars, "bars", at_least=MINIMUM_BARS))))
