"""The verdict of a pair in one line: its position, why it is that, and how good the evidence is. Pure."""

from __future__ import annotations

import math

from engine.pairs.enums import Reason
from engine.pairs.evidence import ALONE
from engine.pairs.settings import PairSettings
from engine.pairs.snapshot import Snapshot
from screen.components.formatting import Item
from screen.pages.pair.gate_state import percent
from screen.pages.pair.reason_labels import REASONS
from services.pair_view import PairView

GOOD_POWER, FAIR_POWER = 0.8, 0.5


def verdict(view: PairView) -> Item:
    """The line, and the evidence behind it as its note; amber where it may not be trusted."""
    shot = view.latest
    if view.problem:
        return Item(f"SUSPENDED: {view.problem}", "", "warn")
    if shot is None:
        return Item("WAITING: no complete bar of both legs yet", "")
    grade, tone = evidence_grade(view)
    return Item(f"{_position(shot)}: {why(shot, view.settings)}; {grade}", "", tone)


def entry_in_force(shot: Snapshot, settings: PairSettings) -> tuple[float, bool]:
    """The least |z| that is entered on now, and whether costs and not the setting ask for it."""
    least = settings.exit_z + shot.cost_z if settings.cost_filter else math.nan
    return (least, True) if least > settings.entry_z else (settings.entry_z, False)


def why(shot: Snapshot, settings: PairSettings) -> str:
    """Why the position is as it is, or what is missing for an entry."""
    if shot.position:
        return _in_position(shot, settings)
    if math.isnan(shot.z):
        return "z is not known yet"
    entry, by_cost = entry_in_force(shot, settings)
    if settings.gate != "off" and shot.gate != 1.0:
        if shot.gate == 0.0:
            return f"the gate is closed: it opens at {settings.gate_level} %, now {percent(shot.gate_pvalue)}"
        return "the gate has not tested yet"
    if abs(shot.z) < entry:
        paid = f", the least that pays {settings.fee_bps:g} bps a fill" if by_cost else ""
        return f"|z| {abs(shot.z):.2f} is below entry {entry:.2f}{paid}"
    return REASONS.get(Reason(shot.reason), f"|z| {abs(shot.z):.2f} is beyond entry {entry:.2f}")


def evidence_grade(view: PairView) -> tuple[str, str]:
    """The evidence in two words and a figure, and its tone."""
    found = view.evidence
    if found is None or found.test is None or math.isnan(found.test.power):
        return "evidence not known yet", "warn"
    alone = [name for name, p in zip((view.y, view.x), found.legs, strict=True) if p < ALONE]
    if alone:
        return f"evidence in doubt: {' and '.join(alone)} comes back alone", "warn"
    power = found.test.power
    grade = "good" if power >= GOOD_POWER else "medium" if power >= FAIR_POWER else "weak"
    return f"evidence {grade}: power {power:.0%}", "" if power >= FAIR_POWER else "warn"


def _position(shot: Snapshot) -> str:
    return "LONG" if shot.position > 0 else "SHORT" if shot.position < 0 else "FLAT"


def _in_position(shot: Snapshot, settings: PairSettings) -> str:
    z = "z is not known" if math.isnan(shot.z) else f"z {shot.z:+.2f}"
    if settings.exit_z == 0.0:
        return f"{z}, out when it crosses 0"
    return f"{z}, out at |z| below {settings.exit_z:g}"
