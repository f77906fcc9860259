"""One message to a screen: its new bars, and all of its texts, from a pair's view. Pure.

{"type": "frame", "reset": true, "first": 0, "columns": {"t": [...], "z": [...]}, "text": {"z": "-1.83"}, ...}
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from engine.market.bars import Bar
from engine.market.intervals import interval_name
from engine.pairs.settings import PairSettings
from engine.store.interface import LoggedDecision
from screen.components import ids
from screen.components.addresses import pair_path
from screen.components.formatting import utc
from screen.pages.pair import figures
from screen.pages.pair.labels import live_texts, notes
from services.views import ViewDelta, WatchlistRow

Frame = dict[str, Any]
Columns = dict[str, list[Any]]


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
        "columns": drawn_columns(found.columns, settings),
        "forming": {side: forming(bar) for side, bar in view.forming.items()},
        "text": text,
        "tone": tone,
        "notes": notes(view),
        "candles": {side: [list(span) for span in spans] for side, spans in view.candles.items() if spans},
        "log": [log_row(entry, settings.interval_ms) for entry in found.log],
    }
    if found.reset:
        message["interval_ms"] = settings.interval_ms
        message["log_kept"] = [view.log_kept.trades, view.log_kept.refusals]
        message["shapes"] = {ids.Z: figures.z_lines(settings)}
        message["names"] = {"y": view.y, "x": view.x}
        message["spread_unit"] = " bps" if settings.space == "log" else ""
    return message


def drawn_columns(columns: Columns, settings: PairSettings) -> Columns:
    """Columns as drawn: a log spread in basis points, with its band; the line in use if not drawn otherwise."""
    if not columns:
        return {}
    unit = 1e4 if settings.space == "log" else 1.0
    drawn = {name: values for name, values in columns.items() if name not in ("mean", "deviation", "beta")}
    if settings.estimator not in ("kalman", "ols"):  # those two are always drawn
        drawn["beta_used"] = columns["beta"]
    drawn["spread"] = [_times(value, unit) for value in columns["spread"]]
    pairs = list(zip(columns["mean"], columns["deviation"], strict=True))
    for name, side in (("upper", 1.0), ("lower", -1.0)):
        drawn[name] = [None if m is None or d is None else unit * (m + side * d) for m, d in pairs]
    return drawn


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


def _times(value: float | None, unit: float) -> float | None:
    return None if value is None or math.isnan(value) else value * unit
