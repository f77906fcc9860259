"""The labels and numbers around the charts: known values with units, and a sentence for unknown ones."""

from __future__ import annotations

import math

from engine.market.intervals import interval_name
from engine.pairs.calibration import CALIBRATION_HALF_LIVES
from engine.pairs.settings import LEAST_TEST_WINDOW
from engine.stats.half_life import NULL_BARS_RESIDUAL_5
from screen.components import ids
from screen.components.formatting import ESTIMATOR_NAMES, UNKNOWN, Item, duration, texts_of
from screen.pages.pair.evidence_table import evidence_items, head
from screen.pages.pair.evidence_values import noise_open
from screen.pages.pair.gate_state import gate_state
from screen.pages.pair.hedge_items import interval
from screen.pages.pair.money_line import money_items
from screen.pages.pair.reason_labels import passed, reason_counts
from screen.pages.pair.verdict import verdict
from services.pair_view import PairView

BAR_CLOSES_WITHIN_MS = 5_000  # the watermark's grace, and what a step of the monitor takes


def cards(view: PairView) -> tuple[dict[str, str], dict[str, str]]:
    """(texts, tones) of every live element, by name."""
    made = {
        "prices": _prices(view),
        "z": _z(view),
        "beta": _beta(view),
        "half-life": _half_life(view),
        "gate": _gate(view),
        "position": _position(view),
        "cost": _cost(view),
        "coverage": _coverage(view),
    }
    return texts_of(made)


def live_texts(view: PairView) -> tuple[dict[str, str], dict[str, str]]:
    """(texts, tones) of the pair's elements: cards, evidence and reasons."""
    text, tone = cards(view)
    more = evidence_items(view) | money_items(view) | {"passed": passed(view), "verdict": verdict(view)}
    more_text, more_tone = texts_of(more)
    heads = {"evidence-head": head(view), "log-count": _log_count(view), "run-note": run_note(view)}
    heads[f"{ids.SPREAD}-head"] = heads["run-note"]
    return text | more_text | noise_open(view) | reason_counts(view) | heads, tone | more_tone


def no_pair_notes(bridge_url: str) -> dict[str, str]:
    """The text over every chart before there is a pair."""
    sentence = f"No trades yet. Open the bridge page at {bridge_url} and click Start Bridge."
    return dict.fromkeys(ids.CHARTS, sentence)


def loading_notes() -> dict[str, str]:
    """The text over every chart while the pair that is followed has no figures, though trades are known."""
    return dict.fromkeys(ids.CHARTS, "No figures of a pair yet: they are being loaded, or no such pair is watched.")


def notes(view: PairView) -> dict[str, str]:
    """The text over each chart without data; empty otherwise."""
    market, width = view.market, interval_name(view.settings.interval_ms)
    if view.problem:
        return dict.fromkeys(ids.CHARTS, f"This pair is suspended: {view.problem}. Apply other settings to continue.")
    if not view.has_run:
        missing = f"Waiting for trades of {view.y} and {view.x} in market {market}."
        return dict.fromkeys(ids.CHARTS, missing)
    if not view.bars:
        return dict.fromkeys(ids.CHARTS, f"No complete {width} bar of both legs yet.")
    found = dict.fromkeys(ids.CHARTS, "")
    shot, calibrating = view.latest, _calibrating(view)
    if calibrating:
        found[ids.SPREAD] = found[ids.Z] = calibrating
        if shot is not None and math.isnan(shot.beta_ols):
            found[ids.BETA] = calibrating
    elif view.calibration is not None and view.calibration.start is None:
        found[ids.SPREAD] = found[ids.Z] = _until_filter(view, view.calibration.filter_bars)
    elif shot is not None and math.isnan(shot.z):
        found[ids.Z] = f"Filling the z window of {_z_window(view)} bars."
    if view.settings.gate == "off":
        found[ids.GATE] = "The gate is off: entries are not tested for cointegration."
    elif shot is not None and math.isnan(shot.gate_pvalue):
        found[ids.GATE] = _until_tested(view)
    return found


END_REASONS = {
    "gap": "a gap in the data", "settings": "other settings", "unwatched": "the pair was removed from the list",
    "length": "the previous run had reached its maximum length", "history": "earlier trades arrived",
    "store": "another store of trades", "code": "a new version of the program", "failed": "a failure",
    "break": "a break of the relation",
}  # fmt: skip


def run_note(view: PairView) -> str:
    """Why this run replaced the previous one."""
    end = view.previous_end
    after = ""
    if end is not None:
        after = f"New run after {END_REASONS[end.reason]}{f': {end.detail}' if end.detail else ''}."
    return " ".join(filter(None, (after, first_signal(view))))


def first_signal(view: PairView) -> str:
    """How long until the rule can give its first signal; empty once it can. At least so long while the windows that
    follow the half-life are not known."""
    settings, known = view.settings, view.calibration
    z_window = _z_window(view) if settings.z_scale == "rolling" else 0
    needed = (known.filter_bars if known else settings.calibration_bars) + z_window
    is_known = known is not None or settings.test_window is not None
    if settings.gate != "off":
        test_window = settings.test_window or (known.test_window if known else LEAST_TEST_WINDOW)
        needed = max(needed, test_window)
    if view.bars >= needed or view.problem:
        return ""
    left_s = (needed - view.bars) * settings.interval_ms / 1_000
    least = "about" if is_known else "at least"
    return f"First possible signal in {least} {duration(left_s)}: {view.bars:,} of {needed:,} bars."


def waiting(view: PairView, watermark_ms: int) -> str:
    """Why the pair's figures stand still though its market trades; empty while they move. A bar is closed by a later
    trade, or 2 s of the market's time after its end."""
    if view.problem:
        return "the pair is suspended"
    if not view.has_run:
        return "its run waits for a trade of both legs"
    if view.latest is None:
        return ""
    width_ms = view.settings.interval_ms
    behind_ms = watermark_ms - (view.latest.open_time_ms + width_ms)
    return "no bar of both legs since" if behind_ms > 2 * width_ms + BAR_CLOSES_WITHIN_MS else ""


def _calibrating(view: PairView) -> str:
    if view.calibration is not None:
        return ""
    length, tries = view.settings.calibration_bars, max(-(-view.bars // view.settings.calibration_bars), 1)
    needed = tries * length
    left_s = (needed - view.bars) * view.settings.interval_ms / 1_000
    if tries == 1:
        return f"Calibrating: {view.bars} of {needed} bars, about {duration(left_s)} to go."
    return (
        f"No calibration yet: {(tries - 1) * length:,} bars held fewer than {CALIBRATION_HALF_LIVES:g} half-lives of"
        f" the spread, or a leg hardly traded. It is tried again at {needed:,} bars, in about {duration(left_s)}."
    )


def _until_filter(view: PairView, needed: int) -> str:
    left_s = max(needed - view.bars, 0) * view.settings.interval_ms / 1_000
    return f"The filter is fitted to {needed:,} bars; {view.bars:,} so far, about {duration(left_s)} to go."


def _until_tested(view: PairView) -> str:
    if view.calibration is None and view.settings.test_window is None:
        return "The test window is set by the half-life, once calibrated."
    window = view.settings.test_window or (view.calibration.test_window if view.calibration else 0)
    left_s = max(window - view.bars, 0) * view.settings.interval_ms / 1_000
    return (
        f"The first test needs {window} bars, about {duration(left_s)} to go." if left_s else "The first test is due."
    )


def _z_window(view: PairView) -> int:
    return view.settings.z_window or (view.calibration.z_window if view.calibration else 0)


def _prices(view: PairView) -> Item:
    y, x = (UNKNOWN if price is None else f"{price:,.10g}" for price in view.last_prices)
    return Item(y, f"{view.y}, dependent leg · {view.x} {x}")


def _z(view: PairView) -> Item:
    settings = view.settings
    note = f"entry ±{settings.entry_z:g} · exit ±{settings.exit_z:g}"
    shot = view.latest
    if shot is None or math.isnan(shot.z):
        return Item(UNKNOWN, _calibrating(view).rstrip(".") or note)
    return Item(f"{shot.z:+.2f}", note, "warn" if abs(shot.z) >= settings.entry_z else "")


def _beta(view: PairView) -> Item:
    unit = "dollars of X per dollar of Y" if view.settings.space == "log" else "X per Y"
    name = ESTIMATOR_NAMES[view.settings.estimator]
    shot = view.latest
    value = UNKNOWN if shot is None or math.isnan(shot.beta) else f"{shot.beta:.4f}"
    hedge = view.evidence.hedge if view.evidence is not None else None
    if hedge is None or math.isnan(hedge.beta_error):
        return Item(value, f"{name} · {unit}")
    short = "" if hedge.is_window_long_enough else ", window too short"
    return Item(value, f"95 % {interval(hedge)}{short} · {name} · {unit}")


def _half_life(view: PairView) -> Item:
    found = view.calibration
    if found is None:
        return Item(UNKNOWN, "estimated once, at calibration")
    null = f"noise: none in 50 of 100, under {NULL_BARS_RESIDUAL_5 * found.bars:.0f} in 5"
    locked = "" if found.is_testable or view.settings.gate == "off" else "too slow to test, the gate stays closed · "
    if not found.reverts:
        return Item("n.a.", f"no reversion found · {locked}{null}", "bad")
    seconds = found.half_life * view.settings.interval_ms / 1_000
    return Item(f"{found.half_life:.1f} bars", f"{duration(seconds)} · {locked}{null}", "bad" if locked else "")


def _gate(view: PairView) -> Item:
    if view.settings.gate == "off":
        return Item("off", "entries are not tested", "warn")
    shot = view.latest
    if shot is None or math.isnan(shot.gate):
        return Item(UNKNOWN, "not tested yet")
    return Item("OPEN" if shot.gate == 1.0 else "CLOSED", gate_state(view, shot), "" if shot.gate == 1.0 else "warn")


def _position(view: PairView) -> Item:
    shot = view.latest
    if shot is None:
        return Item(UNKNOWN, "")
    y, x = view.y, view.x
    if shot.position > 0:
        return Item("LONG", f"long {y}, short {x}", "up")
    if shot.position < 0:
        return Item("SHORT", f"short {y}, long {x}", "down")
    return Item("FLAT", "signals act on the next bar")


def _cost(view: PairView) -> Item:
    fee = f"4 fills at {view.settings.fee_bps:g} bps + half-spreads"
    shot = view.latest
    if shot is None or math.isnan(shot.cost_z):
        return Item(UNKNOWN, fee)
    break_even = view.settings.exit_z + shot.cost_z
    tone = "bad" if break_even > view.settings.entry_z else "good"
    return Item(f"{shot.cost_z:.2f} σ", f"pays from |z| {break_even:.2f} · {fee}", tone)


def _coverage(view: PairView) -> Item:
    """The worse of the two: gaps, or bars without a trade."""
    shot = view.latest
    share = math.nan if shot is None else shot.coverage
    real = "z window not full" if math.isnan(share) else f"{share:.0%} of the z window real"
    if view.gaps:
        touched = any(window.is_touched for window in view.evidence.coverage) if view.evidence else False
        where = "open, beside a window: no entries" if touched else "open, outside all windows"
        return Item(f"{view.gaps} gap{'s' * (view.gaps > 1)}", f"{where} · {real}", "bad" if touched else "warn")
    if math.isnan(share):
        return Item(UNKNOWN, f"{real} · no open gap")
    return Item(f"{share:.0%}", "both legs traded · no open gap", "warn" if share < 0.9 else "good")


def _log_count(view: PairView) -> str:
    logged, kept = view.logged, view.log_kept
    trades = _of_all(logged.trades, kept.trades)
    return f"{trades} entries, exits and corrections · {_of_all(logged.refusals, kept.refusals)} bars without an entry"


def _of_all(count: int, kept: int) -> str:
    return f"{count:,}" if count <= kept else f"newest {kept:,} of {count:,}"
