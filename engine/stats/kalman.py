"""The hedge ratio as a drifting state: a Kalman filter with its memory stated in bars.

State theta = [beta, alpha], observation y_t = F_t theta + noise with F_t = [x_t, 1], V_e its variance, W = diag
(q_beta, q_alpha) the drift of the state a bar.

The textbook constants (delta 1e-4, V_e 1e-3) have no scale: on price levels they never signal, on log prices they
follow everything. Here V_e is the residual variance of a calibration fit and the drift follows from the memory:
K = 1 - 2^(-1/H), q_alpha = V_e K^2 / (1 - K), so that an innovation has half its weight left after H bars. Both are
in the spread's own unit, and z = innovation / sqrt(variance) does not change when a price is quoted in cents.

Two rules. The effective memory must be 5 (better 25) times the half-life of the spread, or the filter absorbs the
spread (``engine.stats.health``). Do not fit V_e and W by maximum likelihood on an autocorrelated spread: V_e goes to 0,
and again the filter absorbs the spread.

Sources: Kalman 1960; Bucy and Joseph 1968 (the covariance update that stays positive); Chan 2013, chapter 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair, positive, whole
from engine.stats.jit import njit
from engine.stats.moments import centred, dot, is_rounding
from engine.stats.pandas_results import keeps_index
from engine.stats.representation import short_repr

CALIBRATION_BARS = 500


class KalmanState(NamedTuple):
    """Five numbers carried from bar to bar: theta and the upper triangle of its covariance P."""

    beta: float
    alpha: float
    p11: float
    p12: float
    p22: float


@dataclass(frozen=True, slots=True)
class KalmanSettings:
    """Constants of one filter run. Variances in the square of y's unit; ``centre`` in x's unit.

    The filter sees x - ``centre``, so that beta and alpha are nearly uncorrelated; a drift of beta then turns the
    line about the middle of the calibration and not about x = 0.
    """

    q_beta: float
    q_alpha: float
    v_e: float
    centre: float


@dataclass(frozen=True, slots=True, eq=False)
class KalmanRun:
    """One value a bar, known at that bar's close; NaN during the calibration.

    ``beta`` and ``alpha`` include the bar; ``innovation`` = y_t - (beta_{t-1} x_t + alpha_{t-1}) is the
    spread, ``variance`` is its predicted variance. ``settings`` holds q, V_e and the centre of x.
    """

    beta: Floats
    alpha: Floats
    innovation: Floats
    variance: Floats
    settings: KalmanSettings

    __repr__ = short_repr


@njit
def kalman_step(  # noqa: PLR0913 - a compiled loop
    beta: float, alpha: float, p11: float, p12: float, p22: float,
    y: float, x: float, q_beta: float, q_alpha: float, v_e: float,
) -> tuple[float, float, float, float, float, float, float]:  # fmt: skip
    """One bar: ``(beta, alpha, p11, p12, p22)`` in and out, then the innovation and its variance.

    ``x`` is already centred, and ``alpha`` belongs to that x. A bar without both prices (NaN, or no finite number)
    only applies the drift: its innovation and variance are NaN.
    """
    r11, r12, r22 = p11 + q_beta, p12, p22 + q_alpha  # R = P + W
    error = y - (beta * x + alpha)  # e = y - F theta
    if not np.isfinite(error):
        return beta, alpha, r11, r12, r22, np.nan, np.nan
    f1 = r11 * x + r12  # R F'
    f2 = r12 * x + r22
    variance = x * f1 + f2 + v_e  # Q = F R F' + V_e
    k1, k2 = f1 / variance, f2 / variance  # K = R F' / Q
    a11, a12 = 1.0 - k1 * x, -k1  # A = I - K F
    a21, a22 = -k2 * x, 1.0 - k2
    m11, m12 = a11 * r11 + a12 * r12, a11 * r12 + a12 * r22  # A R
    m21, m22 = a21 * r11 + a22 * r12, a21 * r12 + a22 * r22
    p11 = m11 * a11 + m12 * a12 + k1 * k1 * v_e  # P = A R A' + K V_e K' (Joseph)
    p12 = m11 * a21 + m12 * a22 + k1 * k2 * v_e
    p22 = m21 * a21 + m22 * a22 + k2 * k2 * v_e
    return beta + k1 * error, alpha + k2 * error, p11, p12, p22, error, variance


@njit
def kalman_kernel(  # noqa: PLR0913 - a compiled loop
    y: Floats, x: Floats, first: int, centre: float, state: Floats, q_beta: float, q_alpha: float, v_e: float,
    beta: Floats, alpha: Floats, innovation: Floats, variance: Floats,
) -> None:  # fmt: skip
    """Bars ``first`` .. end through :func:`kalman_step`; ``state`` (five numbers) is read and left at its last value.

    ``x`` is not centred here, and ``alpha`` comes out for x as given.
    """
    b, a, p11, p12, p22 = state[0], state[1], state[2], state[3], state[4]
    for t in range(first, y.size):
        b, a, p11, p12, p22, innovation[t], variance[t] = kalman_step(
            b, a, p11, p12, p22, y[t], x[t] - centre, q_beta, q_alpha, v_e
        )
        beta[t] = b
        alpha[t] = a - b * centre
    state[0], state[1], state[2], state[3], state[4] = b, a, p11, p12, p22


@njit
def kalman_calibrate_kernel(y: Floats, x: Floats) -> tuple[float, float, float, float, float, float, float]:
    """``(beta, alpha, p11, p12, p22, v_e, centre)`` of the least squares fit over all bars given (3 or more).

    P = V_e (X'X)^-1 about the mean of x, where it is diagonal. All NaN where x, or the residual, is constant.
    """
    nan = np.nan
    (mean_y, dy), (centre, dx) = centred(y), centred(x)
    sxx = dot(dx, dx, 0, x.size, 0)
    if y.size < 3 or not sxx > 0.0:
        return nan, nan, nan, nan, nan, nan, nan
    beta = dot(dy, dx, 0, y.size, 0) / sxx
    error = dy - beta * dx
    rss = dot(error, error, 0, y.size, 0)
    if is_rounding(rss, y.size, abs(mean_y) + abs(beta * centre)):
        return nan, nan, nan, nan, nan, nan, nan
    v_e = rss / (y.size - 2.0)
    return beta, mean_y, v_e / sxx, 0.0, v_e / y.size, v_e, centre


@njit
def drift_of(memory_half_life: float, v_e: float) -> float:
    """q_alpha = V_e K^2 / (1 - K) with K = 1 - 2^(-1/H): at the steady-state gain, weights halve in H bars."""
    kept = 0.5 ** (1.0 / memory_half_life)  # 1 - K
    return float(v_e * (1.0 - kept) ** 2 / kept)


def kalman_calibrate(
    y: ArrayLike, x: ArrayLike, memory_half_life: float, *, q_beta: float = 0.0
) -> tuple[KalmanState, KalmanSettings]:
    """State and settings from a least squares fit over bars before the first filtered bar.

    ``memory_half_life`` in bars. ``q_beta`` is the variance a bar of beta's drift: 0 by default, as a moving beta
    shortens the memory wherever x is far from its mean. Raises ValueError where x, or the residual, is constant.
    """
    left, right = as_pair(y, x, minimum=3)
    memory = positive(memory_half_life, "memory_half_life")
    *state, v_e, centre = kalman_calibrate_kernel(left, right)
    if math.isnan(v_e):
        raise ValueError("x or the residual is constant over the calibration; expected legs and a spread that move")
    settings = KalmanSettings(positive(q_beta, "q_beta", zero=True), drift_of(memory, v_e), v_e, centre)
    return KalmanState(*state), settings


@keeps_index
def kalman_filter(y: ArrayLike, x: ArrayLike, state: KalmanState, settings: KalmanSettings) -> KalmanRun:
    """Filter every bar given, from a state that was known before the first; ``state.alpha`` belongs to x - centre."""
    left, right = as_pair(y, x, minimum=1)
    return _run(left, right, 0, state, settings)


@keeps_index
def kalman(
    y: ArrayLike, x: ArrayLike, memory_half_life: float, *, calibration: int = CALIBRATION_BARS, q_beta: float = 0.0
) -> KalmanRun:
    """Calibrate on the first ``calibration`` bars, filter the rest; give log prices.

    ``memory_half_life`` in bars. The calibration bars are NaN; with no later bars all values are NaN. Removing bars at
    the end changes no earlier value. The traps: the post-update residual is innovation x V_e / variance, not a spread,
    and neither it nor the innovation may be given to an ADF test (T2).

    Raises ValueError for lengths that differ, NaN, and a calibration in which x or the residual is constant.
    Source: the module's docstring; with W = 0 and a diffuse P the last state equals OLS to 1e-8.
    """
    left, right = as_pair(y, x, minimum=1)
    calibration = whole(calibration, "calibration", at_least=3)
    positive(memory_half_life, "memory_half_life")
    positive(q_beta, "q_beta", zero=True)
    if left.size <= calibration:
        unknown = np.full(left.size, np.nan)
        settings = KalmanSettings(q_beta, math.nan, math.nan, math.nan)
        return KalmanRun(unknown, unknown.copy(), unknown.copy(), unknown.copy(), settings)
    state, settings = kalman_calibrate(left[:calibration], right[:calibration], memory_half_life, q_beta=q_beta)
    return _run(left, right, calibration, state, settings)


def _run(y: Floats, x: Floats, first: int, state: KalmanState, settings: KalmanSettings) -> KalmanRun:
    beta, alpha, innovation, variance = (np.full(y.size, np.nan) for _ in range(4))
    carried = np.array(state, dtype=np.float64)
    kalman_kernel(
        y, x, first, settings.centre, carried, settings.q_beta, settings.q_alpha, settings.v_e,
        beta, alpha, innovation, variance,
    )  # fmt: skip
    return KalmanRun(beta, alpha, innovation, variance, settings)
