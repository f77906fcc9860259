"""Which leg comes back: the speeds at which either leg corrects what is left of the relation.

    dy_t = c + a_y u_{t-1} + sum of b_i dy_{t-i} + g_i dx_{t-i} + e_t,       dx_t = c + a_x u_{t-1} + the same,

u the distance of y from one fixed line. Of a deviation u the Y leg makes good -a_y and the X leg beta a_x a bar, so
u shrinks by the share a_y - beta a_x. A hedge earns on the leg that comes back; where that is the more liquid one,
the price to be traded against has already moved.

The traps. The t values are normal only where the legs do keep together: on two unrelated walks one of them passes 1.96
in 54 cases of a hundred [simulated], so they say *which* leg, and a cointegration test
says *whether*. And a leg that trades less often follows the other late, on stale prices: it then "comes back" without
being tradable.

Sources: Engle and Granger 1987 (the two steps); Luetkepohl 2005, chapter 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair
from engine.stats.jit import njit
from engine.stats.lag_regression import factor_of, lag_order, lag_table, last_column
from engine.stats.regression import spread_of
from engine.stats.representation import short_repr
from engine.stats.serial_correlation import NORMAL_95
from engine.stats.unitroot import schwert_cap

MINIMUM_BARS = 20
ADJUSTING = {(True, True): "both", (True, False): "y", (False, True): "x", (False, False): "neither"}


@dataclass(frozen=True, slots=True)
class ErrorCorrection:
    """Speeds a bar: ``speed_y`` below 0 and ``beta`` times ``speed_x`` above 0 close the gap, with their t values.

    ``adjusting`` is "y", "x", "both" or "neither": the legs that close it with a t value beyond 1.96. ``half_life`` in
    bars of what both do together; NaN where they do not close it, or do so within a bar. ``alpha`` and ``beta`` are the
    line, ``lags`` the lagged changes of both legs in each equation, ``bars`` the rows of the regression.
    """

    speed_y: float
    speed_x: float
    error_y: float
    error_x: float
    t_y: float
    t_x: float
    adjusting: str
    half_life: float
    alpha: float
    beta: float
    lags: int
    bars: int

    __repr__ = short_repr


@njit
def error_correction_kernel(dy: Floats, dx: Floats, level: Floats, lags: int) -> tuple[float, float, float, float]:
    """``(speed_y, error_y, speed_x, error_x)``; ``level`` holds u_{t-1} beside the changes at t. NaN if undefined."""
    table = lag_table(dy, dx, level, lags, lags)
    columns = 1 + 2 * lags
    order = np.roll(np.arange(columns), -1)  # u last: its t value is then the factor's last step
    order = np.append(order, np.array([columns, columns + 1]))
    factor = factor_of(table, order, columns)
    speed_y, error_y = last_column(factor, columns, table.shape[1])
    speed_x, error_x = last_column(factor, columns + 1, table.shape[1])
    return speed_y, error_y, speed_x, error_x


def error_correction(
    y: ArrayLike, x: ArrayLike, lags: str | int = "bic", max_lag: int | None = None
) -> ErrorCorrection:  # fmt: skip
    """Error-correction speeds of both legs about the least squares line over all bars; log prices, 20 bars or more.

    ``lags`` of the changes of both legs are in both equations: ``"bic"`` or ``"aic"`` of the two together, up to
    ``max_lag`` (Schwert's cap by default), or a number.

    Raises ValueError for a leg or a residual that does not move, and where the changes determine each other.
    Source: the module's docstring; equal to statsmodels ``OLS`` of either equation to 1e-8.
    """
    left, right = as_pair(y, x, minimum=MINIMUM_BARS)
    found = find_error_correction(left, right, lags, max_lag)
    if found is None:
        raise ValueError(
            "a leg or the residual is constant, or the changes determine each other; expected two legs that move on"
            " their own"
        )
    return found


def find_error_correction(
    y: Floats, x: Floats, lags: str | int = "bic", max_lag: int | None = None
) -> ErrorCorrection | None:
    """As :func:`error_correction`, of arrays that were checked; None where it raises for what they hold."""
    line = spread_of(y, x)
    if line is None:
        return None
    alpha, beta, residual = line
    steps = np.diff(y), np.diff(x)
    chosen = lag_order(lags, max_lag, steps, residual[:-1], least=0, cap=int(schwert_cap(y.size, True)))
    if chosen < 0:
        return None
    speed_y, error_y, speed_x, error_x = error_correction_kernel(*steps, residual[:-1], chosen)
    if math.isnan(error_y) or math.isnan(error_x):
        return None
    t_y, t_x = speed_y / error_y, speed_x / error_x
    closes = t_y < -NORMAL_95, t_x * math.copysign(1.0, beta) > NORMAL_95
    kept = 1.0 + speed_y - beta * speed_x  # of u, from one bar to the next
    half_life = -math.log(2.0) / math.log(kept) if 0.0 < kept < 1.0 else math.nan
    return ErrorCorrection(
        speed_y, speed_x, error_y, error_x, t_y, t_x, ADJUSTING[closes], half_life, alpha, beta, chosen,
        y.size - 1 - chosen,
    )  # fmt: skip
