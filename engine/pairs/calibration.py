"""What a run fixes once, on the bars before its first decision: the filter's start and the windows.

The half-life that sizes windows comes from here and is never estimated again in the run: a rule that
measured it on the bars it trades would size its windows by its own luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.pairs.columns import Floats, Par
from engine.pairs.settings import MAX_WINDOW, PairSettings
from engine.stats.filtering import drift_of, kalman_calibrate_kernel
from engine.stats.reversion import NULL_RESIDUAL, ar1_kernel, kendall
from engine.stats.unitroot import CRITERIA, FIXED

MEMORY_HALF_LIVES = 25.0
BETA_HALF_LIVES = 25.0
Z_HALF_LIVES = 10.0
TEST_HALF_LIVES = 40.0
LEAST_TEST_WINDOW = 500

_NEVER = 2.0**40  # bars: longer than any run
_LEVEL_ROWS = {1: 0, 5: 1, 10: 2}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fixed for the rest of the run. Lengths in bars.

    ``reverts`` is false where the residual showed no reversion to time: ``half_life`` then is what two
    independent walks would show at the median, 0.087 of the calibration's length.
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
    )


def _bars(length: float, least: int) -> int:
    return int(min(max(round(length), least), MAX_WINDOW))


def parameters(settings: PairSettings, calibration: Calibration | None, slot: float = math.inf) -> Floats:
    """The kernel's parameters. ``slot``: the first bar after the calibration; without one nothing is traded."""
    par = np.full(len(Par), np.nan)
    par[Par.KALMAN] = settings.estimator == "kalman"
    par[Par.FILTER_Z] = settings.z_scale == "filter"
    par[Par.PRICE_SPACE] = settings.space == "price"
    par[Par.CALIBRATED] = slot
    par[Par.ENTRY], par[Par.EXIT] = settings.entry_z, settings.exit_z
    par[Par.STOP] = math.inf if settings.stop_z is None else settings.stop_z
    par[Par.MAX_Z] = math.inf if settings.max_z is None else settings.max_z
    par[Par.COOLDOWN] = settings.cooldown_bars
    par[Par.GATED] = settings.gate == "engle-granger"
    par[Par.GATE_ROW] = _LEVEL_ROWS[settings.gate_level]
    par[Par.GATE_EVERY], par[Par.GATE_DWELL] = settings.gate_every, settings.gate_dwell
    fixed = settings.gate_lags.isdecimal()
    par[Par.GATE_CRITERION] = FIXED if fixed else CRITERIA[settings.gate_lags]
    par[Par.GATE_MAX_LAG] = int(settings.gate_lags) if fixed else -1
    par[Par.STALE_MS] = settings.stale_after_ms
    par[Par.COST_FILTER] = settings.cost_filter
    par[Par.FEE] = settings.fee_bps * 1e-4
    par[Par.MAX_HOLD] = math.inf
    # Before the calibration: lengths that are set, or else none that could ever be full.
    par[Par.Z_WINDOW] = settings.z_window or MAX_WINDOW
    par[Par.TEST_WINDOW] = settings.test_window or _NEVER
    par[Par.TAINT_WINDOW] = MAX_WINDOW
    if calibration is not None:
        _set_lengths(par, settings, calibration)
    return par


def _set_lengths(par: Floats, settings: PairSettings, calibration: Calibration) -> None:
    par[Par.CENTRE], par[Par.V_E] = calibration.centre, calibration.v_e
    par[Par.Q_ALPHA] = drift_of(calibration.memory, calibration.v_e)
    par[Par.Z_WINDOW], par[Par.TEST_WINDOW] = calibration.z_window, calibration.test_window
    windows = [calibration.z_window]
    if settings.estimator == "ols":
        windows.append(calibration.beta_window)
    if settings.gate != "off":
        windows.append(calibration.test_window)
    par[Par.TAINT_WINDOW] = max(windows)
    if settings.max_hold_half_lives is not None:
        par[Par.MAX_HOLD] = settings.max_hold_half_lives * calibration.half_life
