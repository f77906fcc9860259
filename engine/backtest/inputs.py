"""From two legs to the ledger's inputs: bars on one grid, the live pipeline over them, one matrix of rows.

Nothing of what a rule's thresholds, an account or a venue decide is in the matrix except decisions themselves, so all
cells of a sweep share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from engine.backtest.costs import Costs, Instrument
from engine.backtest.layout import Row, empty_rows
from engine.pairs.bar_grid import BarGrid, bar_grid, bar_times, models_on
from engine.pairs.enums import Action, Flag, Reason
from engine.pairs.layout import In, Out
from engine.pairs.leg_features import FLAGS, X_HALF, Y_HALF
from engine.pairs.model import PairModel
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats, Ints, as_series, whole
from engine.stats.representation import short_repr

if TYPE_CHECKING:
    import pandas as pd

    from engine.pairs.bar_grid import LegLike, TimesLike

    Funding: TypeAlias = pd.Series[float] | tuple[Any, Any] | None

_MODEL_ROWS = {
    Row.Z: Out.Z, Row.COST_Z: Out.COST_Z, Row.OBJECTION: Out.OBJECTION, Row.BETA: Out.BETA, Row.ALPHA: Out.ALPHA,
}  # fmt: skip


NO_ROUNDING = Instrument()


_OF_FILLS = ("volume", "open", "fill_bid", "fill_ask")


@dataclass(frozen=True, slots=True, eq=False)
class Venue:
    """What happens to orders: how the instruments of both legs round them, the legs' funding rates (a Series of rates
    by time, or times and rates; longs pay a rate on what they hold at its time), and the bars that orders are late
    beyond the next one."""

    y: Instrument = NO_ROUNDING
    x: Instrument = NO_ROUNDING
    funding_y: Funding = None
    funding_x: Funding = None
    delay_bars: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a delay below 0."""
        whole(self.delay_bars, "delay_bars", at_least=0)


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """One column a bar from the first that the pipeline saw. ``rows`` as in ``layout.Row``; ``actions`` and ``reasons``
    as the live pipeline gave them; ``open_times_ms`` of the bars. ``models``: one a run."""

    rows: Floats
    actions: Ints
    reasons: Ints
    open_times_ms: Ints
    settings: PairSettings
    grid: BarGrid
    models: tuple[PairModel, ...]

    __repr__ = short_repr

    @property
    def bars(self) -> int:
        """Their number."""
        return int(self.rows.shape[1])


def prepare(
    y: LegLike,
    x: LegLike,
    times_ms: TimesLike = None,
    settings: PairSettings | None = None,
    costs: Costs | None = None,
    venue: Venue | None = None,
) -> Inputs:
    """Run the live pipeline over two legs, as :func:`engine.backtest.run` takes them; ValueError as there."""
    grid = bar_grid(y, x, times_ms, settings)
    chosen = costs or Costs.of(grid.settings)
    _put_half_spreads(grid, chosen)
    models = models_on(grid, chosen.in_filter(grid.settings))
    rows = empty_rows(sum(model.size for model in models))
    begin, width_ms = grid.begin, grid.settings.interval_ms
    slots = grid.first + begin + np.arange(rows.shape[1])
    rows[Row.SLOT] = slots
    flags = grid.bars[FLAGS, begin:].astype(np.int64)
    rows[Row.IS_TRADED] = (flags & (Flag.Y_FILLED | Flag.X_FILLED)) == 0
    _put_models(rows, models)
    _put_fills(rows, grid, chosen)
    given = venue or Venue()
    for row, rates, name in (
        (Row.FUNDING_Y, given.funding_y, "funding_y"),
        (Row.FUNDING_X, given.funding_x, "funding_x"),
    ):
        rows[row] = _funding(rates, name, int(slots[0]), slots.size, width_ms)
    actions, reasons = _decisions(models, rows[Row.IS_TRADED] == 1.0)
    return Inputs(rows, actions, reasons, slots * width_ms, grid.settings, grid, tuple(models))


def _put_half_spreads(grid: BarGrid, costs: Costs) -> None:
    """The half-spread of every bar, measured or given: what the cost filter and the ledger both read."""
    for row in (Y_HALF, X_HALF):
        if not costs.use_quotes or costs.tier == "maker":
            grid.bars[row] = costs.fixed_half
        else:
            np.copyto(grid.bars[row], costs.fixed_half, where=np.isnan(grid.bars[row]))


def _put_models(rows: Floats, models: list[PairModel]) -> None:
    """What the pipeline gave, run after run."""
    at = 0
    for run, model in enumerate(models):
        part = rows[:, at : at + model.size]
        price = In.LAST if model.settings.price == "last" else In.MID
        part[Row.CLOSE_Y], part[Row.CLOSE_X] = model.inputs(price)
        for row, source in _MODEL_ROWS.items():
            part[row] = model.column(source)
        part[Row.HEDGE] = part[Row.BETA]
        if model.settings.space == "price":  # in the order of order_quantities, to the last bit
            part[Row.HEDGE] = part[Row.BETA] * part[Row.CLOSE_X] / part[Row.CLOSE_Y]
        part[Row.HALF_LIFE] = np.inf
        if model.calibration is not None:
            part[Row.HALF_LIFE, model.calibration.bars :] = model.calibration.half_life
        part[Row.RUN] = run
        at += model.size


def _put_fills(rows: Floats, grid: BarGrid, costs: Costs) -> None:
    """Reference prices, half-spreads and volumes of fills: the mid of the next quotes where there are any, else the
    bar's open, else its close."""
    names = ((Row.FILL_Y, Row.HALF_Y, Row.VOLUME_Y, Y_HALF), (Row.FILL_X, Row.HALF_X, Row.VOLUME_X, X_HALF))
    closes = (Row.CLOSE_Y, Row.CLOSE_X)
    for leg, places, close, (fill, half, volume, measured) in zip(grid.legs, grid.places, closes, names, strict=True):
        rows[fill], rows[half] = rows[close], grid.bars[measured, grid.begin :]
        is_in = places >= grid.begin
        columns = {name: leg.columns[name][is_in] for name in _OF_FILLS if name in leg.columns}
        at = places[is_in] - grid.begin
        if "volume" in columns:
            rows[volume, at] = columns["volume"]
        if "open" in columns:
            _overwrite(rows, fill, at, columns["open"])
        if "fill_bid" in columns and "fill_ask" in columns:
            bid, ask = columns["fill_bid"], columns["fill_ask"]
            _overwrite(rows, fill, at, (bid + ask) / 2.0)
            if costs.use_quotes and costs.tier == "taker":
                _overwrite(rows, half, at, np.maximum(ask - bid, 0.0) / (bid + ask))


def _overwrite(rows: Floats, row: Row, at: Ints, values: Floats) -> None:
    is_known = ~np.isnan(values)
    rows[row, at[is_known]] = values[is_known]


def _funding(rates: Any, name: str, first: int, count: int, width_ms: int) -> Floats:
    """The rate due in each bar; rates whose time lies in no bar are left out."""
    found = np.zeros(count)
    if rates is None:
        return found
    times, values = (rates.index, rates.to_numpy()) if hasattr(rates, "iloc") else rates
    due = as_series(values, name, is_squared=False)
    slots = bar_times(times, name) // width_ms - first
    if slots.size != due.size:
        raise ValueError(f"{name} has {due.size} rates and {slots.size} times; expected as many")
    is_in = (slots >= 0) & (slots < count)
    np.add.at(found, slots[is_in], due[is_in])
    return found


def _decisions(models: list[PairModel], is_traded: Any) -> tuple[Ints, Ints]:
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
