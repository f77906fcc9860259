"""Two series on their own and each other's past: cross products, the lag order, and a t value, in one pass each.

    a_t = c + level_{t-1} + sum of b_i a_{t-i} + sum of g_i other_{t-i} + e_t        (and the same for the other)

The constant is fitted by taking the columns' means out. As in :mod:`engine.stats.unitroot` one Cholesky factor of the
longest regression holds the residual sums of every shorter one, so all lag orders cost one pass, all of them judged on
the same rows; the order chosen is then fitted again on all rows that it allows.

Sources: Luetkepohl 2005, chapter 4.3 (the order of a vector autoregression by BIC).
"""

from __future__ import annotations

import numpy as np

from engine.stats.checks import Floats, Ints, whole
from engine.stats.jit import njit
from engine.stats.moments import dot, mean_of
from engine.stats.unitroot import AIC, CRITERIA, SINGULAR


@njit
def lag_table(a: Floats, b: Floats, level: Floats, lags: int, first: int) -> Floats:
    """Columns of the regression as rows, less their means: ``[level], a_-1, b_-1, .., a_-lags, b_-lags, a, b``.

    One value for each t = ``first`` .. end. ``level`` stands beside ``a`` and ``b`` (its value at t is known at t - 1);
    an empty one is left out.
    """
    has_level = 1 if level.size else 0
    rows = a.size - first
    out = np.empty((has_level + 2 * lags + 2, rows))
    if has_level:
        out[0] = level[first:]
    for lag in range(1, lags + 1):
        at = has_level + 2 * (lag - 1)
        out[at] = a[first - lag : a.size - lag]
        out[at + 1] = b[first - lag : b.size - lag]
    out[-2], out[-1] = a[first:], b[first:]
    for i in range(out.shape[0]):
        out[i] -= mean_of(out[i])
    return out


@njit
def factor_of(table: Floats, order: Ints, regressors: int) -> Floats:
    """Rows of the Cholesky factor of the cross products of ``table[order]``: the regressors, then the targets.

    Shape (order.size, regressors + 1). The last column of a target is its own sum of squares; less the squares of its
    first k elements that is its residual sum on the first k regressors. NaN from a regressor on that the ones before it
    determine.
    """
    out = np.zeros((order.size, regressors + 1))
    rows = table.shape[1]
    for i in range(order.size):
        row = table[order[i]]
        for j in range(min(i, regressors)):
            total = dot(row, table[order[j]], 0, rows, 0)
            for k in range(j):
                total -= out[i, k] * out[j, k]
            out[i, j] = total / out[j, j]
        own = dot(row, row, 0, rows, 0)
        left = own
        for k in range(min(i, regressors)):
            left -= out[i, k] * out[i, k]
        if i < regressors:
            out[i, i] = np.sqrt(left) if left > SINGULAR * own else np.nan
        else:
            out[i, regressors] = own
    return out


@njit
def system_lag(a: Floats, b: Floats, level: Floats, least: int, cap: int, criterion: int) -> int:
    """The lag with the least AIC or BIC of both equations together, ``least`` .. ``cap``; -1 where none is defined."""
    table = lag_table(a, b, level, cap, cap)
    has_level = 1 if level.size else 0
    columns, rows = table.shape[0] - 2, table.shape[1]
    factor = factor_of(table, np.arange(columns + 2), columns)
    of_a, of_b = factor[columns], factor[columns + 1]
    aa, bb = of_a[columns], of_b[columns]
    ab = dot(table[columns], table[columns + 1], 0, rows, 0)
    whole_a, whole_b = aa, bb
    price = 2.0 if criterion == AIC else np.log(float(rows))
    best, best_value, used = -1, np.inf, 0
    for lag in range(cap + 1):
        until = has_level + 2 * lag
        while used < until:
            aa -= of_a[used] * of_a[used]
            bb -= of_b[used] * of_b[used]
            ab -= of_a[used] * of_b[used]
            used += 1
        left = aa * bb - ab * ab  # the determinant of the residuals' cross products
        if not (aa > SINGULAR * whole_a and bb > SINGULAR * whole_b and left > SINGULAR * aa * bb):
            break
        value = rows * (np.log(aa) + np.log(bb) + np.log(left / (aa * bb))) + 2.0 * price * (until + 1)
        if lag >= least and value < best_value:
            best, best_value = lag, value
    return best


@njit
def last_column(factor: Floats, target: int, rows: int) -> tuple[float, float]:
    """``(coefficient, standard error)`` of the last regressor for the target in that row of a factor."""
    last = factor.shape[1] - 2
    left = factor[target, last + 1]
    for k in range(last + 1):
        left -= factor[target, k] * factor[target, k]
    free = rows - last - 2  # regressors and the constant
    if free <= 0 or not left > SINGULAR * factor[target, last + 1]:
        return np.nan, np.nan
    return factor[target, last] / factor[last, last], np.sqrt(left / free) / factor[last, last]


def lag_bound(bars: int, has_level: bool) -> int:
    """The highest lag whose two equations, on rows that it leaves of ``bars`` changes, keep a degree of freedom."""
    return (bars - 2 - int(has_level)) // 3


def lag_order(
    lags: str | int, max_lag: int | None, steps: tuple[Floats, Floats], level: Floats, *, least: int, cap: int
) -> int:
    """The lag from ``"bic"``, ``"aic"`` or a number; -1 where the data leave none. ``max_lag`` is ``cap`` by default.

    ValueError for another criterion, and for lags that the bars do not allow.
    """
    most = lag_bound(steps[0].size, level.size > 0)
    if not isinstance(lags, str):
        return whole(lags, "lags", at_least=least, at_most=most)
    if lags.lower() not in CRITERIA:
        raise ValueError(f"lags is {lags!r}; expected 'bic', 'aic' or a number of lags")
    highest = min(max(cap, least), most) if max_lag is None else max_lag
    highest = whole(highest, "max_lag", at_least=least, at_most=most)
    return int(system_lag(*steps, level, least, highest, CRITERIA[lags.lower()]))
