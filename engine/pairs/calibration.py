"""What a run fixes once, on the bars before its first decision: the filter's start and the windows.

The half-life that sizes windows comes from here and is never estimated again in the run: a rule that
measured it on the bars it trades would size its windows by its own luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.pairs.layout import Floats, In, Par
from engine.pairs.settings import ESTIMATORS, LEAST_TEST_WINDOW, MAX_WINDOW, REFITTED, PairSettings
from engine.stats.half_life import half_life_of, unbiased_phi
from engine.stats.kalman import drift_of, kalman_calibrate_kernel
from engine.stats.unitroot import CRITERIA, FIXED

MEMORY_HALF_LIVES = 25.0
BETA_HALF_LIVES = 25.0
Z_HALF_LIVES = 10.0
TEST_HALF_LIVES = 40.0
LEAST_HALF_LIFE = 1.0  # bars: what comes back within one bar cannot be timed in bars
MAX_MEMORY = 1e6  # bars
FITS_PER_WINDOW = 10

_NEVER = 2**40  # bars: longer than any run
_LEVEL_ROWS = {1: 0, 5: 1, 10: 2}
_PRICE_ROWS = {
    ("log", "mid"): In.LOG_MID, ("log", "last"): In.LOG_LAST, ("price", "mid"): In.MID, ("price", "last"): In.LAST,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fixed for the rest of the run. Lengths in bars.

    ``half_life`` is the median-unbiased estimate for the residual of a fitted line, 1 at least. ``reverts`` is false
    where it showed no reversion to time, as half of all unrelated pairs do: ``half_life`` is inf, so the derived memory
    is 1,000,000 bars, each derived window 5,000, and the holding time has no limit. ``is_testable`` is false where a
    derived test window would have to pass 5,000 bars, with an infinite half-life too: no test could see so slow a
    spread, and the gate stays closed to the end of the run. Windows and a memory that are set are kept as they are.
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
    half_life = _half_life(unbiased_phi(y - (beta * (x - centre) + alpha), True))
    return Calibration(
        bars=y.size,
        half_life=half_life,
        reverts=half_life < math.inf,
        memory=settings.memory_half_life or min(MEMORY_HALF_LIVES * half_life, MAX_MEMORY),
        beta_window=settings.beta_window or _bars(BETA_HALF_LIVES * half_life, 100),
        z_window=settings.z_window or _bars(Z_HALF_LIVES * half_life, 20),
        test_window=settings.test_window or _bars(TEST_HALF_LIVES * half_life, LEAST_TEST_WINDOW),
        v_e=v_e,
        centre=centre,
        state=(beta, alpha, p11, p12, p22),
        is_testable=settings.test_window is not None or TEST_HALF_LIVES * half_life <= MAX_WINDOW,
    )


def _half_life(phi: float) -> float:
    """In bars, 1 at least; inf where a median-unbiased phi of 1 says that the residual does not revert."""
    if not phi < 1.0:
        return math.inf
    return max(half_life_of(phi), LEAST_HALF_LIFE) if phi > 0.0 else LEAST_HALF_LIFE


def _bars(length: float, least: int) -> int:
    return round(min(max(length, least), MAX_WINDOW))


def parameters(settings: PairSettings, calibration: Calibration | None, slot: float = math.inf) -> Par:
    """The kernel's parameters. ``slot``: the first bar after the calibration; without one nothing is traded."""
    fixed_lags = settings.gate_lags.isdecimal()
    lengths = calibration or settings  # before the calibration: those that are set, or else none that is ever full
    return Par(
        price=int(_PRICE_ROWS[settings.space, settings.price]),
        is_price_space=settings.space == "price",
        estimator=ESTIMATORS.index(settings.estimator),
        filter_z=settings.z_scale == "filter",
        entry=float(settings.entry_z),
        exit=float(settings.exit_z),
        stop=math.inf if settings.stop_z is None else float(settings.stop_z),
        max_z=math.inf if settings.max_z is None else float(settings.max_z),
        cooldown=float(settings.cooldown_bars),
        stale_ms=float(settings.stale_after_ms),
        least_coverage=float(settings.least_coverage),
        hedge_min=float(settings.hedge_min),
        hedge_max=float(settings.hedge_max),
        negative_hedge=bool(settings.negative_hedge),
        cost_filter=bool(settings.cost_filter),
        fee=settings.fee_bps * 1e-4,
        half_spread=math.nan if settings.half_spread_bps is None else settings.half_spread_bps * 1e-4,
        gated=settings.gate == "engle-granger",
        gate_row=_LEVEL_ROWS[settings.gate_level],
        gate_every=int(settings.gate_every),
        gate_dwell=int(settings.gate_dwell),
        gate_criterion=int(FIXED if fixed_lags else CRITERIA[settings.gate_lags]),
        gate_max_lag=int(settings.gate_lags) if fixed_lags else -1,
        gate_locked=calibration is not None and not calibration.is_testable,
        beta_window=int(lengths.beta_window or MAX_WINDOW),
        z_window=int(lengths.z_window or MAX_WINDOW),
        test_window=int(lengths.test_window or _NEVER),
        refit_every=refit_every(settings, lengths.beta_window or MAX_WINDOW),
        taint_window=MAX_WINDOW if calibration is None else max(windows_in_use(settings, calibration).values()),
        max_hold=_max_hold(settings, calibration),
        calibrated=float(slot),
        centre=math.nan if calibration is None else float(calibration.centre),
        v_e=math.nan if calibration is None else float(calibration.v_e),
        q_alpha=math.nan if calibration is None else float(drift_of(calibration.memory, calibration.v_e)),
    )


def _max_hold(settings: PairSettings, calibration: Calibration | None) -> float:
    if calibration is None or settings.max_hold_half_lives is None:
        return math.inf
    return float(settings.max_hold_half_lives * calibration.half_life)


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
