"""Returns, volatility and the correlation of returns."""

from __future__ import annotations

import math

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair, as_series, positive
from engine.stats.moments import CoMoments, Moments
from engine.stats.pandas_results import keeps_index
from engine.stats.regression import centred_products

YEAR_MS = 365 * 86_400_000  # crypto trades every day


def log_prices(price: ArrayLike, name: str = "price") -> Floats:
    """Natural logarithms; ValueError for a price that is not above 0."""
    values = as_series(price, name)
    if (values <= 0).any():
        at = int(np.argmax(values <= 0))
        raise ValueError(f"{name}[{at}] is {values[at]}; expected prices above 0")
    return np.log(values)


@keeps_index
def returns(price: ArrayLike) -> Floats:
    """Log returns, one value a bar: r_t = ln p_t - ln p_{t-1}. The first is NaN.

    The trap: forward-filled bars insert zero returns and merge the returns of several bars into one.
    """
    logs = log_prices(price)
    return np.concatenate([[np.nan], np.diff(logs)])


def volatility(price: ArrayLike, bar_ms: float) -> float:
    """Standard deviation (ddof 1) of log returns x sqrt(bars a year); a year has 365 days. Needs 3 prices.

    The trap: on last prices of one-second bars it counts the bid-ask bounce as movement; use the mid.

    >>> round(volatility([100.0, 101.0, 100.0, 101.0], 86_400_000), 4)
    0.2195
    """
    logs = log_prices(as_series(price, "price", minimum=3))
    per_bar = math.sqrt(Moments.of(np.diff(logs)).variance())
    return per_bar * math.sqrt(YEAR_MS / positive(bar_ms, "bar_ms"))


def pearson(y: ArrayLike, x: ArrayLike) -> float:
    """Pearson's correlation of two series of *returns*; NaN where one is constant. Two values or more.

    The traps: prices of two independent walks correlate strongly; and on filled bars of asynchronous trades a true
    0.80 reads 0.49 (T5: use :func:`engine.stats.hayashi_yoshida`).
    """
    left, right = as_pair(y, x)
    *_, syy, sxy, sxx = centred_products(left, right)
    return CoMoments(count=left.size, syy=syy, sxy=sxy, sxx=sxx).correlation()
