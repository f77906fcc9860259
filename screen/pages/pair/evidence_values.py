"""Each figure of the evidence panel: its value with its unit and note, or why it is unknown. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.pairs.evidence import ALONE, LEAST_BARS, PairEvidence
from engine.pairs.noise_gate import FIXED
from engine.pairs.noise_gate import LEVEL as NOISE_LEVEL
from engine.stats.half_life import NULL_RESIDUAL_5, HalfLife
from engine.stats.health import GREEN, RED, KalmanHealth
from engine.stats.power import bars_for_power, eg_power
from screen.components.formatting import UNKNOWN, Item, duration, p_value, times, unknown
from services.pair_view import PairView

Make = Callable[[PairView, PairEvidence], Item]
NOISES = {f"noise-{at}": share.noise for at, share in enumerate(FIXED)}  # live element -> kind of noise
LEVEL = 0.05  # of Ljung-Box
ENOUGH_POWER = 0.8
BREAK_IS_NEAR = 0.7  # of an alarm


def _no_test(view: PairView, found: PairEvidence) -> str:
    """Why the test window has no results; empty if it has."""
    if view.settings.gate == "off":
        return "the gate is off, so there is no test window"
    if not found.test_bars:
        return "the window follows the half-life, once calibrated"
    if found.bars < found.test_bars:
        return f"needs {found.test_bars:,} bars; {found.bars:,} so far"
    if found.half_life is None:
        return "X does not move over the window"
    return ""


def power(view: PairView, found: PairEvidence) -> Item:
    """The chance that the 5 % test sees a spread of the fitted half-life, and of those at the ends of its interval."""
    why = _no_test(view, found)
    if why or found.test is None or found.half_life is None:
        return unknown(why)
    power, life = found.test.power, found.half_life
    if math.isnan(power):
        return unknown(_no_half_life(life))
    if not math.isfinite(life.high):
        return Item("n.a.", f"the half-life is {_range(life)} bars: a walk is not excluded", "warn")
    least = eg_power(found.test_bars, life.high)
    most = eg_power(found.test_bars, life.low) if life.low > 0.0 else 1.0
    tone = "good" if least >= ENOUGH_POWER else "warn" if power >= 0.5 else "bad"
    return Item(f"{power:.0%}", f"at the fitted half-life; {least:.0%} to {most:.0%} over its 95 % interval", tone)


def needed(view: PairView, found: PairEvidence) -> Item:
    """The window in which it is seen four times out of five."""
    why = _no_test(view, found)
    if why or found.test is None or found.half_life is None:
        return unknown(why)
    needed = found.test.bars_needed
    if math.isnan(needed):
        return unknown(_no_half_life(found.half_life))
    length = duration(needed * view.settings.interval_ms / 1_000)
    is_enough = bars_for_power(found.half_life.high, ENOUGH_POWER) <= found.test_bars
    note = f"{length}, at the fitted half-life; the window has {found.test_bars:,}"
    return Item(f"{needed:,.0f} bars", note, "good" if is_enough else "warn")


def legs(view: PairView, found: PairEvidence) -> Item:
    """Whether each leg walks, as the test of a relation presumes."""
    why = _no_test(view, found)
    if why or all(map(math.isnan, found.legs)):
        return unknown(why)
    named = list(zip((view.y, view.x), found.legs, strict=True))
    alone = [name for name, p in named if p < ALONE]
    note = ", ".join(f"{name} {p_value(p)}" for name, p in named)
    if alone:
        return Item(f"{' and '.join(alone)} comes back alone", f"{note}: a relation proves nothing here", "bad")
    return Item("both walk", note, "good")


def _no_half_life(life: HalfLife) -> str:
    is_fast = math.isfinite(life.high)
    return f"no half-life: {'back within one bar' if is_fast else 'nothing reverts in the window'}"


def half_life(view: PairView, found: PairEvidence) -> Item:
    """Over the test window, beside its null: half of all noise has no half-life, so its median is none."""
    why = _no_test(view, found)
    if why or found.half_life is None:
        return unknown(why)
    life = found.half_life
    note = f"95 % {_range(life)} · noise: none in 50 of 100, under {life.null_5:.0f} in 5"
    if math.isnan(life.low):
        return unknown("the residual does not move over the window")
    if math.isnan(life.bars):
        is_fast = math.isfinite(life.high)
        return Item("< 1 bar", note) if is_fast else Item("n.a.", f"no reversion to time · {note}", "bad")
    tone = "warn" if math.isinf(life.high) else "good" if life.bars < life.null_5 else ""
    return Item(f"{life.bars:.1f} bars", note, tone)


def _range(life: HalfLife) -> str:
    low, high = ("∞" if math.isinf(end) else f"{end:.0f}" for end in (life.low, life.high))
    return f"{low} to {high}"


def critical(view: PairView, found: PairEvidence) -> Item:
    """The finite-sample value at the 5 % level, and the statistic."""
    if found.test is None:
        return unknown(_no_test(view, found))
    shot = view.latest
    statistic = "not tested yet" if shot is None or math.isnan(shot.gate_statistic) else f"{shot.gate_statistic:.2f}"
    return Item(f"{found.test.critical_5:.3f}", f"latest statistic {statistic}; lower is evidence")


def tests_today(view: PairView, found: PairEvidence) -> Item:
    """The number of gate tests since midnight UTC."""
    if view.settings.gate == "off":
        return unknown("the gate is off: nothing is tested")
    return Item(f"{found.tests_today:,}", "each opens on 5 % of noise; neighbours overlap")


def open_share(view: PairView, found: PairEvidence) -> Item:
    """Share of time in which the gate was open."""
    if view.settings.gate == "off":
        return unknown("the gate is off")
    if math.isnan(found.open_share):
        return unknown(_no_test(view, found) or "the first test is due")
    windows = "windows from the half-life" if view.settings.test_window is None else "windows of 500 bars"
    noise = f"noise at {NOISE_LEVEL} %, {windows}:" if found.noise else f"noise was measured at {NOISE_LEVEL} % only"
    return Item(f"{found.open_share:.0%}", f"since the first test; {noise}")


def noise_open(view: PairView) -> dict[str, str]:
    """By the name of the live element: the share of time that each noise keeps this gate open; empty where unknown."""
    shares = view.evidence.noise if view.evidence else ()
    is_robust = view.settings.gate == "robust"
    texts = [f"{share.robust if is_robust else share.plain:.1%}" for share in shares] or [""] * len(NOISES)
    return dict(zip(NOISES, texts, strict=True))


def bootstrap(view: PairView, found: PairEvidence) -> Item:
    """The p-value that opened the gate, or kept it closed."""
    if view.settings.gate != "robust":
        return Item("not used", "only the robust gate asks for it")
    if not found.tests:
        return unknown(_no_test(view, found) or "the first test is due")
    if math.isnan(found.bootstrap):
        return Item("not asked", "the plain test alone keeps the gate closed")
    is_open = found.bootstrap <= view.settings.gate_level / 100.0
    note = "of the test that opened the gate" if is_open else "too high: the plain test alone would have opened"
    return Item(p_value(found.bootstrap), note, "good" if is_open else "bad")


def flips(view: PairView, found: PairEvidence) -> Item:
    """The number of gate changes."""
    if view.settings.gate == "off":
        return unknown("the gate is off")
    if not found.tests:
        return unknown(_no_test(view, found) or "the first test is due")
    return Item(f"{found.flips:,}", "opened or closed in this run")


def evaluations(view: PairView, found: PairEvidence) -> Item:
    """The number of gate tests in this run."""
    if view.settings.gate == "off":
        return unknown("the gate is off")
    every = duration(view.settings.gate_every * view.settings.interval_ms / 1_000)
    return Item(f"{found.tests:,}", f"in this run, one every {every}")


def correction(view: PairView, found: PairEvidence) -> Item:
    """The legs that come back, and both speeds."""
    seen = found.correction
    if seen is None:
        return unknown(_no_test(view, found) or "a leg does not move over the window")
    legs = {"y": view.y, "x": view.x, "both": "both legs", "neither": "neither"}[seen.adjusting]
    note = f"Y {seen.speed_y:+.1%} a bar (t {seen.t_y:.1f}) · X {seen.speed_x:+.1%} (t {seen.t_x:.1f})"
    return Item(legs, note, "warn" if seen.adjusting == "neither" else "")


def of_filter(make: Callable[[KalmanHealth], Item]) -> Make:
    """A figure of the filter's health, or why it is missing."""

    def made(view: PairView, found: PairEvidence) -> Item:
        if view.settings.estimator != "kalman":
            return unknown("another estimator is in use")
        if view.calibration is None:
            return unknown(f"calibrates on {view.settings.calibration_bars:,} bars; {found.bars:,} so far")
        if found.health is None:
            return unknown(f"needs {LEAST_BARS} bars after the calibration")
        return make(found.health)

    return made


def memory(health: KalmanHealth) -> Item:
    """Half-life of the filter's memory."""
    if math.isinf(health.memory_bars):
        return Item("∞", "it learns nothing now", "warn")
    return Item(f"{health.memory_bars:,.0f} bars", "half-life of its memory, measured")


def ratio(health: KalmanHealth) -> Item:
    """The memory over the spread's half-life, and its light."""
    if health.light is None:
        return unknown("the spread has no half-life")
    says = {
        "red": ("bad", f"RED, below {RED:.0f}: the filter eats the spread"),
        "amber": ("warn", f"enough; {GREEN:.0f} or more is preferred"),
        "green": ("good", f"{GREEN:.0f} or more: the spread is left whole"),
    }
    tone, note = says[health.light]
    return Item(times(health.ratio), note, tone)


def nis(health: KalmanHealth) -> Item:
    """Mean squared whitened error, beside its band."""
    band = f"healthy: {health.nis_low:.2f} to {health.nis_high:.2f}"
    if math.isnan(health.nis_white):
        return unknown(f"the spread runs away · {band}")
    inside = health.nis_low <= health.nis_white <= health.nis_high
    return Item(f"{health.nis_white:.2f}", band, "good" if inside else "warn")


def ljung_box(health: KalmanHealth) -> Item:
    """Autocorrelation left in the whitened errors."""
    left = health.ljung_box
    if math.isnan(left.pvalue):
        return unknown("the spread runs away")
    note = f"{left.lags} lags, after an AR(1) of {health.rho:.2f}"
    return Item(p_value(left.pvalue), note, "good" if left.pvalue >= LEVEL else "warn")


def _no_bounce(view: PairView, found: PairEvidence) -> Item:
    return unknown(_no_test(view, found) or "no quotes: some bars have a last print only")


def bounce_share(view: PairView, found: PairEvidence) -> Item:
    """Bounce's share of the spread's variance."""
    seen = found.bounce
    if seen is None:
        return _no_bounce(view, found)
    if math.isnan(seen.level_share):
        return unknown("the prints do not move")
    tone = "warn" if seen.change_share > 0.5 else ""
    return Item(f"{seen.level_share:.1%}", f"of its variance; {seen.change_share:.0%} of its moves", tone)


def bounce_half_lives(view: PairView, found: PairEvidence) -> Item:
    """On prints against on the mid."""
    seen = found.bounce
    if seen is None:
        return _no_bounce(view, found)
    prints, mid = (
        UNKNOWN if math.isnan(bars) else f"{bars:.1f}" for bars in (seen.half_life_prints, seen.half_life_mid)
    )
    return Item(f"{prints} / {mid} bars", f"last prints / trade-side mid, raw, over {found.test_bars:,} bars")


def bounce_badge(view: PairView, found: PairEvidence) -> Item:
    """Whether the spread reverts, and whether that is bounce."""
    seen = found.bounce
    if seen is None:
        return _no_bounce(view, found)
    if seen.is_bounce:
        only = "only the prints revert" if math.isinf(seen.ratio) else f"prints revert {times(seen.ratio)} faster"
        return Item("BOUNCE", f"{only}: it cannot be traded", "bad")
    if math.isnan(seen.ratio):
        return unknown("the prints do not revert")
    if not seen.half_life_mid < NULL_RESIDUAL_5 * found.test_bars:
        return Item("not seen", "the mid reverts no faster than noise; nor is it bounce")
    return Item("in the mid", f"mid / prints {times(seen.ratio)}; from 3 × on it is bounce", "good")


def half_spreads(_: PairView, found: PairEvidence) -> Item:
    """Of both legs."""
    y, x = (UNKNOWN if math.isnan(bps) else f"{bps:.2f}" for bps in found.half_spreads_bps)
    if y == x == UNKNOWN:
        return unknown("no trades from both sides yet")
    return Item(f"{y} / {x} bps", "of Y / of X, median over the z window")


def breaks(view: PairView, found: PairEvidence) -> Item:
    """How near the break alarm is."""
    watch = found.breaks
    if view.settings.break_alarm is None:
        return unknown("the break alarm is off")
    if watch is None:
        return unknown("watches from the calibration on")
    nearest = max(watch.level, watch.beta)
    note = f"level {watch.level:.0%}, β {watch.beta:.0%} of an alarm; false ones about {watch.bars:,} bars apart"
    return Item(f"{nearest:.0%}", note, "warn" if nearest > BREAK_IS_NEAR else "")
