"""What the bars of a pair were made from, as figures of the evidence panel. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from engine.pairs.evidence import PairEvidence
from screen.components.formatting import UNKNOWN, Item, unknown
from screen.pages.pair.evidence_values import Make
from services.pair_view import PairView


def coverage(name: str) -> Make:
    """One window's share of real bars, and whether an open gap overlaps it."""

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
