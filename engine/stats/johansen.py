"""Johansen: the number of independent spreads of several legs, and their weights.

d X_t = a b' X_{t-1} + G d X_{t-1} + e with a constant. The squared canonical correlations between d X_t and X_{t-1},
both after regression on the lagged changes, are the eigenvalues; their eigenvectors are the spreads.

The constant is free (a drift in the legs) or restricted to the spreads (legs without drift). Prices of minutes have no
visible drift, and there the usual, free one rejects "no spread" for 12 % of unrelated walks at "5 %" (n = 1,000), the
restricted one for 5 %.

The level and scale of the legs are removed first and restored at the end, and the eigenproblem is solved in its
symmetric form, so log prices that differ by 1e-4 keep their digits. It uses LAPACK: the last bits may differ between
hosts, and no gate depends on them.

Sources: Johansen 1988, 1991; MacKinnon, Haug and Michelis 1999 (critical values); Doornik 1998 (p-values).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_columns, whole
from engine.stats.pandas_results import by_leg
from engine.stats.representation import short_repr

MOST_LEGS = 12
CONSTANTS = ("free", "restricted")
# Rows: 1, 2, .. 12 legs less the rank tested; columns: 10, 5, 1 %. The constant is free.
TRACE_CRITICAL = np.array([
    [2.7055, 3.8415, 6.6349], [13.4294, 15.4943, 19.9349], [27.0669, 29.7961, 35.4628],
    [44.4929, 47.8545, 54.6815], [65.8202, 69.8189, 77.8202], [91.1090, 95.7542, 104.9637],
    [120.3673, 125.6185, 135.9825], [153.6341, 159.5290, 171.0905], [190.8714, 197.3772, 210.0366],
    [232.1030, 239.2468, 253.2526], [277.3740, 285.1402, 300.2821], [326.5354, 334.9795, 351.2150],
])  # fmt: skip
MAXIMUM_CRITICAL = np.array([
    [2.7055, 3.8415, 6.6349], [12.2971, 14.2639, 18.5200], [18.8928, 21.1314, 25.8650],
    [25.1236, 27.5858, 32.7172], [31.2379, 33.8777, 39.3693], [37.2786, 40.0763, 45.8662],
    [43.2947, 46.2299, 52.3069], [49.2855, 52.3622, 58.6634], [55.2412, 58.4332, 64.9960],
    [61.2041, 64.5040, 71.2525], [67.1307, 70.5392, 77.4877], [73.0563, 76.5734, 83.7105],
])  # fmt: skip
# The same at 5 %, with the constant restricted to the spreads.
TRACE_RESTRICTED_5 = np.array([
    9.1645, 20.2618, 35.1928, 54.0790, 76.9728, 103.8473, 134.6780, 169.5991, 208.4374, 251.2650, 298.1594, 348.9784,
])  # fmt: skip
MAXIMUM_RESTRICTED_5 = np.array([
    9.1645, 15.8921, 22.2996, 28.5881, 34.8059, 40.9568, 47.0790, 53.1878, 59.2400, 65.3002, 71.3354, 77.3818,
])  # fmt: skip
# Doornik 1998, table 7: mean and variance of the trace for n = legs less rank, which is nearly a gamma variable;
# coefficients of n^2, n, 1, and what n = 1 and n = 2 add. Rows: the constant is free, restricted.
TRACE_MEAN = np.array([[2.0, 1.05, -1.55, -0.50, -0.23], [2.0, 2.01, 0.0, 0.06, 0.05]])
TRACE_VARIANCE = np.array([[3.0, 1.80, 0.0, -2.80, -1.10], [3.0, 3.60, 0.75, -0.40, -0.30]])


@dataclass(frozen=True, slots=True, eq=False)
class Johansen:
    """Arrays with one row a rank r = 0, 1, ..; critical columns are 10, 5 and 1 %, NaN where no table was printed.

    ``trace[r]`` above ``trace_critical[r, 1]`` rejects "at most r spreads" at 5 %; ``rank`` is the first r that it
    does not reject. ``trace_pvalue`` is approximate (at the 5 % value it reads 0.048 to 0.050, at the 1 % value 0.009
    to 0.010) and informs. ``eigenvectors[:, r]`` are the weights of spread r on the legs, scaled to X' S X = 1 and with
    the first weight positive.
    """

    eigenvalues: Floats
    eigenvectors: Floats
    trace: Floats
    trace_critical: Floats
    trace_pvalue: Floats
    maximum: Floats
    maximum_critical: Floats
    rank: int

    __repr__ = short_repr


def johansen(columns: ArrayLike | Sequence[ArrayLike], lags: int = 1, constant: str = "free") -> Johansen:
    """Johansen's test on 2 to 12 legs: a list of 1-D columns, or one 2-D array (bars, legs); log prices.

    ``lags`` (1 or more) of the changes are in the model. ``constant``: ``"free"`` presumes a drift: without one "no
    spread" is rejected too often (module docstring), and the last row calls the legs themselves stationary in about a
    third of cases (``rank`` equal to the number of legs); ``"restricted"`` presumes none. Raises ValueError for too few
    bars, and for legs that do not move or are combinations of each other. The trap: its critical values are those of
    large samples, so with many legs and a short window it finds spreads in noise.

    Equal to statsmodels to 1e-8: ``coint_johansen(columns, 0, lags)`` (the signs of its eigenvectors are arbitrary),
    and with the restricted constant the likelihoods of ``VECM(columns, k_ar_diff=lags, deterministic="ci")``.
    """
    lags = whole(lags, "lags", at_least=1)
    if constant not in CONSTANTS:
        raise ValueError(f"constant is {constant!r}; expected 'free' or 'restricted'")
    table = as_columns(columns, "columns", minimum=2)
    bars, legs = table.shape
    if not 2 <= legs <= MOST_LEGS:
        raise ValueError(f"{legs} legs; expected 2 to {MOST_LEGS}")
    if bars - 1 - lags <= legs * (lags + 1) + 1:
        raise ValueError(
            f"{bars} bars for {legs} legs and {lags} lags; expected at least {legs * (lags + 1) + lags + 3}"
        )
    centred = table - table[0] - (table - table[0]).mean(axis=0)
    sizes = centred.std(axis=0)
    if (sizes <= 1e-14 * np.abs(table).max(axis=0)).any():
        raise ValueError(f"leg {int(np.argmin(sizes))} does not move; expected legs that do")
    is_free = constant == "free"
    values, vectors, rows = _canonical(centred / sizes, lags, is_free)
    found = _result(values, vectors / sizes[:, None], rows, is_free)
    return replace(found, eigenvectors=by_leg(found.eigenvectors, columns))


def _canonical(legs: Floats, lags: int, is_free: bool) -> tuple[Floats, Floats, int]:
    """Eigenvalues (falling), eigenvectors, and the number of rows behind them."""
    steps = np.diff(legs, axis=0)
    rows, count = steps.shape[0] - lags, legs.shape[1]
    before = np.hstack([steps[lags - i : lags - i + rows] for i in range(1, lags + 1)])
    level = legs[1 : rows + 1]  # X_{t-lags}: with the lagged changes it spans what X_{t-1} spans
    if not is_free:
        level = np.hstack([level, np.ones((rows, 1))])  # the constant is one more leg, of the spreads only
    r0, rk = _cleared(steps[lags:], before, is_free), _cleared(level, before, is_free)
    s00, s0k, skk = r0.T @ r0 / rows, r0.T @ rk / rows, rk.T @ rk / rows
    try:
        half = np.linalg.cholesky(skk)
        middle = np.linalg.solve(np.linalg.cholesky(s00), s0k)  # so that Sk0 S00^-1 S0k = middle' middle
    except np.linalg.LinAlgError:
        raise ValueError("the legs are combinations of each other; expected independent legs") from None
    scaled = np.linalg.solve(half, middle.T)
    values, turned = np.linalg.eigh(scaled @ scaled.T)
    vectors = np.linalg.solve(half.T, turned[:, ::-1])[:count, :count]  # with a constant the last value is 0
    return values[::-1][:count].clip(0.0, 1.0), vectors, rows


def _cleared(of: Floats, by: Floats, is_free: bool) -> Floats:
    """Residuals of ``of`` on ``by``, and on a constant where it is free."""
    if is_free:
        of, by = of - of.mean(axis=0), by - by.mean(axis=0)
    return np.asarray(of - by @ np.linalg.lstsq(by, of, rcond=None)[0], dtype=np.float64)


def _result(values: Floats, vectors: Floats, rows: int, is_free: bool) -> Johansen:
    legs = values.size
    each = -rows * np.log1p(-values)  # -T ln(1 - lambda)
    trace = np.cumsum(each[::-1])[::-1]
    trace_critical, maximum_critical = (_critical(full, five, is_free, legs) for full, five in (
        (TRACE_CRITICAL, TRACE_RESTRICTED_5), (MAXIMUM_CRITICAL, MAXIMUM_RESTRICTED_5)))  # fmt: skip
    kept = trace <= trace_critical[:, 1]
    rank = int(np.argmax(kept)) if kept.any() else legs
    signs = np.where(vectors[0] < 0, -1.0, 1.0)
    pvalues = trace_pvalues(trace, is_free)
    return Johansen(values, vectors * signs, trace, trace_critical, pvalues, each, maximum_critical, rank)


def _critical(full: Floats, five: Floats, is_free: bool, legs: int) -> Floats:
    """Critical values of rank 0, 1, ..: columns 10, 5, 1 %."""
    if is_free:
        return full[:legs][::-1].copy()
    unknown = np.full(legs, np.nan)
    return np.stack([unknown, five[:legs][::-1], unknown], axis=1)


def trace_pvalues(trace: Floats, is_free: bool) -> Floats:
    """p of the trace of rank 0, 1, ..: a gamma variable of the mean and variance that Doornik 1998 tabulates."""
    from scipy.special import gammaincc

    n = np.arange(trace.size, 0, -1)
    terms = np.stack([n * n, n, np.ones(n.size), n == 1, n == 2])
    row = 0 if is_free else 1
    mean, variance = TRACE_MEAN[row] @ terms, TRACE_VARIANCE[row] @ terms
    return np.asarray(gammaincc(mean * mean / variance, trace * mean / variance), dtype=np.float64)
