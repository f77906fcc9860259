"""A backtest's result as plain JSON values: what is stored, sent to the page and drawn in reports. None: unknown."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from engine.backtest import EquityBand, equity_band
from engine.backtest.cell_records import TOTALS
from engine.backtest.clock import STEPS_MS, EquityCurve
from engine.backtest.luck import why_no_luck
from engine.backtest.verdict import Heatmap, WalkForward
from engine.stats.checks import Floats, Ints
from live.code_version import BACKTESTING, code_version
from services.backtest_job import Found, cell_changes, metric_settings
from services.jobs import Json

MOST_POINTS = 1_500  # of a curve
MOST_TRADES = 5_000  # kept in the record, the newest; files of ``services.reports`` have all
_PARTS = ("low", "middle", "high")


def record_of(found: Found) -> Json:
    """The record; its first fields are those of ``BacktestSummary``."""
    from_ms, to_ms = found.legs.span_ms
    made = found.best.performance(metric_settings(found))
    net = made.metrics["PnL net [quote]"] or 0.0
    return {
        "market": found.legs.market,
        "y": found.legs.names[0],
        "x": found.legs.names[1],
        "interval_ms": found.legs.interval_ms,
        "from_ms": from_ms,
        "to_ms": to_ms,
        "data": found.legs.fingerprint,
        "code": code_version(BACKTESTING),
        "cells": len(found.records.totals),
        "trial": found.trial,
        "net": net,
        "trades": len(found.best.trades),
        "request": found.request.to_json(),
        "counted": found.counted,
        "metrics": plain(made.metrics),
        "intervals": plain(made.intervals),
        "reasons": made.reasons | {f"search: {name}": why for name, why in found.verdict.reasons.items()},
        "percentile": found.percentile,
        "twins": _twins(found),
        "refused": found.best.refused,
        "attribution": plain(found.best.attribution.sum().to_dict()),
        "settings": plain(_settings(found)),
        "curve": curve_of(found),
        "trade_list": trade_rows(found),
        "search": _search(found) if found.request.search else None,
    }


def trade_rows(found: Found) -> list[Json]:
    """Trades by name, times as ISO text."""
    table = found.best.trades.tail(MOST_TRADES).copy()
    for name in table.columns[table.columns.str.endswith("_time")]:
        table[name] = table[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ").where(table[name].notna(), None)
    return [plain(row) for row in table.to_dict("records")]


def curve_of(found: Found) -> Json:
    """Equity and its fall at up to 1,500 bar ends, and the band of resampled hours or days, or why there is none."""
    inputs, equity = found.best.inputs, found.best.ledger.equity
    ends_ms = inputs.open_times_ms + inputs.settings.interval_ms
    band, why = _band(found)
    return equity_points(ends_ms, equity, found.best.account.capital) | {"band": band, "why_no_band": why}


def equity_points(ends_ms: Ints, equity: Floats, capital: float) -> Json:
    """Equity and its fall at up to 1,500 bar ends; one value a bar is given. Kept are the first and the last bar, and
    of each stretch of bars its lowest and highest equity and its deepest fall: so the deepest of all is there."""
    peak = np.maximum.accumulate(np.maximum(equity, capital))
    fall = 100.0 * (equity / peak - 1.0)
    places = _extremes(equity, fall) if equity.size > MOST_POINTS else np.arange(equity.size)
    return {
        "time_ms": ends_ms[places].tolist(), "equity": equity[places].tolist(), "fall_percent": fall[places].tolist(),
    }  # fmt: skip


def _extremes(equity: Floats, fall: Floats) -> Ints:
    parts = (MOST_POINTS - 2) // 3
    bounds = np.linspace(0, equity.size, parts + 1).astype(np.int64)
    kept = [0, equity.size - 1]
    for start, stop in pairwise(bounds.tolist()):
        own = equity[start:stop]
        kept += [start + int(place) for place in (own.argmin(), own.argmax(), fall[start:stop].argmin())]
    return np.unique(np.array(kept, dtype=np.int64))


def plain(value: Any) -> Any:
    """NaN and infinity as None, numbers and tuples of numpy as those of Python."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _settings(found: Found) -> Json:
    return cell_changes(found)[found.verdict.best]


def _twins(found: Found) -> Json | None:
    """How many there are, how many did worse, and the p-value of that."""
    twins = found.twins
    return None if twins is None else {"count": twins.twins.size, "worse": twins.worse, "p": twins.p_value}


def twins_of(record: Json) -> Json | None:
    """The twins of a record, None without any. One that was stored before they were counted has their percentile, out
    of which the count comes back; twins that are as good as the pair count in it as drawn."""
    if record.get("twins") is not None or record["percentile"] is None:
        found: Json | None = record.get("twins")
        return found
    count = int(record["request"]["twins"])
    worse = min(int(record["percentile"] / 100.0 * (count + 1)), count)
    return {"count": count, "worse": worse, "p": (1 + count - worse) / (1 + count)}


def _band(found: Found) -> tuple[Json | None, str]:
    """The band, or why there is none."""
    inputs, account = found.best.inputs, found.best.account
    equity = found.best.ledger.equity
    curve = EquityCurve.of(inputs.open_times_ms, equity, account.capital, inputs.settings.interval_ms)
    if (equity <= 0.0).any():
        return None, "the equity was lost"
    ends, returns = curve.returns(STEPS_MS[found.clock])
    if why := why_no_luck(returns):
        return None, why
    band: EquityBand = equity_band(returns, account.capital)
    step = max(1, ends.size // 300)
    drawn = {name: getattr(band, name)[::step].tolist() for name in _PARTS}
    return {"time_ms": ends[::step].tolist(), "level": band.level, **drawn}, ""


def _search(found: Found) -> Json:
    verdict, records = found.verdict, found.records
    totals = [dict(zip(TOTALS, row, strict=True)) for row in records.totals.tolist()]
    cells = [
        {"changes": changes, "score": score, **total}
        for changes, score, total in zip(cell_changes(found), verdict.scores.tolist(), totals, strict=True)
    ]
    made = verdict.overfitting
    return {
        "clock": found.clock,
        "best": verdict.best,
        "cells": plain(cells),
        "trials": verdict.trials,
        "psr": verdict.psr,
        "dsr": verdict.dsr,
        "pbo": None if made is None else made.pbo,
        "loss_share": None if made is None else made.loss,
        "heatmap": None if verdict.heatmap is None else _heatmap(verdict.heatmap),
        "walk": None if verdict.walk is None else _walk(verdict.walk),
    }


def _heatmap(found: Heatmap) -> Json:
    return {
        "names": list(found.names),
        "values": plain(found.values),
        "score": plain(found.score),
        "around": plain(found.around),
        "peak": list(found.peak),
        "plateau": list(found.plateau),
    }


def _walk(found: WalkForward) -> Json:
    return {
        "chosen": found.chosen.tolist(),
        "train": plain(found.train),
        "known": found.known.tolist(),
        "net": float(found.pnl.sum()),
        "periods": int(found.pnl.size),
        "ratio": found.ratio,
        "error": found.error,
    }
