"""Johansen: the number of independent spreads of several legs, and their weights.

d X_t = a b' X_{t-1} + G d X_{t-1} + e with a constant. The squared canonical correlations between d X_t and X_{t-1},
both after regression on the lagged changes, are the eigenvalues; their eigenvectors are the spreads.

The level and scale of the legs are removed first and restored at the end, and the eigenproblem is solved in its
symmetric form, so log prices that differ by 1e-4 keep their digits. It uses LAPACK: the last bits may differ between
hosts, and no gate depends on them.

Sources: Johansen 1988, 1991; MacKinnon, Haug and Michelis 1999 (critical values, constant in the model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_columns, whole
from engine.stats.representation import short_repr

MOST_LEGS = 12
# Rows: 1, 2, .. 12 legs less the rank tested; columns: 10, 5, 1 %.
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


@dataclass(frozen=True, slots=True, eq=False)
class Johansen:
    """Arrays with one row a rank r = 0, 1, ..; critical columns are 10, 5 and 1 %.

    ``trace[r]`` above ``trace_critical[r, 1]`` rejects "at most r spreads" at 5 %; ``rank`` is the first r not
    rejected. ``eigenvectors[:, r]`` are the weights of spread r on the legs, scaled to X' S X = 1 and with the first
    weight positive.
    """

    eigenvalues: Floats
    eigenvectors: Floats
    trace: Floats
    trace_critical: Floats
    maximum: Floats
    maximum_critical: Floats
    rank: int

    __repr__ = short_repr


def johansen(columns: ArrayLike | Sequence[ArrayLike], lags: int = 1) -> Johansen:
    """Johansen's test on 2 to 12 legs: a list of 1-D columns, or one 2-D array (bars, legs); log prices.

    ``lags`` (1 or more) of the changes are in the model. Raises ValueError for too few bars, and for constant or
    linearly dependent legs. The traps: its critical values are asymptotic, so with many legs and a short window it
    finds spreads in noise; and they assume a drift, so without one the last row calls the legs themselves stationary in
    about a third of cases (``rank`` equal to the number of legs).

    Equal to statsmodels ``coint_johansen(columns, 0, lags)`` to 1e-8 (the signs of its eigenvectors are arbitrary).
    """
    lags = whole(lags, "lags", at_least=1)
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
    values, vectors, rows = _canonical(centred / sizes, lags)
    return _result(values, vectors / sizes[:, None], rows)


def _canonical(legs: Floats, lags: int) -> tuple[Floats, Floats, int]:
    """Eigenvalues (descending), eigenvectors, and the number of rows used."""
    steps = np.diff(legs, axis=0)
    rows = steps.shape[0] - lags
    before = np.hstack([steps[lags - i : lags - i + rows] for i in range(1, lags + 1)])
    r0 = _cleared(steps[lags:], before)
    rk = _cleared(legs[1 : rows + 1], before)  # X_{t-lags}: with the lagged changes it spans what X_{t-1} spans
    s00, s0k, skk = r0.T @ r0 / rows, r0.T @ rk / rows, rk.T @ rk / rows
    try:
        half = np.linalg.cholesky(skk)
        middle = np.linalg.solve(np.linalg.cholesky(s00), s0k)  # so that Sk0 S00^-1 S0k = middle' middle
    except np.linalg.LinAlgError:
        raise ValueError("the legs are combinations of each other; expected independent legs") from None
    scaled = np.linalg.solve(half, middle.T)
    values, turned = np.linalg.eigh(scaled @ scaled.T)
    return values[::-1].clip(0.0, 1.0), np.linalg.solve(half.T, turned[:, ::-1]), rows


def _cleared(of: Floats, by: Floats) -> Floats:
    """Residuals of ``of`` on a constant and ``by``."""
    of, by = of - of.mean(axis=0), by - by.mean(axis=0)
    return np.asarray(of - by @ np.linalg.lstsq(by, of, rcond=None)[0], dtype=np.float64)


def _result(values: Floats, vectors: Floats, rows: int) -> Johansen:
    legs = values.size
    each = -rows * np.log1p(-values)  # -T ln(1 - lambda)
    trace = np.cumsum(each[::-1])[::-1]
    trace_critical, maximum_critical = TRACE_CRITICAL[:legs][::-1], MAXIMUM_CRITICAL[:legs][::-1]
    kept = trace <= trace_critical[:, 1]
    rank = int(np.argmax(kept)) if kept.any() else legs
    signs = np.where(vectors[0] < 0, -1.0, 1.0)
    return Johansen(values, vectors * signs, trace, trace_critical.copy(), each, maximum_critical.copy(), rank)
