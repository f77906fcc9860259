"""A pair's bars as columns: lists for the live frames, raw arrays for older bars.

Prices in quote currency, the spread in its own unit, NaN (None in a list) where unknown. ``pays`` is the |z| from which
an entry pays its round trip; ``flags`` are the bits of ``enums.Flag``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.market.records import Decision
from engine.pairs.enums import Flag, LegFlag
from engine.pairs.layout import Floats, In, Out
from engine.pairs.leg import Col
from engine.pairs.run import PairRun

Columns = dict[str, list[Any]]

MOST_OLDER = 25_000  # bars of one answer: some 5 MB

_MODEL_COLUMNS = {
    "spread": Out.SPREAD, "mean": Out.MEAN, "deviation": Out.DEVIATION, "z": Out.Z, "beta": Out.BETA,
    "beta_ols": Out.BETA_OLS, "beta_kalman": Out.BETA_KALMAN, "pvalue": Out.GATE_PVALUE, "gate": Out.GATE,
}  # fmt: skip
_LEG_COLUMNS = {
    "open": Col.OPEN, "high": Col.HIGH, "low": Col.LOW, "close": Col.CLOSE, "volume": Col.VOLUME, "last": Col.LAST,
}  # fmt: skip
_OF_BOTH = LegFlag.TAINTED | LegFlag.BRIDGE_DOWN | LegFlag.LAST_PRICE | LegFlag.SOURCED


@dataclass(frozen=True, slots=True)
class OlderBars:
    """Bars ``first`` to before ``first + count`` of a run, and its current decisions over them, oldest first.

    ``columns``: shape (count,) each; ``interval_ms``: their width.
    """

    first: int
    count: int
    interval_ms: int
    columns: dict[str, Floats]
    decisions: list[Decision]


def columns_from(run: PairRun, first: int) -> Columns:
    """Columns of the bars from number ``first`` to the last, with their opening times ``t``; empty before any bar."""
    model = run.model
    if model.first_slot is None:
        return {}
    times = [model.open_time_ms(place) for place in range(first, model.size)]
    return {"t": times} | {name: _list(values) for name, values in _arrays(run, first, model.size).items()}


def older_bars(run: PairRun, before: int, count: int) -> OlderBars:
    """The last ``count`` bars, at most MOST_OLDER, before number ``before``; copies."""
    model = run.model
    stop = max(min(before, model.size), 0)
    first = max(stop - min(count, MOST_OLDER), 0)
    columns = {name: values.copy() for name, values in _arrays(run, first, stop).items()} if stop else {}
    from_ms, to_ms = model.open_time_ms(first), model.open_time_ms(stop)
    decisions = [run.current[bar_ms] for bar_ms in sorted(run.current) if from_ms <= bar_ms < to_ms]
    return OlderBars(first, stop - first, run.settings.interval_ms, columns, decisions)


def _arrays(run: PairRun, first: int, stop: int) -> dict[str, Floats]:
    model, count = run.model, stop - first
    found = {name: model.column(row, first)[:count] for name, row in _MODEL_COLUMNS.items()}
    found["pays"] = run.settings.exit_z + model.column(Out.COST_Z, first)[:count]
    y, x = (each.astype(np.int64) for each in model.inputs(In.FLAGS, first, stop))
    filled = (y & LegFlag.FILLED) * Flag.Y_FILLED + (x & LegFlag.FILLED) * Flag.X_FILLED
    found["flags"] = (filled + ((y | x) & _OF_BOTH)).astype(np.float64)
    slot = (model.first_slot or 0) + first
    for side, leg in zip(("y", "x"), run.legs, strict=True):
        for name, col in _LEG_COLUMNS.items():
            found[f"{side}_{name}"] = leg.column(col, slot - leg.first_slot)[:count]
    return found


def _list(values: Floats) -> list[Any]:
    return [None if value != value else value for value in values.tolist()]
