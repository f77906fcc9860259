"""One message to a screen: its new bars, and all of its texts, from a pair's view. Pure.

{"type": "frame", "reset": true, "first": 0, "columns": {"t": [...], "z": [...]}, "text": {"z": "-1.83"}, ...}
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from engine.market.bars import Bar
from engine.market.intervals import interval_name
from engine.pairs.evidence import PairEvidence
from engine.pairs.settings import PairSettings
from engine.store.interface import LoggedDecision
from screen.components.addresses import pair_path
from screen.components.formatting import ESTIMATOR_NAMES, utc
from screen.pages.pair.labels import live_texts, notes
from services.views import ViewDelta, WatchlistRow

Frame = dict[str, Any]


def log_row(entry: LoggedDecision, interval_ms: int) -> Frame:
    """A decision in the format of the log. Times are UTC, to the millisecond.

    ``bar_close`` is when the decision became knowable, ``given_at`` when this machine made it.
    """
    values = dataclasses.asdict(entry.decision)
    bar_ms = values.pop("bar_ms")
    del values["given_seq"]
    return {
        "given": str(entry.given),
        "bar_close": utc(bar_ms + interval_ms),
        "given_at": utc(entry.given_at_ms),
        "kind": values.pop("kind"),
        "reason": values.pop("reason"),
        **values,
    }


def frame(found: ViewDelta) -> Frame:
    """The message for one viewer of a pair."""
    view = found.view
    text, tone = live_texts(view)
    settings = view.settings
    message: Frame = {
        "type": "frame",
        "watch": found.watch_id,
        "reset": found.reset,
        "first": found.first,
        "columns": found.columns,
        "forming": {side: forming(bar) for side, bar in view.forming.items()},
        "newest": {side: list(trade) for side, trade in view.newest.items()},
        "text": text,
        "tone": tone,
        "notes": notes(view),
        "as_of": view.latest.open_time_ms + settings.interval_ms if view.latest else None,
        "hedge": hedge_band(view.evidence),
        "candles": {side: [list(span) for span in spans] for side, spans in view.candles.items() if spans},
        "log": [log_row(entry, settings.interval_ms) for entry in found.log],
    }
    if found.reset:
        message["interval_ms"] = settings.interval_ms
        message["log_kept"] = [view.log_kept.trades, view.log_kept.refusals]
        message["run"] = f"{found.seen.run_id}/{found.seen.revisions}"
        message["names"] = {"y": view.y, "x": view.x}
        message["rule"] = rule(settings)
    return message


def rule(settings: PairSettings) -> Frame:
    """What the charts need of the settings: the lines of z, the drawn estimator, the unit of the spread (a log spread
    is drawn in basis points)."""
    is_log = settings.space == "log"
    return {
        "entry": settings.entry_z,
        "exit": settings.exit_z,
        "stop": settings.stop_z,
        "estimator": ESTIMATOR_NAMES[settings.estimator],
        "is_extra": settings.estimator not in ("kalman", "ols"),  # those two are always drawn
        "spread_scale": 1e4 if is_log else 1.0,
        "spread_unit": " bps" if is_log else "",
    }


def hedge_band(found: PairEvidence | None) -> Frame | None:
    """The 95 % interval of the hedge in use, and over how many of the newest bars; None where unknown."""
    seen = found.hedge if found is not None else None
    if seen is None or math.isnan(seen.beta_error) or not math.isfinite(seen.low + seen.high):
        return None
    return {"low": seen.low, "high": seen.high, "bars": seen.bars}


def forming(bar: Bar) -> list[float]:
    """Open time, open, high, low, close and volume of a bar that is not complete."""
    return [bar.open_time_ms, bar.open, bar.high, bar.low, bar.close, bar.volume]


def watchlist_row(row: WatchlistRow) -> Frame:
    """One row of the watch list."""
    watch, settings, problem = row.watch, row.settings, row.problem
    gates = {None: "warm-up", 0.0: "closed", 1.0: "open"}
    return {
        "id": str(watch.watch_id),
        "pair": f"{_short(watch.y)} ~ {_short(watch.x)}",
        "path": pair_path(watch.market, watch.y, watch.x),
        "title": f"{watch.y} ~ {watch.x}, {interval_name(settings.interval_ms)} bars, market {watch.market}"
        + (f". Suspended: {problem}" if problem else ""),
        "z": row.z,
        "gate": "suspended" if problem else "off" if settings.gate == "off" else gates[row.gate],
        "position": {1: "long", -1: "short", 0: "flat"}[row.position],
    }


def _short(symbol: str) -> str:
    """A symbol without its common quote currency."""
    return symbol.removesuffix("USDT") or symbol
