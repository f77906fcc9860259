"""The values that a run fixes once, on the bars before its first decision: the filter's initial state and the windows.

The half-life that sizes the windows is estimated here, once per run: estimating it on the traded bars would be
look-ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.pairs.break_alarm import beta_limit, level_limit, whitened_slope
from engine.pairs.layout import Floats, In, Par
from engine.pairs.settings import ENTRY_MODES, ESTIMATORS, LEAST_TEST_WINDOW, MAX_WINDOW, REFITTED, PairSettings
from engine.stats.half_life import half_life_of, unbiased_phi
from engine.stats.kalman import drift_of, kalman_calibrate_kernel
from engine.stats.unitroot import CRITERIA, FIXED

MEMORY_HALF_LIVES = 25.0
BETA_HALF_LIVES = 25.0
Z_HALF_LIVES = 10.0
TEST_HALF_LIVES = 40.0
CALIBRATION_HALF_LIVES = 40.0
MOST_CALIBRATIONS = 3  # so many times as long, where fewer half-lives fit
LEAST_HALF_LIFE = 1.0  # bars: what comes back within one bar cannot be timed in bars
MAX_MEMORY = 1e6  # bars
FITS_PER_WINDOW = 10

_NEVER = 2**40  # bars: longer than any run
_LEVEL_ROWS = {1: 0, 5: 1, 10: 2}
_PRICE_ROWS = {
    ("log", "mid"): In.LOG_MID, ("log", "last"): In.LOG_LAST, ("price", "mid"): In.MID, ("price", "last"): In.LAST,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FilterStart:
    """Where the filter begins. ``v_e`` in the square of y's unit, ``centre`` in x's, ``state`` as in KalmanState.

    ``phi`` of the residual, for the break alarm and the mean's standard error; ``short_beta``: see the break alarm.
    """

    v_e: float
    centre: float
    state: tuple[float, float, float, float, float]
    phi: float
    short_beta: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fixed for the rest of the run. Lengths in bars.

    ``half_life`` is the median-unbiased estimate for the residual of a fitted line, at least 1. ``reverts`` is false if
    it showed no mean reversion, as half of all unrelated pairs do: ``half_life`` is inf, so the derived memory is
    1,000,000 bars, each derived window 5,000, and the holding time has no limit. ``is_testable`` is false if a derived
    test window would exceed 5,000 bars, also with an infinite half-life: the test has no power for so slow a spread,
    and the gate stays closed to the end of the run. Windows and a memory that are set are kept as they are.
    ``start`` is fitted to the run's first ``filter_bars``; None until there are so many.
    """

    bars: int
    half_life: float
    reverts: bool
    memory: float
    beta_window: int
    z_window: int
    test_window: int
    filter_bars: int
    start: FilterStart | None = None
    is_testable: bool = True


def calibrate(y: Floats, x: Floats, settings: PairSettings) -> Calibration | None:
    """Fit on all bars given. None where x or the residual is constant."""
    fit = _fit(y, x)
    if fit is None:
        return None
    half_life = _half_life(fit.phi)
    derived = min(max(MEMORY_HALF_LIVES * half_life, _least_memory(settings, y.size)), MAX_MEMORY)
    memory = settings.memory_half_life or derived
    z_window = settings.z_window or _bars(Z_HALF_LIVES * half_life, 20)
    test_window = settings.test_window or _bars(TEST_HALF_LIVES * half_life, LEAST_TEST_WINDOW)
    return Calibration(
        bars=y.size,
        half_life=half_life,
        reverts=half_life < math.inf,
        memory=memory,
        beta_window=settings.beta_window or _bars(BETA_HALF_LIVES * half_life, 100),
        z_window=z_window,
        test_window=test_window,
        filter_bars=_filter_bars(settings, y.size, memory, test_window - z_window),
        is_testable=settings.test_window is not None or TEST_HALF_LIVES * half_life <= MAX_WINDOW,
    )


def _least_memory(settings: PairSettings, bars: int) -> float:
    """A filter that waits for its windows does not forget faster than the bars that it was fitted to: a half-life
    estimated too short would make it follow the spread."""
    return float(bars) if _follows_half_life(settings) else 0.0


def _follows_half_life(settings: PairSettings) -> bool:
    """Whether the gate waits for a test window that follows the half-life."""
    return settings.gate != "off" and settings.test_window is None


def is_long_enough(found: Calibration, settings: PairSettings) -> bool:
    """Whether the calibration holds 40 of the half-lives that it found, or is three times as long as set, or has 5,000
    bars; if not, it waits for as many bars again.

    The half-life is estimated too short as often as too long, and from few half-lives by a factor of two; windows that
    follow it are wrong for the whole run. Where the test window does not follow it, nothing is gained by waiting.
    """
    is_last = found.bars + settings.calibration_bars > min(MOST_CALIBRATIONS * settings.calibration_bars, MAX_WINDOW)
    return is_last or not _follows_half_life(settings) or CALIBRATION_HALF_LIVES * found.half_life <= found.bars


def filter_start(y: Floats, x: Floats) -> FilterStart | None:
    """The filter's start, fitted to all bars given. None where x or the residual is constant."""
    fit = _fit(y, x)
    if fit is None:
        return None
    short_beta = fit.state[0] + whitened_slope(fit.residual, x, fit.phi)
    return FilterStart(fit.v_e, fit.centre, fit.state, fit.phi, short_beta)


class _Fit(NamedTuple):
    """The least squares line as the filter's state, its residual, and the median-unbiased phi of that, 0 to 1."""

    state: tuple[float, float, float, float, float]
    v_e: float
    centre: float
    residual: Floats
    phi: float


def _fit(y: Floats, x: Floats) -> _Fit | None:
    beta, alpha, p11, p12, p22, v_e, centre = kalman_calibrate_kernel(y, x)
    if math.isnan(v_e):
        return None
    residual = y - (beta * (x - centre) + alpha)
    return _Fit((beta, alpha, p11, p12, p22), v_e, centre, residual, unbiased_phi(residual, True))


def _filter_bars(settings: PairSettings, bars: int, memory: float, most: int) -> int:
    """How many bars the filter is fitted to. A filter that learns beta from few bars forgets fast at first, so where
    the test window follows the half-life it waits for one memory of bars. That delays no entry: the gate waits for
    the test window, and before it is full the z window has ``bars`` of errors."""
    if not _follows_half_life(settings):
        return bars
    return max(bars, round(min(memory, most)))


def _half_life(phi: float) -> float:
    """In bars, 1 at least; inf where a median-unbiased phi of 1 says that the residual does not revert."""
    if not phi < 1.0:
        return math.inf
    return max(half_life_of(phi), LEAST_HALF_LIFE) if phi > 0.0 else LEAST_HALF_LIFE


def _bars(length: float, least: int) -> int:
    return round(min(max(length, least), MAX_WINDOW))


def parameters(settings: PairSettings, calibration: Calibration | None, slot: float = math.inf) -> Par:
    """The kernel's parameters. ``slot``: the first bar of the filter; without one it learns nothing."""
    fixed_lags = settings.gate_lags.isdecimal()
    lengths = calibration or settings  # before the calibration: the lengths that are set, else windows that never fill
    return Par(
        price=int(_PRICE_ROWS[settings.space, settings.price]),
        is_price_space=settings.space == "price",
        estimator=ESTIMATORS.index(settings.estimator),
        filter_z=settings.z_scale == "filter",
        **threshold_parameters(settings),
        stale_ms=float(settings.stale_after_ms),
        least_coverage=float(settings.least_coverage),
        hedge_min=float(settings.hedge_min),
        hedge_max=float(settings.hedge_max),
        negative_hedge=bool(settings.negative_hedge),
        **_cost_parameters(settings),
        gated=settings.gate != "off",
        gate_row=_LEVEL_ROWS[settings.gate_level],
        gate_every=int(settings.gate_every),
        gate_dwell=int(settings.gate_dwell),
        gate_criterion=int(FIXED if fixed_lags else CRITERIA[settings.gate_lags]),
        gate_max_lag=int(settings.gate_lags) if fixed_lags else -1,
        gate_bootstrap=settings.gate_level / 100.0 if settings.gate == "robust" else 0.0,
        gate_locked=calibration is not None and not calibration.is_testable,
        beta_window=int(lengths.beta_window or MAX_WINDOW),
        z_window=int(lengths.z_window or MAX_WINDOW),
        test_window=int(lengths.test_window or _NEVER),
        refit_every=refit_every(settings, lengths.beta_window or MAX_WINDOW),
        taint_window=MAX_WINDOW if calibration is None else max(windows_in_use(settings, calibration).values()),
        half_life=math.inf if calibration is None else calibration.half_life,
        calibrated=float(slot),
        **_filter_parameters(calibration),
        **_alarm_parameters(settings),
        centre_limit=_centre_limit(settings, calibration),
    )


def threshold_parameters(settings: PairSettings) -> dict[str, Any]:
    """What ``rule.rule_step`` reads, by field: the part of the parameters that no bar's inputs depend on."""
    return {
        "entry_mode": ENTRY_MODES.index(settings.entry_mode),
        "at_quotes": settings.entry_at == "quotes",
        "entry": float(settings.entry_z),
        "exit": float(settings.exit_z),
        "stop": math.inf if settings.stop_z is None else float(settings.stop_z),
        "max_z": math.inf if settings.max_z is None else float(settings.max_z),
        "max_hold": math.inf if settings.max_hold_half_lives is None else float(settings.max_hold_half_lives),
        "cooldown": float(settings.cooldown_bars),
        "cost_filter": bool(settings.cost_filter),
    }


def _cost_parameters(settings: PairSettings) -> dict[str, Any]:
    """Of a fill, as fractions, by field; a half-spread that is measured is NaN."""
    half = math.nan if settings.half_spread_bps is None else settings.half_spread_bps * 1e-4
    return {"fee": settings.fee_bps * 1e-4, "half_spread": half, "slippage": settings.slippage_bps * 1e-4}


def _alarm_parameters(settings: PairSettings) -> dict[str, Any]:
    """The limits of the break alarm's sums, by field; without an alarm infinite."""
    bars = settings.break_alarm
    if bars is None:
        return {"level_limit": math.inf, "beta_limit": math.inf}
    return {"level_limit": level_limit(bars), "beta_limit": beta_limit(bars)}


def _filter_parameters(calibration: Calibration | None) -> dict[str, Any]:
    """Of the filter and the break alarm, by field; NaN before the filter's start."""
    if calibration is None or calibration.start is None:
        return dict.fromkeys(("centre", "v_e", "q_alpha", "phi", "short_beta"), math.nan)
    start = calibration.start
    drift = float(drift_of(calibration.memory, start.v_e))
    return {
        "centre": float(start.centre), "v_e": float(start.v_e), "q_alpha": drift, "phi": start.phi,
        "short_beta": start.short_beta,
    }  # fmt: skip


def _centre_limit(settings: PairSettings, calibration: Calibration | None) -> float:
    """How far the spread's mean over the z window may be from 0, in its deviations there.

    The mean of n bars of an AR(1) has the standard error sd sqrt((1 + phi) / ((1 - phi) n)).
    """
    start = calibration.start if calibration is not None else None
    if settings.centre_limit is None or calibration is None or start is None or start.phi >= 1.0:
        return math.inf
    bars = calibration.z_window * (1.0 - start.phi) / (1.0 + start.phi)
    return settings.centre_limit / math.sqrt(bars)


def refit_every(settings: PairSettings, beta_window: int) -> int:
    """Bars between two fits of a line that does not roll."""
    return settings.refit_every or max(beta_window // FITS_PER_WINDOW, 1)


def windows_in_use(settings: PairSettings, calibration: Calibration) -> dict[str, int]:
    """The number of past bars a decision depends on, by window: ``beta`` (not with the filter), ``z``, ``test`` (if
    gated).

    A line or a test on a schedule adds the bars since it last ran.
    """
    found = {"z": calibration.z_window}
    if settings.estimator != "kalman":
        found["beta"] = calibration.beta_window
    if settings.estimator in REFITTED:
        found["beta"] += refit_every(settings, calibration.beta_window) - 1
    if settings.gate != "off":
        found["test"] = calibration.test_window + settings.gate_every - 1
    return found
