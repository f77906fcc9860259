"""The gate's hysteresis in words: since when it has its state, what opens and what closes it, where it is now. Pure."""

from __future__ import annotations

import math

from engine.pairs.settings import GATE_CLOSES
from engine.pairs.snapshot import Snapshot
from screen.components.formatting import minute
from services.pair_view import PairView


def gate_state(view: PairView, shot: Snapshot) -> str:
    """Such as "since 2026-09-22 14:02 UTC at 5 %; closes at 20 %, now 5.3 %". The gate has been tested."""
    level, now = view.settings.gate_level, percent(shot.gate_pvalue)
    close_ms = shot.open_time_ms + view.settings.interval_ms
    since = f"since {minute(view.gate_since_ms)}" if view.gate_since_ms is not None else ""
    if shot.gate == 1.0:
        words = f"{since} at {level} %; closes at {GATE_CLOSES} %, now {now}"
        is_due = shot.gate_pvalue * 100.0 > GATE_CLOSES
    else:
        words = f"{since}; opens at {level} %, now {now}"
        is_due = shot.gate_pvalue * 100.0 < level
    return " · ".join(filter(None, (words.strip("; "), _held(view, close_ms) if is_due else "")))


def percent(pvalue: float) -> str:
    """A p-value as levels are given.

    >>> percent(0.0531), percent(0.0004), percent(float("nan"))
    ('5.3 %', '< 0.1 %', 'unknown')
    """
    if math.isnan(pvalue):
        return "unknown"
    return "< 0.1 %" if pvalue < 0.001 else f"{100.0 * pvalue:.1f} %"


def _held(view: PairView, close_ms: int) -> str:
    """Why the gate keeps a state that the plain test would have changed."""
    settings = view.settings
    kept_ms = settings.gate_dwell * settings.interval_ms
    if view.gate_since_ms is not None and close_ms - view.gate_since_ms < kept_ms:
        return f"keeps each state for {settings.gate_dwell} bars at least"
    found = view.evidence.bootstrap if view.evidence is not None else math.nan
    return "" if math.isnan(found) else f"the bootstrap does not agree: {percent(found)}"
