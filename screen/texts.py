"""The words and numbers around the charts: what is known, in units, and what is not known yet, in a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.market.intervals import interval_name
from engine.pairs.view import PairView
from engine.stats.reversion import NULL_RESIDUAL
from screen import ids

UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class _Card:
    """One number with the line under it; tone colours it: good, bad, warn or nothing."""

    value: str
    note: str
    tone: str = ""


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
    text: dict[str, str] = {}
    tone: dict[str, str] = {}
    for name, card in made.items():
        text[name], text[f"{name}-note"], tone[name] = card.value, card.note, card.tone
    return text, tone


def no_pair_notes(bridge_url: str) -> dict[str, str]:
    """What stands over every chart before there is a pair."""
    sentence = f"No trades yet. Open the bridge page at {bridge_url} and click Start Bridge."
    return dict.fromkeys(ids.CHARTS, sentence)


def notes(view: PairView) -> dict[str, str]:
    """What stands over each chart while it has nothing to draw; empty where it has."""
    market, width = view.market, interval_name(view.settings.interval_ms)
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
    elif shot is not None and math.isnan(shot.z):
        found[ids.Z] = f"Filling the z window of {_z_window(view)} bars."
    if view.settings.gate == "off":
        found[ids.GATE] = "The gate is off: entries are not tested for cointegration."
    elif shot is not None and math.isnan(shot.gate_pvalue):
        found[ids.GATE] = _until_tested(view)
    return found


def _calibrating(view: PairView) -> str:
    if view.calibration is not None:
        return ""
    needed = view.settings.calibration_bars
    if view.bars > needed:
        return "No calibration yet: over the bars so far a leg hardly traded or did not move. It is tried again."
    left_s = (needed - view.bars) * view.settings.interval_ms / 1_000
    return f"Calibrating: {view.bars} of {needed} bars, about {duration(left_s)} to go."


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


def _prices(view: PairView) -> _Card:
    y, x = (UNKNOWN if price is None else f"{price:,.10g}" for price in view.last_prices)
    return _Card(y, f"{view.y}, dependent leg · {view.x} {x}")


def _z(view: PairView) -> _Card:
    settings = view.settings
    note = f"entry ±{settings.entry_z:g} · exit ±{settings.exit_z:g}"
    shot = view.latest
    if shot is None or math.isnan(shot.z):
        return _Card(UNKNOWN, _calibrating(view).rstrip(".") or note)
    return _Card(f"{shot.z:+.2f}", note, "warn" if abs(shot.z) >= settings.entry_z else "")


def _beta(view: PairView) -> _Card:
    unit = "dollars of X per dollar of Y" if view.settings.space == "log" else "X per Y"
    name = "Kalman" if view.settings.estimator == "kalman" else "rolling OLS"
    shot = view.latest
    value = UNKNOWN if shot is None or math.isnan(shot.beta) else f"{shot.beta:.4f}"
    return _Card(value, f"{name} · {unit}")


def _half_life(view: PairView) -> _Card:
    found = view.calibration
    if found is None:
        return _Card(UNKNOWN, "estimated once, at calibration")
    null = f"noise would show {NULL_RESIDUAL * found.bars:.0f} bars"
    if not found.reverts:
        return _Card("n.a.", f"no reversion found · {null}", "bad")
    seconds = found.half_life * view.settings.interval_ms / 1_000
    return _Card(f"{found.half_life:.1f} bars", f"{duration(seconds)} · {null}")


def _gate(view: PairView) -> _Card:
    if view.settings.gate == "off":
        return _Card("off", "entries are not tested", "warn")
    shot = view.latest
    if shot is None or math.isnan(shot.gate):
        return _Card(UNKNOWN, "not tested yet")
    pvalue = f"p {shot.gate_pvalue:.3f}" if not math.isnan(shot.gate_pvalue) else "p unknown"
    note = f"{pvalue} · open {view.gate_open_share:.0%} of bars · {view.gate_tests} tests, {view.gate_flips} flips"
    return _Card("OPEN", note, "good") if shot.gate == 1.0 else _Card("CLOSED", note, "bad")


def _position(view: PairView) -> _Card:
    shot = view.latest
    if shot is None:
        return _Card(UNKNOWN, "")
    y, x = view.y, view.x
    if shot.position > 0:
        return _Card("LONG", f"long {y}, short {x}", "good")
    if shot.position < 0:
        return _Card("SHORT", f"short {y}, long {x}", "bad")
    return _Card("FLAT", "signals act on the next bar")


def _cost(view: PairView) -> _Card:
    fee = f"4 fills at {view.settings.fee_bps:g} bps + half-spreads"
    shot = view.latest
    if shot is None or math.isnan(shot.cost_z):
        return _Card(UNKNOWN, fee)
    break_even = view.settings.exit_z + shot.cost_z
    tone = "bad" if break_even > view.settings.entry_z else "good"
    return _Card(f"{shot.cost_z:.2f} σ", f"pays from |z| {break_even:.2f} · {fee}", tone)


def _coverage(view: PairView) -> _Card:
    holes = "no open hole" if not view.holes else f"{view.holes} open hole{'s' * (view.holes > 1)}"
    shot = view.latest
    if shot is None or math.isnan(shot.coverage):
        return _Card(UNKNOWN, holes, "bad" if view.holes else "")
    tone = "bad" if view.holes else ("warn" if shot.coverage < 0.9 else "good")
    return _Card(f"{shot.coverage:.0%}", f"both legs traded · {holes}", tone)


def duration(seconds: float) -> str:
    """A length of time in the unit that reads best.

    >>> duration(42), duration(600), duration(5400), duration(200_000)
    ('42 s', '10 min', '1.5 h', '2.3 d')
    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size * (1.5 if unit == "min" else 1):
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 10 or unit == "min" else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s"
