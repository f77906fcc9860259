"""Why bars with |z| beyond the entry gave no entry: counts by reason. Pure."""

from __future__ import annotations

from engine.pairs.enums import Reason
from screen.components.formatting import Item, unknown
from services.pair_view import PairView

REASONS = {
    Reason.GATE_CLOSED: "the test does not find the legs cointegrated",
    Reason.IN_POSITION: "a position is already open",
    Reason.BELOW_COST: "|z| would not cover the round trip",
    Reason.NOT_EXECUTABLE: "|z| at the quotes that an order takes was below the entry",
    Reason.WARMUP: "a window or the calibration was not full yet",
    Reason.TAINTED_GAP: "a window overlaps an open gap in the data",
    Reason.STALE_LEG: "a leg had not traded for a while, or too few bars were real",
    Reason.FILLED_BAR: "a leg had no trade in the bar",
    Reason.COOLDOWN: "too soon after an exit",
    Reason.MAX_Z: "|z| was beyond the largest allowed",
    Reason.BRIDGE_DOWN: "the bridge was down in the bar",
    Reason.HEDGE_RANGE: "the hedge lay outside its range, or both legs would go the same way",
    Reason.OFF_CENTRE: "the spread's mean was significantly off zero",
    Reason.BREAK: "the relation was just seen to break",
}


def reason_counts(view: PairView) -> dict[str, str]:
    """By the name of the live element: the count of each reason; empty if 0."""
    return {element(reason): f"{view.refused[reason]:,}" if reason in view.refused else "" for reason in REASONS}


def element(reason: Reason) -> str:
    """The name of a reason's live element."""
    return f"why-{reason.name.lower()}"


def passed(view: PairView) -> Item:
    """The number of bars beyond the entry, and the number of entries among them."""
    refused = sum(view.refused.values())
    entry = f"|z| ≥ {view.settings.entry_z:g}"
    if not view.bars:
        return unknown("no complete bar yet")
    return Item(f"{refused + view.entries:,}", f"bars with {entry}; entered on {view.entries:,}, not on {refused:,}:")
