"""What a run fixes once, on the bars before its first decision: the filter's start and the windows.

The half-life that sizes windows comes from here and is never estimated again in the run: a rule that
measured it on the bars it trades would size its windows by its own luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.pairs.columns import Floats, In, Par
from engine.pairs.settings import ESTIMATORS, LEAST_TEST_WINDOW, MAX_WINDOW, REFITTED, PairSettings
from engine.stats.filtering import drift_of, kalman_calibrate_kernel
from engine.stats.reversion import NULL_RESIDUAL, ar1_kernel, kendall
from engine.stats.unitroot import CRITERIA, FIXED

MEMORY_HALF_LIVES = 25.0
BETA_HALF_LIVES = 25.0
Z_HALF_LIVES = 10.0
TEST_HALF_LIVES = 40.0
FITS_PER_WINDOW = 10

_NEVER = 2.0**40  # bars: longer than any run
_LEVEL_ROWS = {1: 0, 5: 1, 10: 2}
_PRICE_ROWS = {
    ("log", "mid"): In.LOG_MID, ("log", "last"): In.LOG_LAST, ("price", "mid"): In.MID, ("price", "last"): In.LAST,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fixed for the rest of the run. Lengths in bars.

    ``reverts`` is false where the residual showed no reversion to time: ``half_life`` then is what two
    independent walks would show at the median, 0.087 of the calibration's length. ``is_testable`` is false where a
    derived test window would have to pass 5,000 bars: no test could see so slow a spread, and the gate stays closed.
    """

    bars: int
    half_life: float
    reverts: bool
    memory: float
    beta_window: int
    z_window: int
    test_window: int
    v_e: float
    centre: float
    state: tuple[float, float, float, float, float]
    is_testable: bool = True


def calibrate(y: Floats, x: Floats, settings: PairSettings) -> Calibration | None:
    """Fit on all bars given. None where x or the residual does not move."""
    beta, alpha, p11, p12, p22, v_e, centre = kalman_calibrate_kernel(y, x)
    if math.isnan(v_e):
        return None
    residual = y - (beta * (x - centre) + alpha)
    _, phi, _ = ar1_kernel(residual)
    phi = kendall(phi, float(residual.size - 1))
    reverts = 0.0 < phi < 1.0
    half_life = -math.log(2.0) / math.log(phi) if reverts else NULL_RESIDUAL * y.size
    return Calibration(
        bars=y.size,
        half_life=half_life,
        reverts=reverts,
        memory=settings.memory_half_life or min(MEMORY_HALF_LIVES * half_life, 1e6),
        beta_window=settings.beta_window or _bars(BETA_HALF_LIVES * half_life, 100),
        z_window=settings.z_window or _bars(Z_HALF_LIVES * half_life, 20),
        test_window=settings.test_window or _bars(TEST_HALF_LIVES * half_life, LEAST_TEST_WINDOW),
        v_e=v_e,
        centre=centre,
        state=(beta, alpha, p11, p12, p22),
        is_testable=settings.test_window is not None or TEST_HALF_LIVES * half_life <= MAX_WINDOW,
    )


def _bars(length: float, least: int) -> int:
    return int(min(max(round(length), least), MAX_WINDOW))


def parameters(settings: PairSettings, calibration: Calibration | None, slot: float = math.inf) -> Floats:
    """The kernel's parameters. ``slot``: the first bar after the calibration; without one nothing is traded."""
    par = np.full(len(Par), np.nan)
    par[Par.PRICE] = _PRICE_ROWS[settings.space, settings.price]
    par[Par.PRICE_SPACE] = settings.space == "price"
    par[Par.ESTIMATOR] = ESTIMATORS.index(settings.estimator)
    par[Par.FILTER_Z] = settings.z_scale == "filter"
    par[Par.CALIBRATED] = slot
    par[Par.ENTRY], par[Par.EXIT] = settings.entry_z, settings.exit_z
    par[Par.STOP] = math.inf if settings.stop_z is None else settings.stop_z
    par[Par.MAX_Z] = math.inf if settings.max_z is None else settings.max_z
    par[Par.COOLDOWN] = settings.cooldown_bars
    par[Par.STALE_MS] = settings.stale_after_ms
    par[Par.LEAST_COVERAGE] = settings.least_coverage
    par[Par.COST_FILTER] = settings.cost_filter
    par[Par.FEE] = settings.fee_bps * 1e-4
    par[Par.HALF] = math.nan if settings.half_spread_bps is None else settings.half_spread_bps * 1e-4
    _set_gate(par, settings)
    _set_lengths(par, settings, calibration)
    return par


def _set_gate(par: Floats, settings: PairSettings) -> None:
    par[Par.GATED] = settings.gate == "engle-granger"
    par[Par.GATE_ROW] = _LEVEL_ROWS[settings.gate_level]
    par[Par.GATE_EVERY], par[Par.GATE_DWELL] = settings.gate_every, settings.gate_dwell
    fixed = settings.gate_lags.isdecimal()
    par[Par.GATE_CRITERION] = FIXED if fixed else CRITERIA[settings.gate_lags]
    par[Par.GATE_MAX_LAG] = int(settings.gate_lags) if fixed else -1


def _set_lengths(par: Floats, settings: PairSettings, calibration: Calibration | None) -> None:
    # Before the calibration: lengths that are set, or else none that could ever be full.
    known = calibration or settings
    par[Par.BETA_WINDOW] = known.beta_window or MAX_WINDOW
    par[Par.Z_WINDOW] = known.z_window or MAX_WINDOW
    par[Par.TEST_WINDOW] = known.test_window or _NEVER
    par[Par.REFIT_EVERY] = refit_every(settings, known.beta_window or MAX_WINDOW)
    par[Par.GATE_LOCKED] = calibration is not None and not calibration.is_testable
    par[Par.MAX_HOLD] = math.inf
    par[Par.TAINT_WINDOW] = MAX_WINDOW
    if calibration is None:
        return
    par[Par.CENTRE], par[Par.V_E] = calibration.centre, calibration.v_e
    par[Par.Q_ALPHA] = drift_of(calibration.memory, calibration.v_e)
    par[Par.TAINT_WINDOW] = max(windows_in_use(settings, calibration).values())
    if settings.max_hold_half_lives is not None:
        par[Par.MAX_HOLD] = settings.max_hold_half_lives * calibration.half_life


def refit_every(settings: PairSettings, beta_window: int) -> int:
    """Bars between two fits of a line that does not roll."""
    return settings.refit_every or max(beta_window // FITS_PER_WINDOW, 1)


def windows_in_use(settings: PairSettings, calibration: Calibration) -> dict[str, int]:
    """How far back a decision looks, in bars, by window: ``beta`` (not with the filter), ``z``, ``test`` (if gated).

    A line or a test that stands until the next schedule looks back by that much more.
    """
    found = {"z": calibration.z_window}
    if settings.estimator != "kalman":
        found["beta"] = calibration.beta_window
    if settings.estimator in REFITTED:
        found["beta"] += refit_every(settings, calibration.beta_window) - 1
    if settings.gate != "off":
        found["test"] = calibration.test_window + settings.gate_every - 1
    return found
