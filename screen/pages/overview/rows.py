"""The rows of the overview's tables, as the browser gets them. Pure; numbers with their digits, None where unknown."""

from __future__ import annotations

import math
from typing import Any

from engine.market.intervals import interval_name
from screen.components.addresses import pair_path
from screen.components.formatting import UNKNOWN, duration
from screen.pages.pair.verdict import entry_in_force, why
from services.overview import PairNow, SymbolNow

STALE_MS = 10_000


def symbol_row(found: SymbolNow) -> dict[str, Any]:
    """One symbol. Rounded as shown, so that nothing is sent for a change that cannot be seen."""
    return {
        "id": f"{found.market}/{found.symbol}",
        "market": found.market,
        "symbol": found.symbol,
        "price": found.price,
        "change": None if found.change is None else round(100.0 * found.change, 2),
        "over": duration(found.change_ms / 1_000) if found.change is not None else "",
        "rate": None if found.rate is None else round(found.rate, 1),
        "gaps": found.gaps,
        "age": None if found.age_ms is None else found.age_ms // 1_000,
        "stale": found.age_ms is None or found.age_ms > STALE_MS,
    }


def pair_row(found: PairNow) -> dict[str, Any]:
    """One watched pair."""
    watch, shot, paper = found.watch, found.latest, found.paper
    entry = math.nan if shot is None else entry_in_force(shot, found.settings)[0]
    z = None if shot is None else _known(shot.z, 2)
    text, tone = status(found)
    return {
        "id": str(watch.watch_id),
        "path": pair_path(watch.market, watch.y, watch.x),
        "pair": f"{watch.y} ~ {watch.x}",
        "market": watch.market,
        "width": interval_name(found.settings.interval_ms),
        "z": z,
        "trail": [_known(each, 2) for each in found.trail],
        "entry": _known(entry, 2),
        "distance": None if z is None else _known(entry - abs(z), 2),
        "gate": _gate(found),
        "p": None if shot is None else _known(shot.gate_pvalue, 4),
        "half_life_text": _half_life_text(found),
        "half_life_range": _half_life_range(found),
        "edge_text": _edge_text(found),
        "edge_range": _edge_range(found),
        "position": _position(found),
        "open": None if paper is None else _known(paper.book.open_net, 2),
        "realised": None if paper is None else _known(paper.book.realised, 2),
        "today": found.entries_today,
        "status": text,
        "tone": tone,
    }


def status(found: PairNow) -> tuple[str, str]:
    """What the pair does now and why, and its tone: warn for what needs attention."""
    shot = found.latest
    if found.problem:
        return f"suspended: {found.problem}", "warn"
    if shot is None:
        return "waiting for trades of both legs", ""
    if not found.calibrated:
        length = found.settings.calibration_bars
        left = max(-(-found.bars // length), 1) * length - found.bars
        width_s = found.settings.interval_ms / 1_000
        return f"calibrating: {found.bars:,} bars, about {duration(left * width_s)} to go", ""
    return why(shot, found.settings), ""


def _position(found: PairNow) -> str:
    """By the last bar's decision; its order is filled in the next bar."""
    if found.latest is None:
        return ""
    side = _whole(found.latest.position)
    if found.paper is not None and bool(found.paper.position.side) != bool(side):
        return "opening" if side else "closing"
    return {1: "long", -1: "short"}.get(side, "flat")


def _gate(found: PairNow) -> str:
    if found.settings.gate == "off":
        return "off"
    gate = math.nan if found.latest is None else found.latest.gate
    return "–" if math.isnan(gate) else "open" if gate else "closed"


def _half_life_text(found: PairNow) -> str:
    """In bars, with the 95 % interval."""
    if found.wall is None or math.isnan(found.wall.half_life.bars):
        return UNKNOWN
    life = found.wall.half_life
    return f"{life.bars:.1f} ({_bounds(life.low, life.high, 1)})"


def _edge_text(found: PairNow) -> str:
    """In bps a day, with its range over the intervals of half-life and shocks."""
    wall = found.wall
    if wall is None or math.isnan(wall.net_bps_per_day):
        return UNKNOWN
    return f"{wall.net_bps_per_day:,.0f} ({_bounds(wall.net_bps_per_day_low, wall.net_bps_per_day_high, 0)})"


def _bounds(low: float, high: float, digits: int) -> str:
    texts = ["?" if math.isnan(end) else "∞" if math.isinf(end) else f"{end:,.{digits}f}" for end in (low, high)]
    return " … ".join(texts)


def _half_life_range(found: PairNow) -> str:
    if found.wall is None or math.isnan(found.wall.half_life.bars):
        return ""
    life, width_s = found.wall.half_life, found.settings.interval_ms / 1_000
    high = "∞" if math.isinf(life.high) else f"{life.high:.0f}"
    return f"{life.low:.0f} to {high} bars; {duration(life.bars * width_s)}"


def _edge_range(found: PairNow) -> str:
    wall = found.wall
    if wall is None or math.isnan(wall.net_bps_per_day_low) or math.isnan(wall.net_bps_per_day_high):
        return ""
    ends = f"{wall.net_bps_per_day_low:.0f} to {wall.net_bps_per_day_high:.0f}"
    return f"{ends} bps a day over the intervals of half-life and shocks"


def _whole(value: float) -> int:
    return 0 if math.isnan(value) else int(value)


def _known(value: float, digits: int) -> float | None:
    return None if not math.isfinite(value) else round(value, digits)
