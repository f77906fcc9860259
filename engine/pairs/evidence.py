"""The evidence for a pair's current numbers: for every figure, a measure of its reliability.

Computed on demand from a model's columns, never bar by bar: one call takes about a millisecond. All windows end at the
last bar; unknown values are None or NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.pairs.break_alarm import beta_limit, level_limit
from engine.pairs.enums import LegFlag
from engine.pairs.hedge_evidence import error_correction_of, hedge_of
from engine.pairs.layout import At, Floats, In, Out
from engine.pairs.model import PairModel
from engine.pairs.noise_gate import NoiseShare, noise_shares
from engine.pairs.settings import MAX_WINDOW
from engine.stats.bid_ask_bounce import Bounce, bounce
from engine.stats.error_correction import ErrorCorrection
from engine.stats.half_life import HalfLife, half_life, half_life_of, unbiased_phi
from engine.stats.health import KalmanHealth, kalman_health
from engine.stats.hedge_interval import HedgeInterval
from engine.stats.mackinnon import tau_pvalue
from engine.stats.power import Evidence as TestEvidence
from engine.stats.power import evidence as test_evidence
from engine.stats.regression import ols_kernel, residuals_kernel
from engine.stats.representation import short_repr
from engine.stats.unitroot import BIC, adf_kernel

DAY_MS = 86_400_000
HEALTH_BARS = 500  # of the filter's errors
MINIMUM_BARS = 30  # least bars of a window
ALONE = 0.01  # p-value below which a leg is taken to come back by itself: so is one of a hundred that walk
LEAST_BARS = 100


@dataclass(frozen=True, slots=True)
class WindowCoverage:
    """One current window of the decisions (``beta``, ``z`` or ``test``).

    ``share`` of its bars in which both legs traded, NaN until it is full; ``is_touched``: an open gap overlaps it.
    """

    name: str
    bars: int
    share: float
    is_touched: bool


@dataclass(frozen=True, slots=True)
class BreakWatch:
    """The state of the break alarm (:mod:`engine.pairs.break_alarm`): the larger sum over its limit, for the level and
    for beta. A value above 1 ends the run. ``bars``: average number of bars between false alarms."""

    level: float
    beta: float
    bars: int


@dataclass(frozen=True, slots=True)
class PairEvidence:
    """The evidence shown with a pair's figures. None where unknown.

    ``test_bars``: length of the test window. ``half_life`` of the residual of one line over it, in bars, and ``test``
    the power of the 5 % test at that half-life, bars for 80 %, nulls, critical value. ``tests`` since the run started,
    ``tests_today`` since midnight UTC; each opens on 5 % of noise. ``open_share`` of the bars since the first test.
    ``half_spreads_bps``: of Y and X, effective, from the trades' sides, the median over the z window; NaN unknown.
    ``hedge`` is the line in use with its error, ``correction`` the speed at which either leg reverts, over the test
    window. ``bootstrap``: p-value of the robust gate's latest test, NaN if it drew nothing; ``noise``: the share of
    time that noise keeps such a gate open. ``legs``: p-values of the ADF test of Y and of X by themselves over the test
    window: a leg that comes back without the other is always found related.
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
    bootstrap: float = math.nan
    noise: tuple[NoiseShare, ...] = ()
    legs: tuple[float, float] = (math.nan, math.nan)

    __repr__ = short_repr


def evidence_of(model: PairModel) -> PairEvidence:
    """The evidence of a pair at its model's last bar."""
    lengths = model.windows()
    test_bars = lengths.get("test", 0)
    residual = _residual(model, test_bars)
    reversion = None if residual is None else half_life(residual, residual=True)
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
        health=_health(model),
        breaks=_breaks(model),
        hedge=hedge_of(model, test_bars),
        correction=error_correction_of(model, test_bars),
        bootstrap=model.state(At.GATE_BOOTSTRAP),
        noise=noise_shares(model.settings),
        legs=_legs(model, test_bars),
    )


def _residual(model: PairModel, bars: int) -> Floats | None:
    """The residual of one line fitted over the last ``bars``; None with fewer bars, or if x is constant.

    This is the residual that the gate tests, never the adaptive spread (trap T2).
    """
    if not 0 < bars <= model.size:
        return None
    y, x = model.inputs(model.price_row, model.size - bars)
    alpha, beta = ols_kernel(y, x)
    return None if math.isnan(beta) else residuals_kernel(y, x, alpha, beta)


def _legs(model: PairModel, bars: int) -> tuple[float, float]:
    """NaN with fewer bars, or for a leg that does not move."""
    if not MINIMUM_BARS <= bars <= model.size:
        return math.nan, math.nan
    y, x = model.inputs(model.price_row, model.size - bars)
    return _walks(y), _walks(x)


def _walks(leg: Floats) -> float:
    """The p-value of the ADF test, lags by BIC."""
    return float(tau_pvalue(adf_kernel(leg, True, BIC, -1)[0], 1))


def _tests_today(model: PairModel) -> int:
    """Tests since midnight UTC: one at every slot of the schedule since the first."""
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
    """Medians, because a momentary spread is as often zero as twice its size."""
    y, x = model.inputs(In.HALF, max(model.size - bars, 0))
    return _median_bps(y), _median_bps(x)


def _median_bps(fractions: Floats) -> float:
    known = fractions[~np.isnan(fractions)]
    return 1e4 * float(np.median(known)) if known.size else math.nan


def _bounce(model: PairModel, bars: int) -> Bounce | None:
    """Compares the spread on last prices with that on mids, both from the line fitted to the mids; None without
    quotes."""
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


def _health(model: PairModel) -> KalmanHealth | None:
    """Health of the filter in use, over the last bars in which it was updated; None for other estimators, and below 100
    bars.

    The memory is compared with the half-life over all bars of the run, at most 5,000, which scatters less than that of
    the test window; without reversion there, with the calibration's.
    """
    calibration = model.calibration
    if calibration is None or calibration.start is None or model.settings.estimator != "kalman":
        return None
    residual = _residual(model, min(model.size, MAX_WINDOW))
    half_life_bars = math.nan if residual is None else float(half_life_of(unbiased_phi(residual, True)))
    if math.isnan(half_life_bars) and calibration.reverts:
        half_life_bars = calibration.half_life
    innovation, variance = _innovations(model, calibration.start.v_e, HEALTH_BARS)
    if innovation.size < LEAST_BARS:
        return None
    return kalman_health(innovation, variance, calibration.start.v_e, half_life_bars)


def _innovations(model: PairModel, v_e: float, most: int) -> tuple[Floats, Floats]:
    """Innovations and their expected variances of the last ``most`` bars in which the filter was updated."""
    memory = model.column(Out.MEMORY)
    places = np.flatnonzero(~np.isnan(memory))[-most:]
    variance = v_e * np.exp2(1.0 / memory[places])  # Q / V_e = 1 / (1 - F K) = 2^(1 / memory)
    return model.column(Out.SPREAD)[places], variance


def _breaks(model: PairModel) -> BreakWatch | None:
    """None if the alarm is off, and before the filter's start."""
    bars = model.settings.break_alarm
    if bars is None or model.calibration is None or model.calibration.start is None:
        return None
    level = max(model.state(At.LEVEL_UP), model.state(At.LEVEL_DOWN))
    beta = max(model.state(At.BETA_UP), model.state(At.BETA_DOWN))
    return BreakWatch(level / level_limit(bars), beta / beta_limit(bars), bars)
