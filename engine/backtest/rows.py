"""The ledger's inputs out of the live pipeline's models: one matrix, one column a bar.

Nothing in it depends on a rule's thresholds, an account or a venue's rounding, so all cells of a sweep share it. Models
of a live run or a replay give the same rows as those of a backtest: ``inputs_of`` takes any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest.layout import Row, empty_rows
from engine.pairs.enums import Action, LegFlag, Reason
from engine.pairs.layout import In, Out
from engine.pairs.leg import Col, Leg
from engine.pairs.model import PairModel
from engine.pairs.settings import PairSettings
from engine.stats.checks import Bools, Floats, Ints
from engine.stats.representation import short_repr

if TYPE_CHECKING:
    from engine.pairs.bar_grid import BarGrid

_COLUMNS = {
    Row.Z: Out.Z, Row.COST_Z: Out.COST_Z, Row.QUOTE_Z: Out.QUOTE_Z, Row.OBJECTION: Out.OBJECTION,
    Row.BETA: Out.BETA, Row.ALPHA: Out.ALPHA,
}  # fmt: skip
_LEGS = (
    (Row.FILL_Y, Row.HALF_Y, Row.VOLUME_Y),
    (Row.FILL_X, Row.HALF_X, Row.VOLUME_X),
)


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """One column a bar from the first that the pipeline saw. ``rows`` as in ``layout.Row``; ``actions`` and ``reasons``
    as the live pipeline gave them; ``open_times_ms`` of the bars. ``models``: one a run. ``grid``: where the bars came
    from, None if not from arrays or pandas."""

    rows: Floats
    actions: Ints
    reasons: Ints
    open_times_ms: Ints
    settings: PairSettings
    models: tuple[PairModel, ...]
    grid: BarGrid | None = None

    __repr__ = short_repr

    @property
    def bars(self) -> int:
        """Their number."""
        return int(self.rows.shape[1])


def inputs_of(models: Sequence[PairModel], settings: PairSettings, grid: BarGrid | None = None) -> Inputs:
    """The rows of consecutive runs: each model begins with the bar after the one before.

    Fills are at the close with the bar's half-spread, volumes unknown and no funding due, until others are written.
    """
    rows, at = empty_rows(sum(model.size for model in models)), 0
    for run, model in enumerate(models):
        put_pipeline(rows[:, at : at + model.size], model, run)
        at += model.size
    actions, reasons = _decisions(models, rows[Row.IS_TRADED] == 1.0)
    times = rows[Row.SLOT].astype(np.int64) * settings.interval_ms
    return Inputs(rows, actions, reasons, times, settings, tuple(models), grid)


def put_pipeline(rows: Floats, model: PairModel, run: int = 0, start: int = 0, stop: int | None = None) -> None:
    """Write the bars of a model at the places ``start .. stop - 1`` (None: to the last) into ``rows``, one a column."""
    until = model.size if stop is None else stop
    price = In.LAST if model.settings.price == "last" else In.MID
    rows[Row.CLOSE_Y], rows[Row.CLOSE_X] = rows[Row.FILL_Y], rows[Row.FILL_X] = model.inputs(price, start, until)
    rows[Row.HALF_Y], rows[Row.HALF_X] = model.inputs(In.HALF, start, until)
    rows[[Row.FUNDING_Y, Row.FUNDING_X]] = 0.0
    y_flags, x_flags = model.inputs(In.FLAGS, start, until)
    rows[Row.IS_TRADED] = ((y_flags.astype(np.int64) | x_flags.astype(np.int64)) & LegFlag.FILLED) == 0
    rows[Row.SLOT] = (model.first_slot or 0) + start + np.arange(rows.shape[1])
    for row, source in _COLUMNS.items():
        rows[row] = model.column(source, start)[: until - start]
    rows[Row.HEDGE] = rows[Row.BETA]
    if model.settings.space == "price":  # in the order of order_quantities, to the last bit
        rows[Row.HEDGE] = rows[Row.BETA] * rows[Row.CLOSE_X] / rows[Row.CLOSE_Y]
    rows[Row.HALF_LIFE] = np.inf
    if model.calibration is not None:
        rows[Row.HALF_LIFE, max(model.calibration.bars - start, 0) :] = model.calibration.half_life
    rows[Row.RUN] = run


def put_leg_fills(rows: Floats, legs: tuple[Leg, Leg]) -> None:
    """Write fills from the bars of two live legs over the slots of ``rows``: at the bar's open, with its half-spread
    (the bar's closing quotes), and its volume. What a bar does not know stays as it is."""
    first, count = int(rows[Row.SLOT, 0]), rows.shape[1]
    for leg, (fill, half, volume) in zip(legs, _LEGS, strict=True):
        begin = first - leg.first_slot
        for row, col in ((fill, Col.OPEN), (half, Col.HALF_SPREAD), (volume, Col.VOLUME)):
            values = leg.column(col, begin)[:count]
            np.copyto(rows[row], values, where=~np.isnan(values))


def _decisions(models: Sequence[PairModel], is_traded: Bools) -> tuple[Ints, Ints]:
    """Actions and reasons of all runs. What a broken run still held is closed by the first bar after it in which both
    legs traded, with the reason RUN_END, as live."""
    actions = np.concatenate([model.column(Out.ACTION) for model in models]).astype(np.int64)
    reasons = np.concatenate([model.column(Out.REASON) for model in models]).astype(np.int64)
    end = 0
    for model in models[:-1]:
        end += model.size
        places = np.flatnonzero(is_traded[end:])
        if model.column(Out.POSITION)[-1] != 0.0 and places.size:
            actions[end + places[0]], reasons[end + places[0]] = Action.EXIT, Reason.RUN_END
    return actions, reasons
