"""Each figure of the evidence panel: its value in its unit and what stands under it, or why it is not known. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from engine.pairs.evidence import LEAST_BARS, LEAST_BREAK_BARS, PairEvidence
from engine.stats.half_life import NULL_RESIDUAL_5, HalfLife
from engine.stats.health import GREEN, RED, KalmanHealth
from engine.stats.power import bars_for_power, eg_power
from screen.components.formatting import UNKNOWN, Item, duration, times, unknown
from services.pair_view import PairView

Make = Callable[[PairView, PairEvidence], Item]
LEVEL = 0.05  # of Ljung-Box
ENOUGH_POWER = 0.8


def _no_test(view: PairView, found: PairEvidence) -> str:
    """Why nothing can be said about the test window; empty where something can."""
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
        return unknown("no half-life: nothing reverts in the window")
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
        return unknown("no half-life: nothing reverts in the window")
    length = duration(needed * view.settings.interval_ms / 1_000)
    is_enough = bars_for_power(found.half_life.high, ENOUGH_POWER) <= found.test_bars
    note = f"{length}, at the fitted half-life; the window has {found.test_bars:,}"
    return Item(f"{needed:,.0f} bars", note, "good" if is_enough else "warn")


def half_life(view: PairView, found: PairEvidence) -> Item:
    """Over the test window, beside its null."""
    why = _no_test(view, found)
    if why or found.half_life is None:
        return unknown(why)
    life = found.half_life
    rare = NULL_RESIDUAL_5 * found.test_bars
    null = f"noise shows {life.null_median:.0f}, under {rare:.0f} in 5 of 100"
    if math.isnan(life.bars):
        return Item("n.a.", f"no reversion to time · {null}", "bad")
    interval = "" if math.isnan(life.low) else f"95 % {_range(life)} · "
    is_open = life.raw_bars >= life.null_median or math.isinf(life.high)
    tone = "warn" if is_open else "good" if life.raw_bars < rare else ""
    return Item(f"{life.bars:.1f} bars", f"{interval}{null}", tone)


def _range(life: HalfLife) -> str:
    return f"{life.low:.0f} to {'∞' if math.isinf(life.high) else f'{life.high:.0f}'}"


def critical(view: PairView, found: PairEvidence) -> Item:
    """The finite-sample value at the 5 % level, beside the statistic."""
    if found.test is None:
        return unknown(_no_test(view, found))
    shot = view.latest
    statistic = "not tested yet" if shot is None or math.isnan(shot.gate_statistic) else f"{shot.gate_statistic:.2f}"
    return Item(f"{found.test.critical_5:.3f}", f"latest statistic {statistic}; lower is evidence")


def tests_today(view: PairView, found: PairEvidence) -> Item:
    """How often the gate was tested since midnight UTC."""
    if view.settings.gate == "off":
        return unknown("the gate is off: nothing is tested")
    return Item(f"{found.tests_today:,}", "each opens on 5 % of noise; neighbours overlap")


def open_share(view: PairView, found: PairEvidence) -> Item:
    """Share of time in which the gate was open."""
    if view.settings.gate == "off":
        return unknown("the gate is off")
    if math.isnan(found.open_share):
        return unknown(_no_test(view, found) or "the first test is due")
    return Item(
        f"{found.open_share:.0%}", "since the first test; noise about 9 %, single noise pairs 1 to 25 % over 3,000 bars"
    )


def flips(view: PairView, found: PairEvidence) -> Item:
    """How often the gate changed."""
    if view.settings.gate == "off":
        return unknown("the gate is off")
    if not found.tests:
        return unknown(_no_test(view, found) or "the first test is due")
    return Item(f"{found.flips:,}", "opened or closed in this run")


def evaluations(view: PairView, found: PairEvidence) -> Item:
    """How often the gate was tested in this run."""
    if view.settings.gate == "off":
        return unknown("the gate is off")
    every = duration(view.settings.gate_every * view.settings.interval_ms / 1_000)
    return Item(f"{found.tests:,}", f"in this run, one every {every}")


def of_filter(make: Callable[[KalmanHealth], Item]) -> Make:
    """A figure of the filter's health, or why there is none."""

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
    return Item(f"p {left.pvalue:.2f}", note, "good" if left.pvalue >= LEVEL else "warn")


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
    """Whether the reversion is bounce, or whether there is any."""
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


def coverage(name: str) -> Make:
    """Of one window: the share of real bars, and whether an open gap touches it."""

    def made(view: PairView, found: PairEvidence) -> Item:
        window = next((each for each in found.coverage if each.name == name), None)
        if window is None:
            is_off = name == "test" and view.settings.gate == "off"
            return unknown("the gate is off" if is_off else "the window follows the half-life, once calibrated")
        if math.isnan(window.share):
            gap = "touched by an open gap" if window.is_touched else "no open gap"
            why = f"needs {window.bars:,} bars; {found.bars:,} so far · {gap}"
            return Item(UNKNOWN, why, "bad" if window.is_touched else "")
        if window.is_touched:
            return Item("gap", f"touched by an open gap; {window.share:.0%} of {window.bars:,} bars are real", "bad")
        least = view.settings.least_coverage if name == "z" else 0.9
        tone = "bad" if window.share < least else "warn" if window.share < 0.9 else "good"
        return Item(f"{window.share:.0%}", f"of {window.bars:,} bars are real; no open gap", tone)

    return made


def sources(view: PairView, found: PairEvidence) -> Item:
    """What the bars of each leg were made from, and where the last candle ends."""
    if not view.candles:
        return unknown("no run yet")
    width_ms = view.settings.interval_ms
    notes = []
    for side, symbol in (("y", view.y), ("x", view.x)):
        spans = view.candles.get(side, [])
        count = sum((to_ms - from_ms) // width_ms for from_ms, to_ms in spans)
        notes.append(f"{symbol}: {count:,} candles up to {_moment(spans[-1][1])}" if spans else f"{symbol}: ticks")
    held = sum(to_ms - from_ms for spans in view.candles.values() for from_ms, to_ms in spans) // width_ms
    share = held / (2 * found.bars) if found.bars else 0.0
    value = "ticks" if not held else f"{min(share, 1.0):.0%} candles"
    return Item(value, "; ".join(notes), "warn" if held else "good")


def candle_differences(view: PairView, _: PairEvidence) -> Item:
    """Where there are ticks and a candle: whether both say the same."""
    compared, differing = view.candles_compared
    if not compared:
        return unknown("no bar yet of which there are whole ticks and a candle")
    note = f"of {compared:,} bars of which there are whole ticks and a candle differ"
    return Item(f"{differing:,}", note, "warn" if differing else "good")


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def breaks(_: PairView, found: PairEvidence) -> Item:
    """Alarms of the break monitor."""
    watch = found.breaks
    if watch is None:
        return unknown(f"needs {LEAST_BREAK_BARS} bars with trades in both legs that move")
    note = f"in {watch.bars:,} bars; while the line holds, a false one in about 2,000"
    return Item("none" if not watch.alarms else f"{watch.alarms:,}", note, "warn" if watch.alarms else "")
