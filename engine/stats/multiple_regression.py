"""One leg hedged with several: every beta with its error, a test of what is left, and Johansen's weights beside them.

y = alpha + sum of beta_i x_i + u. The errors are those of :mod:`engine.stats.serial_correlation`: the exact variance
of each beta's weighted sum under the residual's AR(1), phi corrected for as many legs as were fitted. The residual is
tested as Engle and Granger do, against MacKinnon's surface for that many variables. Johansen treats the legs alike: its
first eigenvector, scaled to one unit of y, is the same relation without a dependent leg; where the two disagree, the
legs hold more than one relation, or none.

The trap: every further leg bends the plane nearer to y, related or not. The critical value allows for it (5 %: -3.34
for one leg, -4.71 for five), a beta two errors from 0 does not.

Sources: Engle and Granger 1987; MacKinnon 2010; Johansen 1991; :mod:`engine.stats.serial_correlation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_columns, as_series, same_index
from engine.stats.johansen import Johansen, johansen
from engine.stats.mackinnon import MOST_VARIABLES, critical_values
from engine.stats.moments import dot, is_rounding
from engine.stats.pandas_results import by_leg, keeps_index
from engine.stats.regression import multiple_ols
from engine.stats.representation import short_repr
from engine.stats.serial_correlation import (
    NORMAL_95,
    WINDOW_HALF_LIVES,
    half_lives_of,
    residual_ar1,
    weighted_variance,
)
from engine.stats.unitroot import adf_kernel, lag_choice

MOST_LEGS = MOST_VARIABLES - 1
MINIMUM_BARS = 30


@dataclass(frozen=True, slots=True, eq=False)
class MultipleRegression:
    """One value a leg of X: ``betas`` with their standard errors, t values, and 95 % intervals ``low`` to ``high``.

    ``phi``, ``half_life``, ``half_lives`` and ``is_window_long_enough`` as in ``HedgeInterval``. ``statistic`` below
    ``critical[5]`` (percent) calls the residual stationary at 5 %, with ``lags`` in its regression.
    ``johansen_weights`` are the betas of Johansen's first relation (y less their sum is the spread),
    ``johansen_rank`` how many relations his trace test finds among all legs.
    """

    alpha: float
    betas: Floats
    errors: Floats
    t_values: Floats
    low: Floats
    high: Floats
    residuals: Floats
    phi: float
    half_life: float
    half_lives: float
    is_window_long_enough: bool
    statistic: float
    critical: dict[int, float]
    lags: int
    johansen_weights: Floats
    johansen_rank: int

    __repr__ = short_repr


@keeps_index
def multiple_regression(
    y: ArrayLike, columns: ArrayLike | Sequence[ArrayLike], lags: str | int = "bic", *, johansen_lags: int = 1
) -> MultipleRegression:
    """Hedge y with one to five legs: a list of 1-D columns, or one 2-D array (bars, legs); log prices, 30 bars or more.

    ``lags`` of the residual's test as in ``engle_granger``, ``johansen_lags`` as in ``johansen``. Raises ValueError for
    too few bars, more legs, legs that do not move or are combinations of each other, and a residual that does not move.
    """
    for i, column in enumerate(columns if isinstance(columns, (list, tuple)) else [columns]):
        same_index(y, column, "y", f"columns[{i}]")
    left = as_series(y, "y", minimum=MINIMUM_BARS)
    table = as_columns(columns, "columns", minimum=MINIMUM_BARS)
    bars, legs = table.shape
    if not 1 <= legs <= MOST_LEGS:
        raise ValueError(f"{legs} legs; expected 1 to {MOST_LEGS}")
    plane = multiple_ols(left, table)
    level = float(np.abs(left).max() + np.abs(table * plane.betas).max())
    residual = plane.residuals - plane.residuals.mean()
    if is_rounding(dot(residual, residual, 0, bars, 0), bars, level):
        raise ValueError("the residual is constant: y is a combination of the legs; expected a spread that moves")
    criterion, cap = lag_choice(lags, None, bars, constant=False)
    statistic, chosen = adf_kernel(residual, False, criterion, cap)
    _, phi, s2 = residual_ar1(residual, legs)
    errors = np.sqrt([weighted_variance(weights, phi, s2) for weights in _weights(table)])
    half_life, half_lives = half_lives_of(bars, phi)
    system = johansen(np.column_stack([left, table]), johansen_lags)
    low, high = plane.betas - NORMAL_95 * errors, plane.betas + NORMAL_95 * errors
    betas, errors, t_values, low, high, weights = (
        by_leg(each, columns) for each in (plane.betas, errors, plane.betas / errors, low, high, _on_y(system))
    )
    return MultipleRegression(
        plane.alpha, betas, errors, t_values, low, high, plane.residuals,
        phi, half_life, half_lives, half_lives >= WINDOW_HALF_LIVES,
        statistic, critical_values(legs + 1, bars), chosen, weights, system.rank,
    )  # fmt: skip


def _weights(table: Floats) -> Floats:
    """Row i times y is beta i: (X'X)^-1 X' of the centred legs, shape (legs, bars)."""
    centred = table - table[0]
    centred -= centred.mean(axis=0)
    sizes = np.sqrt((centred**2).sum(axis=0))
    q, r = np.linalg.qr(centred / sizes)
    return np.ascontiguousarray(np.linalg.solve(r, q.T) / sizes[:, None])


def _on_y(system: Johansen) -> Floats:
    """The first relation as a hedge of one unit of y; NaN where it leaves y out."""
    weights = system.eigenvectors[:, 0]
    return -weights[1:] / weights[0] if weights[0] else np.full(weights.size - 1, np.nan)
