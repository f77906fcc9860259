"""What the numbers of a pair are worth, now: beside every figure the reason to doubt it.

Computed on demand from a model's columns, never bar by bar: one call costs about a millisecond. Everything is taken
over windows that end at the last bar, and whatever cannot be known yet is None or NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.pairs.calibration import Calibration
from engine.pairs.enums import LegFlag
from engine.pairs.hedge_evidence import error_correction_of, hedge_of
from engine.pairs.layout import At, Floats, In, Out
from engine.pairs.model import PairModel
from engine.stats.bid_ask_bounce import Bounce, bounce
from engine.stats.error_correction import ErrorCorrection
from engine.stats.half_life import HalfLife, ar1_kernel, half_life
from engine.stats.health import KalmanHealth, kalman_health
from engine.stats.hedge_interval import HedgeInterval
from engine.stats.moments import EPSILON
from engine.stats.power import Evidence as TestEvidence
from engine.stats.power import evidence as test_evidence
from engine.stats.regression import ols_kernel, residuals_kernel
from engine.stats.representation import short_repr
from engine.stats.structural_breaks import cusum

DAY_MS = 86_400_000
HEALTH_BARS = 500  # of the filter's errors
BREAK_BARS, LEAST_BREAK_BARS = 1_500, 300
MINIMUM_BARS = 30  # of a window that anything is said about
LEAST_BARS = 100
RESAMPLES = 199  # of the half-life's interval
ARL0 = 5_000.0  # bars between false alarms of the break monitor, on average


@dataclass(frozen=True, slots=True)
class WindowCoverage:
    """One window that decisions look back over (``beta``, ``z`` or ``test``), as it ends now.

    ``share`` of its bars in which both legs traded, NaN until there are so many; ``is_touched`` by an open gap.
    """

    name: str
    bars: int
    share: float
    is_touched: bool


@dataclass(frozen=True, slots=True)
class BreakWatch:
    """Has the relation broken? CUSUM of the one-step errors of a line that was fitted, with the errors' AR(1), mean and
    deviation, to the older two thirds of the window and is watched over the newest third.

    ``alarms`` in the ``bars`` watched. While the line holds, false ones come about 2,000 bars apart [simulated; 5,000
    were the line known]; on unrelated walks no line holds, and it alarms far more often.
    ``up`` and ``down`` are the two sums now, in deviations; one of them passing ``threshold`` is an alarm.
    Information: it closes nothing.
    """

    bars: int
    alarms: int
    last_alarm_ms: int | None
    up: float
    down: float
    threshold: float


@dataclass(frozen=True, slots=True)
class PairEvidence:
    """Everything that stands beside a pair's figures. None where it cannot be known (yet).

    ``test_bars``: length of the test window. ``half_life`` of the residual of one line over it, in bars, and
    ``test`` what the 5 % test could see at that half-life: power, bars for 80 %, nulls, critical value. ``tests``
    were run since the run began, ``tests_today`` since midnight UTC; each opens on 5 % of noise. ``open_share`` of the
    bars since the first. ``half_spreads_bps``: of Y and X, effective, from the trades' sides, the median
    over the z window; NaN unknown. ``hedge`` is the line in use with its error, ``correction`` how fast either leg
    comes back over the test window.
    """

    bars: int
    test_bars: int
    half_life: HalfLife | None
    test: TestEvidence | None
    tests: int
    tests_today: int
    flips: int
    open_share: float
    coverage: tuple[WindowCoverage, ...]
    half_spreads_bps: tuple[float, float]
    bounce: Bounce | None
    health: KalmanHealth | None
    breaks: BreakWatch | None
    hedge: HedgeInterval | None
    correction: ErrorCorrection | None

    __repr__ = short_repr


def evidence_of(model: PairModel) -> PairEvidence:
    """The evidence of a pair as it stands at its model's last bar."""
    lengths = model.windows()
    test_bars = lengths.get("test", 0)
    residual = _residual(model, test_bars)
    reversion = None if residual is None else half_life(residual, residual=True, resamples=RESAMPLES)
    bars = math.nan if reversion is None else reversion.bars
    return PairEvidence(
        bars=model.size,
        test_bars=test_bars,
        half_life=reversion,
        test=test_evidence(test_bars, bars) if test_bars else None,
        tests=model.gate_tests,
        tests_today=_tests_today(model),
        flips=model.gate_flips,
        open_share=model.gate_open_share,
        coverage=tuple(_coverage(model, name, length) for name, length in lengths.items()),
        half_spreads_bps=_half_spreads_bps(model, lengths.get("z", MINIMUM_BARS)),
        bounce=_bounce(model, test_bars),
        health=_health(model, bars),
        breaks=_breaks(model),
        hedge=hedge_of(model, test_bars),
        correction=error_correction_of(model, test_bars),
    )


def _residual(model: PairModel, bars: int) -> Floats | None:
    """The distance from one line fitted over the last ``bars``; None before there are so many, or where x stands still.

    It is the residual that the gate's test reads, never the adaptive spread (trap T2).
    """
    if not 0 < bars <= model.size:
        return None
    y, x = model.inputs(model.price_row, model.size - bars)
    alpha, beta = ols_kernel(y, x)
    return None if math.isnan(beta) else residuals_kernel(y, x, alpha, beta)


def _tests_today(model: PairModel) -> int:
    """Tests since midnight UTC: they stand at every slot of the schedule since the first."""
    if not model.gate_tests:
        return 0
    every, width_ms = model.settings.gate_every, model.settings.interval_ms
    latest = int(model.state(At.TESTED))
    last_open_ms = model.open_time_ms(model.size - 1)
    midnight = -(-(last_open_ms - last_open_ms % DAY_MS) // width_ms)  # the day's first slot
    return min(model.gate_tests, max((latest - midnight) // every + 1, 0))


def _coverage(model: PairModel, name: str, bars: int) -> WindowCoverage:
    real = model.column(Out.REAL_BARS)
    share = math.nan
    if 0 < bars <= real.size:
        before = float(real[-bars - 1]) if bars < real.size else 0.0
        share = (float(real[-1]) - before) / bars
    last_slot = (model.first_slot or 0) + model.size - 1
    return WindowCoverage(name, bars, share, last_slot - model.state(At.TAINTED) < bars)


def _half_spreads_bps(model: PairModel, bars: int) -> tuple[float, float]:
    """Medians, because at one moment a spread is as often nothing as it is twice its size."""
    y, x = model.inputs(In.HALF, max(model.size - bars, 0))
    return _median_bps(y), _median_bps(x)


def _median_bps(fractions: Floats) -> float:
    known = fractions[~np.isnan(fractions)]
    return 1e4 * float(np.median(known)) if known.size else math.nan


def _bounce(model: PairModel, bars: int) -> Bounce | None:
    """The spread on last prices beside the one on mids, both from the line fitted to the mids; None without quotes."""
    is_log = model.settings.space == "log"
    if not MINIMUM_BARS <= bars <= model.size:
        return None
    begin = model.size - bars
    if any((flags.astype(np.int64) & LegFlag.LAST_PRICE).any() for flags in model.inputs(In.FLAGS, begin)):
        return None
    y, x = model.inputs(In.LOG_MID if is_log else In.MID, begin)
    alpha, beta = ols_kernel(y, x)
    if math.isnan(beta):
        return None
    y_last, x_last = model.inputs(In.LOG_LAST if is_log else In.LAST, begin)
    return bounce(residuals_kernel(y_last, x_last, alpha, beta), residuals_kernel(y, x, alpha, beta))


def _health(model: PairModel, half_life_bars: float) -> KalmanHealth | None:
    """Of the filter in use, over the last bars in which it learnt; None for other estimators, and before 100 of them.

    The memory is held against the half-life over the test window; where there is none, against the calibration's.
    """
    calibration = model.calibration
    if calibration is None or model.settings.estimator != "kalman":
        return None
    if math.isnan(half_life_bars) and calibration.reverts:
        half_life_bars = calibration.half_life
    innovation, variance = _innovations(model, calibration, HEALTH_BARS)
    if innovation.size < LEAST_BARS:
        return None
    return kalman_health(innovation, variance, calibration.v_e, half_life_bars)


def _innovations(model: PairModel, calibration: Calibration, most: int) -> tuple[Floats, Floats]:
    """Innovations and their expected variances of the last ``most`` bars in which the filter learnt."""
    memory = model.column(Out.MEMORY)
    places = np.flatnonzero(~np.isnan(memory))[-most:]
    variance = calibration.v_e * np.exp2(1.0 / memory[places])  # Q / V_e = 1 / (1 - F K) = 2^(1 / memory)
    return model.column(Out.SPREAD)[places], variance


def _breaks(model: PairModel) -> BreakWatch | None:
    """The break monitor over the last 1,500 bars in which both legs traded; None before there are 300, or where they
    do not move. Its line is fitted to the reference alone, so it says the same whatever estimator is in use."""
    y_flags, x_flags = model.inputs(In.FLAGS, max(model.size - BREAK_BARS, 0))
    is_real = ((y_flags.astype(np.int64) | x_flags.astype(np.int64)) & LegFlag.FILLED) == 0
    places = np.flatnonzero(is_real) + max(model.size - BREAK_BARS, 0)
    if places.size < LEAST_BREAK_BARS:
        return None
    y, x = (each[places] for each in model.inputs(model.price_row))
    known = places.size * 2 // 3
    alpha, beta = ols_kernel(y[:known], x[:known])
    residual = residuals_kernel(y, x, alpha, beta)
    _, rho, _ = ar1_kernel(residual[:known])
    errors = residual[1:] - rho * residual[:-1]  # one-step errors; the first of them belongs to the second bar
    reference, watched = errors[: known - 1], errors[known - 1 :]
    deviation = float(reference.std(ddof=1))
    if not deviation > EPSILON * float(np.abs(y).max()):
        return None
    found = cusum((watched - float(reference.mean())) / deviation, ARL0)
    alarms = np.flatnonzero(found.alarm)
    last_alarm_ms = model.open_time_ms(int(places[known + alarms[-1]])) if alarms.size else None
    up, down = float(found.up[-1]), float(found.down[-1])
    return BreakWatch(watched.size, alarms.size, last_alarm_ms, up, down, found.threshold)
