"""The augmented Dickey-Fuller test: does the series revert, or is it a random walk?

d s_t = lambda s_{t-1} + sum of c_i d s_{t-i} (+ constant) + e; the statistic is lambda over its standard error, and
its distribution on a random walk is MacKinnon's, not Student's.

All lag orders are compared from one matrix of cross products: a Cholesky factor of the longest regression holds the
residual sum of squares of every shorter one, so the search takes one pass over the data instead of one fit per lag.

Sources: Dickey and Fuller 1979; Said and Dickey 1984; Schwert 1989 (the cap); MacKinnon 1994 and 2010.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_series, whole
from engine.stats.jit import njit
from engine.stats.mackinnon import critical_values, tau_pvalue
from engine.stats.moments import dot, is_rounding, mean_of
from engine.stats.representation import short_repr

FIXED, AIC, BIC = 0, 1, 2
CRITERIA = {"aic": AIC, "bic": BIC}
MINIMUM_BARS = 6
FEW_LAGS = 6
SINGULAR = 1e-13  # a column with a remainder below this share of itself is a combination of the others


@dataclass(frozen=True, slots=True)
class UnitRoot:
    """A unit root test. ``critical`` is ``{1: ..., 5: ..., 10: ...}`` (percent) at this sample size.

    ``statistic`` below ``critical[5]`` rejects a unit root at 5 %. ``pvalue`` is asymptotic, for information only.
    ``lags`` were chosen by the given criterion, ``bars`` is the number of rows in the final regression.
    """

    statistic: float
    critical: dict[int, float]
    pvalue: float
    lags: int
    bars: int

    __repr__ = short_repr


@njit
def schwert_cap(n: int, constant: bool) -> int:
    """The highest lag tried by default: ceil(12 (n/100)^(1/4)), at most n/10 below n = 100."""
    cap = int(np.ceil(12.0 * (n / 100.0) ** 0.25))
    if n < 100:
        cap = min(cap, n // 10)
    return max(0, min(cap, lag_limit(n, constant)))


@njit
def lag_limit(n: int, constant: bool) -> int:
    """The highest lag that leaves its regression a degree of freedom; below 0 if not even 0 lags do."""
    return (n - (4 if constant else 3)) // 2


@njit
def lagged_products(level: Floats, steps: Floats, p: int) -> Floats:
    """Cross products of ``[level_t, steps_{t-1} .. steps_{t-p}, steps_t]`` over the rows t = p .. steps.size-1.

    The product of two lags depends on their distance and on the ends of the sum only: what all pairs at one
    distance share is summed once, and the ends are added (never subtracted, which would cancel after a jump).
    """
    m = steps.size
    shared, against = _sum_products(level, steps, p)
    out = np.empty((p + 2, p + 2))
    out[0, 0] = dot(level, level, p, m, 0)
    for lag in range(p + 1):
        at = lag if lag > 0 else p + 1  # lag 0 is the target, in the last column
        out[at, 0] = out[0, at] = against[lag]
    for k in range(p + 1):  # k is the distance between the two lags i and i + k
        total = shared[k]
        for i in range(p - 1, -1, -1):  # the right end: rows that lag p does not cover
            total += steps[m - 1 - i] * steps[m - 1 - i - k]
            if i <= p - k:
                _place(out, p, i, i + k, total)
        if k == 0:
            _place(out, p, p, p, shared[0])
        total = 0.0
        for i in range(1, p - k + 1):  # the left end: rows that lag 0 does not cover
            total += steps[p - i] * steps[p - i - k]
            a, b = (i if i > 0 else p + 1), i + k
            out[b, a] += total
            out[a, b] = out[b, a]
    return out


@njit
def _place(out: Floats, p: int, i: int, j: int, value: float) -> None:
    a, b = (i if i > 0 else p + 1), (j if j > 0 else p + 1)
    out[a, b] = out[b, a] = value


@njit
def _sum_products(level: Floats, steps: Floats, p: int) -> tuple[Floats, Floats]:
    """``shared[k]`` = sum d_t d_{t-k} over the rows that every lag covers, ``against[k]`` = sum s_t d_{t-k} over all.

    With few lags one lag after another is faster, with many one row after another.
    """
    m = steps.size
    shared, against = np.zeros(p + 1), np.zeros(p + 1)
    if p < FEW_LAGS:
        for k in range(p + 1):
            shared[k] = dot(steps, steps, p, m - p, k)
            against[k] = dot(level, steps, p, m, k)
        return shared, against
    mirror = steps[::-1].copy()  # so that the lags of a row are contiguous
    for t in range(p, m):
        row = mirror[m - 1 - t : m - t + p]
        here, step = level[t], steps[t]
        if t < m - p:
            for k in range(p + 1):
                shared[k] += step * row[k]
                against[k] += here * row[k]
        else:
            for k in range(p + 1):
                against[k] += here * row[k]
    return shared, against


@njit
def _take_out_means(out: Floats, level: Floats, steps: Floats, p: int) -> None:
    """Centre the cross products on the columns' means, which also fits the constant."""
    m = steps.size
    rows = m - p
    sums = np.zeros(p + 2)
    for t in range(p, m):
        sums[0] += level[t]
        sums[p + 1] += steps[t]
    total = sums[p + 1]
    for lag in range(1, p + 1):
        total += steps[p - lag] - steps[m - lag]
        sums[lag] = total
    for i in range(p + 2):
        for j in range(p + 2):
            out[i, j] -= sums[i] * sums[j] / rows


@njit
def _factor(products: Floats, order: int, rest: Floats) -> Floats:
    """Row by row Cholesky factor of ``products[:order, :order]``; its last row is the target's.

    ``rest[k]`` becomes the target's residual sum of squares on the first k columns; NaN where they are dependent.
    """
    factor = np.zeros((order, order))
    last = order - 1
    for i in range(order):
        for j in range(i):
            total = products[i, j]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            factor[i, j] = total / factor[j, j]
        total = products[i, i]
        for k in range(i):
            total -= factor[i, k] * factor[i, k]
        factor[i, i] = np.sqrt(total) if total > SINGULAR * products[i, i] else np.nan
    rest[0] = products[last, last]
    for k in range(last):
        rest[k + 1] = rest[k] - factor[last, k] * factor[last, k]
    return factor


@njit
def _best_lag(level: Floats, steps: Floats, cap: int, criterion: int, constant: bool) -> int:
    """The lag with the least AIC or BIC, all compared on the rows that ``cap`` lags allow; -1 where none is defined."""
    products = lagged_products(level, steps, cap)
    if constant:
        _take_out_means(products, level, steps, cap)
    rest = np.empty(cap + 2)
    _factor(products, cap + 2, rest)
    rows = steps.size - cap
    price = 2.0 if criterion == AIC else np.log(float(rows))
    best, best_value = -1, np.inf
    for lag in range(cap + 1):
        if not rest[lag + 1] > SINGULAR * rest[0]:
            break
        columns = lag + 1 + (1 if constant else 0)
        value = rows * np.log(rest[lag + 1]) + price * columns  # -2 ln L + price k, up to a constant
        if value < best_value:
            best, best_value = lag, value
    return best


@njit
def _tau(level: Floats, steps: Floats, lag: int, constant: bool) -> float:
    """lambda / se(lambda) on all rows that ``lag`` lags allow; NaN where it is not defined."""
    products = lagged_products(level, steps, lag)
    if constant:
        _take_out_means(products, level, steps, lag)
    order = lag + 2
    turned = np.empty((order, order))  # the level goes last: its t-value then comes from the last step
    for i in range(order):
        a = (i + 1) if i < lag else (0 if i == lag else order - 1)
        for j in range(order):
            b = (j + 1) if j < lag else (0 if j == lag else order - 1)
            turned[i, j] = products[a, b]
    rest = np.empty(order)
    factor = _factor(turned, order, rest)
    free = steps.size - lag - (lag + 1) - (1 if constant else 0)
    left = rest[lag + 1]
    if free <= 0 or not left > SINGULAR * rest[0]:
        return np.nan
    return float(factor[lag + 1, lag] / np.sqrt(left / free))


@njit
def adf_kernel(series: Floats, constant: bool, criterion: int, max_lag: int) -> tuple[float, int]:
    """``(statistic, lags)``; NaN and -1 where the series is constant, too short, or a perfect line.

    ``criterion`` is FIXED (``max_lag`` lags exactly), AIC or BIC; a negative ``max_lag`` takes Schwert's cap.
    """
    n = series.size
    cap = schwert_cap(n, constant) if max_lag < 0 else max_lag
    if cap > lag_limit(n, constant):
        return np.nan, -1
    shift = mean_of(series) if constant else 0.0
    drift = (series[n - 1] - series[0]) / (n - 1.0) if constant else 0.0
    level, steps = np.empty(n - 1), np.empty(n - 1)
    for t in range(n - 1):  # a constant in the regression makes both shifts harmless, and rounding small
        level[t] = series[t] - shift
        steps[t] = (series[t + 1] - series[t]) - drift
    if is_rounding(dot(steps, steps, 0, n - 1, 0), n, abs(series[0]) + abs(series[n - 1])):
        return np.nan, -1
    lag = cap if criterion == FIXED else _best_lag(level, steps, cap, criterion, constant)
    if lag < 0:
        return np.nan, -1
    tau = _tau(level, steps, lag, constant)
    return tau, (lag if tau == tau else -1)


def lag_choice(lags: str | int, max_lag: int | None, n: int, *, constant: bool) -> tuple[int, int]:
    """``(criterion, max_lag)`` for the kernels from ``"bic"``, ``"aic"`` or a number of lags; ValueError otherwise."""
    limit = lag_limit(n, constant)
    if not isinstance(lags, str):
        return FIXED, whole(lags, "lags", at_least=0, at_most=limit)
    if lags.lower() not in CRITERIA:
        raise ValueError(f"lags is {lags!r}; expected 'bic', 'aic' or a number of lags")
    cap = schwert_cap(n, constant) if max_lag is None else whole(max_lag, "max_lag", at_least=0, at_most=limit)
    return CRITERIA[lags.lower()], cap


def adf(series: ArrayLike, lags: str | int = "bic", max_lag: int | None = None) -> UnitRoot:
    """Augmented Dickey-Fuller test with a constant. ``lags``: ``"bic"``, ``"aic"`` or a number.

    The criterion compares all lags up to ``max_lag`` (default Schwert's cap, n/10 below n = 100) on the same rows;
    the chosen one is fitted again on all rows it allows. The traps: on the residual of a fitted line the plain
    table rejects 14 % of independent walks at "5 %" (T3: use :func:`engine.stats.engle_granger`), and on a rolling
    or filtered spread it rejects nearly all (T2).

    Six bars or more. Raises ValueError for a constant series, one that lies on a straight line, and NaN.
    Source: the module's docstring; equal to statsmodels ``adfuller`` with the same cap and criterion to 1e-8.
    """
    values = as_series(series, "series", minimum=MINIMUM_BARS)
    criterion, cap = lag_choice(lags, max_lag, values.size, constant=True)
    statistic, chosen = adf_kernel(values, True, criterion, cap)
    if chosen < 0:
        raise ValueError("series is constant or follows a line exactly; expected values that move")
    bars = values.size - 1 - chosen
    return UnitRoot(statistic, critical_values(1, bars), tau_pvalue(statistic, 1), chosen, bars)
