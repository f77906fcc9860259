"""What a proof pack's bars give: the run computed again, and what its model knew at the decision's bar."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from engine.market.records import Run
from engine.pairs.enums import LegFlag
from engine.pairs.layout import At, In, Out
from engine.pairs.leg import Leg
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger
from engine.stats.kalman import drift_of
from live.run_record import known
from services.proof_pack.pack import Json

_SHOWN = (
    Out.BETA, Out.ALPHA, Out.SPREAD, Out.MEAN, Out.DEVIATION, Out.Z, Out.GATE_STATISTIC, Out.GATE_CRITICAL,
    Out.GATE_PVALUE, Out.GATE, Out.COVERAGE, Out.COST_Z, Out.POSITION, Out.ACTION, Out.REASON,
)  # fmt: skip


def run_over(run: Run, first_slot: int, bars: tuple[Floats, Floats]) -> PairRun:
    """The run over these bars of Y and X, by the live pipeline's own code."""
    y, x = (Leg.of_bars(run.interval_ms, first_slot, leg) for leg in bars)
    followed = PairRun(dataclasses.replace(run, ended_seq=None), y, x)
    followed.catch_up(run.began_seq, 0)
    return followed


def columns_of(followed: PairRun) -> dict[str, Floats]:
    """By name, one value a bar: the prices that statistics are made of, whether a leg did not trade, and results."""
    model = followed.model
    y, x = model.inputs(In.LAST if followed.settings.price == "last" else In.MID)
    flags = [np.bitwise_and(each.astype(np.int64), LegFlag.FILLED) for each in model.inputs(In.FLAGS)]
    found = {"y_price": y, "x_price": x, "is_filled": ((flags[0] | flags[1]) != 0).astype(np.float64)}
    return found | {row.name.lower(): model.column(row) for row in _SHOWN}


def known_at(followed: PairRun, bar_ms: int) -> Json:
    """What the last bar's values are made of, for a computation without this program; None where there is none."""
    model = followed.model
    entry = followed.current.get(_entered_ms(followed, bar_ms))
    return {
        "first_bar_ms": model.open_time_ms(0),
        "windows": model.windows(),
        "calibration": _plain(dataclasses.asdict(model.calibration)) if model.calibration else None,
        "filter": _filter_of(followed),
        "gate": _gate_of(followed),
        "entry": dataclasses.asdict(entry) if entry else None,
    }


def _entered_ms(followed: PairRun, bar_ms: int) -> int:
    """The open time of the bar that gave the entry of the position that was held before this bar; -1: none was."""
    place = (bar_ms - followed.model.open_time_ms(0)) // followed.settings.interval_ms
    if place < 1 or not followed.model.column(Out.POSITION)[place - 1]:
        return -1
    return followed.model.open_time_ms(followed.model.entered_before(place))


def _filter_of(followed: PairRun) -> Json | None:
    """The filter at its first bar, and its parameters; ``place`` counts from the model's first bar."""
    calibration, runs = followed.model.calibration, ~np.isnan(followed.model.column(Out.BETA_KALMAN))
    if calibration is None or calibration.start is None or not runs.any():
        return None
    start = calibration.start
    return {
        "place": int(np.argmax(runs)), "state": list(start.state), "centre": start.centre, "v_e": start.v_e,
        "q_alpha": float(drift_of(calibration.memory, start.v_e)),
    }  # fmt: skip


def _gate_of(followed: PairRun) -> Json | None:
    """The latest test: its last bar, counted from the model's first, its window, and its lags."""
    model, window = followed.model, followed.model.windows().get("test")
    tested = model.state(At.TESTED)
    if window is None or tested < 0.0:
        return None
    place, lags = int(tested) - (model.first_slot or 0), followed.settings.gate_lags
    y, x = model.inputs(model.price_row, place + 1 - window, place + 1)
    test = engle_granger(y, x, int(lags) if lags.isdecimal() else lags)
    return {"place": place, "window": window, "lags": test.lags}


def _plain(value: Any) -> Any:
    """As JSON takes it: None for NaN, a text for what is infinite."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return known(value) if isinstance(value, float) else value


def is_same(one: float, other: float) -> bool:
    """Equal to the bit, or both unknown."""
    return one == other or (math.isnan(one) and math.isnan(other))
