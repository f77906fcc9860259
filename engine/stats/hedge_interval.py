"""A hedge ratio with its error: how far the beta of each estimator may be from the one that holds the legs together.

The spread is autocorrelated, so the errors of textbook regressions do not apply: on pairs that do keep together their
95 % intervals cover beta in 12 to 30 cases of a hundred (white noise), or 65 to 88 (prewhitened HAC). Done here:

    ols                      the exact variance of its weighted sum under the residual's AR(1), phi corrected
    huber, theil-sen, tls    a sieve bootstrap with that phi
    kalman                   P of beta, scaled from V_e to the spread's long-run variance s^2 / (1 - phi)^2

On simulated pairs of 500 and 2,000 bars that hold 25 half-lives or more they cover 94 to 99 % (docs/mathematics.md).
In fewer half-lives nothing covers what it says: ``is_window_long_enough`` is False. On two unrelated walks it nearly
always is, and the interval means nothing.

What the interval does not hold: a spread whose shocks go together with those of x bends every line that is fitted to
levels, by an amount that falls as 1/n (correlation 0.3: OLS covers 92 %; 0.6: 86 to 88 %). Generalised least squares,
which is two to five times as narrow where they do not, covers nothing there, so it is not offered.

Sources: :mod:`engine.stats.serial_correlation`, :mod:`engine.stats.sieve_bootstrap`; Hamilton 1994, chapter 19.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair, as_series, positive, whole
from engine.stats.jit import njit
from engine.stats.kalman import CALIBRATION_BARS, KalmanSettings, KalmanState, kalman_calibrate, kalman_kernel
from engine.stats.regression import residuals_kernel, spread_of, tls_kernel
from engine.stats.representation import short_repr
from engine.stats.robust import huber_kernel, theil_sen_kernel
from engine.stats.serial_correlation import (
    NORMAL_95,
    WINDOW_HALF_LIVES,
    half_lives_of,
    line_variances,
    long_run_variance,
    residual_ar1,
)
from engine.stats.sieve_bootstrap import HUBER, THEIL_SEN, TLS, bootstrap_lines

METHODS = {
    "ols": "AR(1) of the residual", "huber": "sieve bootstrap", "theil-sen": "sieve bootstrap",
    "tls": "sieve bootstrap", "kalman": "filter variance",
}  # fmt: skip
REFITS = {"huber": HUBER, "theil-sen": THEIL_SEN, "tls": TLS}
MINIMUM_BARS = 20
MEMORY_HALF_LIVES = 25.0
RESAMPLES = 99
SEED = 19_970_801


@dataclass(frozen=True, slots=True)
class HedgeInterval:
    """y = alpha + beta x with the standard error of both, and the 95 % interval ``low`` to ``high`` of beta.

    ``method`` says how the error was found. ``phi`` is the AR(1) coefficient of the residual that it rests on,
    corrected for the fitted line; ``half_life`` in bars follows from it (NaN where a deviation is gone within a bar),
    and the ``bars`` behind the line hold ``half_lives`` of them. Under 25 ``is_window_long_enough`` is False and the
    interval covers less than it says.
    """

    estimator: str
    method: str
    alpha: float
    beta: float
    alpha_error: float
    beta_error: float
    low: float
    high: float
    bars: int
    phi: float
    half_life: float
    half_lives: float
    is_window_long_enough: bool

    __repr__ = short_repr


@njit
def _line_kernel(y: Floats, x: Floats, estimator: int) -> tuple[float, float]:
    """``(alpha, beta)`` of one of the estimators that are refitted."""
    if estimator == TLS:
        return tls_kernel(y, x)
    if estimator == HUBER:
        return huber_kernel(y, x)
    alpha, beta, _ = theil_sen_kernel(y, x)
    return alpha, beta


def hedge_interval(
    y: ArrayLike, x: ArrayLike, estimator: str = "ols", *, resamples: int = RESAMPLES, seed: int = SEED,
    memory_half_life: float | None = None, calibration: int | None = None,
) -> HedgeInterval:  # fmt: skip
    """The line of y on x by ``estimator`` ("ols", "huber", "theil-sen", "tls" or "kalman") with its error.

    Twenty bars or more; log prices, x the more liquid leg. ``resamples`` refits from ``seed`` for those that are
    bootstrapped: the same data give the same interval. The interval of TLS spans both readings of its spread, noise of
    y alone, in which its beta is too steep by the bootstrap's bias, and noise of both legs, in which it is not. The
    filter is calibrated on the first ``calibration`` bars (half of them, at most 500, by default) with a memory of 25
    half-lives of the residual; its beta is that after the last bar, and its interval is a little wide, because it
    allows for an alpha that drifts.

    Raises ValueError for an unknown estimator, a leg that does not move, and legs that are one line.
    """
    if estimator not in METHODS:
        raise ValueError(f"estimator is {estimator!r}; expected one of {', '.join(METHODS)}")
    left, right = as_pair(y, x, minimum=MINIMUM_BARS)
    found = spread_of(left, right)
    if found is None:
        raise ValueError("x or the residual is constant; expected legs and a spread that move")
    alpha, beta, residual = found
    if estimator == "kalman":
        state, settings = _filtered(left, right, residual, memory_half_life, calibration)
        return filter_interval(state, settings, residual, left.size)
    if estimator == "ols":
        _, phi, s2 = residual_ar1(residual, 1)
        errors = np.sqrt(line_variances(right, phi, s2))
        return _interval(estimator, (alpha, beta), errors, left.size, phi)
    return _bootstrapped(left, right, estimator, whole(resamples, "resamples", at_least=2), seed)


def filter_interval(state: KalmanState, settings: KalmanSettings, residual: ArrayLike, bars: int) -> HedgeInterval:
    """The interval of a filter's beta as it stands at ``state``, after ``bars`` bars that it was taught by.

    ``residual`` is the spread as one fixed line over twenty bars or more shows it, not the filter's innovations, out of
    which the filter has taken the slow part. P follows from V_e as if the spread were white noise of that variance;
    an autocorrelated one carries as much information as white noise of its long-run variance.
    """
    values = as_series(residual, "residual", minimum=MINIMUM_BARS)
    _, phi, s2 = residual_ar1(values, 1)
    scale = long_run_variance(phi, s2) / positive(settings.v_e, "settings.v_e")
    centre = settings.centre
    alpha_variance = state.p22 - 2.0 * centre * state.p12 + centre * centre * state.p11  # of x as given, not centred
    errors = np.sqrt(np.maximum([scale * alpha_variance, scale * state.p11], 0.0))
    line = state.alpha - state.beta * centre, state.beta
    return _interval("kalman", line, errors, whole(bars, "bars", at_least=1), phi)


def _bootstrapped(y: Floats, x: Floats, estimator: str, resamples: int, seed: int) -> HedgeInterval:
    code = REFITS[estimator]
    alpha, beta = _line_kernel(y, x, code)
    if np.isnan(beta):
        raise ValueError(f"{estimator} finds no line; expected legs that both move")
    raw, phi, s2 = residual_ar1(residuals_kernel(y, x, alpha, beta), 1)
    off = bootstrap_lines(y, x, alpha, beta, code, raw, phi, s2, resamples, seed)
    errors = off.std(axis=1, ddof=1)
    bias = float(off[1].mean()) if estimator == "tls" else 0.0
    return _interval(estimator, (alpha, beta), errors, y.size, phi, bias)


def _interval(
    estimator: str, line: tuple[float, float], errors: Floats, bars: int, phi: float, bias: float = 0.0
) -> HedgeInterval:
    """``errors`` of alpha and beta. The interval runs about beta, and about beta less its bias."""
    (alpha, beta), (alpha_error, beta_error) = line, map(float, errors)
    reach = NORMAL_95 * beta_error
    half_life, half_lives = half_lives_of(bars, phi)
    return HedgeInterval(
        estimator, METHODS[estimator], alpha, beta, alpha_error, beta_error,
        min(beta, beta - bias) - reach, max(beta, beta - bias) + reach,
        bars, phi, half_life, half_lives, half_lives >= WINDOW_HALF_LIVES,
    )  # fmt: skip


def _filtered(
    y: Floats, x: Floats, residual: Floats, memory_half_life: float | None, calibration: int | None
) -> tuple[KalmanState, KalmanSettings]:
    """The filter's state after the last bar."""
    bars = min(CALIBRATION_BARS, y.size // 2) if calibration is None else calibration
    bars = whole(bars, "calibration", at_least=3, at_most=y.size - 1)
    memory = memory_half_life
    if memory is None:
        half_life, _ = half_lives_of(y.size, residual_ar1(residual, 1)[1])
        memory = MEMORY_HALF_LIVES * max(half_life, 1.0) if half_life == half_life else MEMORY_HALF_LIVES
    start, settings = kalman_calibrate(y[:bars], x[:bars], memory)
    carried = np.array(start, dtype=np.float64)
    unused = [np.empty(y.size) for _ in range(4)]
    kalman_kernel(y, x, bars, settings.centre, carried, settings.q_beta, settings.q_alpha, settings.v_e, *unused)
    return KalmanState(*map(float, carried)), settings
