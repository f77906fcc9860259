"""From two legs to the ledger's inputs: bars on one grid, the live pipeline over them, and what fills cost there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from engine.backtest.costs import Costs, Instrument
from engine.backtest.layout import Row
from engine.backtest.rows import Inputs, inputs_of
from engine.pairs.bar_grid import BarGrid, bar_grid, bar_times, check_numbers, models_on
from engine.pairs.leg_features import X_HALF, Y_HALF
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats, Ints, as_series, whole

if TYPE_CHECKING:
    import pandas as pd

    from engine.pairs.bar_grid import LegLike, TimesLike

    Funding: TypeAlias = pd.Series[float] | tuple[Any, Any] | None

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
    chosen, given = costs or Costs.of(grid.settings), venue or Venue()
    for row in (Y_HALF, X_HALF):  # what the cost filter reads, and the ledger
        settle_half_spreads(grid.bars[row], chosen)
    models = models_on(grid, chosen.in_filter(grid.settings))
    found = inputs_of(models, grid.settings, grid)
    _put_fills(found.rows, grid, chosen)
    put_funding(found, given)
    return found


def put_funding(inputs: Inputs, venue: Venue) -> None:
    """Write the venue's funding rates into the rows of the bars that they fall into; those that fall into none are
    left out. Raises ValueError for rates that are not known, or as many as their times."""
    given: tuple[tuple[Row, Any, str], ...] = (
        (Row.FUNDING_Y, venue.funding_y, "funding_y"),
        (Row.FUNDING_X, venue.funding_x, "funding_x"),
    )
    for row, rates, name in given:
        if rates is None:
            inputs.rows[row] = 0.0
            continue
        times, values = (rates.index, rates.to_numpy()) if hasattr(rates, "iloc") else rates
        due = as_series(values, name, is_squared=False)
        slots = bar_times(times, name) // inputs.settings.interval_ms - int(inputs.rows[Row.SLOT, 0])
        if slots.size != due.size:
            raise ValueError(f"{name} has {due.size} rates and {slots.size} times; expected as many")
        is_in = (slots >= 0) & (slots < inputs.bars)
        inputs.rows[row] = 0.0
        np.add.at(inputs.rows[row], slots[is_in], due[is_in])


def settle_half_spreads(half: Floats, costs: Costs) -> None:
    """Replace half-spreads, in place, by what the costs say: those that are unknown, or all without ``use_quotes``."""
    if not costs.use_quotes or costs.tier == "maker":
        half[:] = costs.fixed_half
    else:
        np.copyto(half, costs.fixed_half, where=np.isnan(half))


def _put_fills(rows: Floats, grid: BarGrid, costs: Costs) -> None:
    """Reference prices, half-spreads and volumes of fills: the mid of the next quotes where there are any, else the
    bar's open, else its close."""
    names = ((Row.FILL_Y, Row.HALF_Y, Row.VOLUME_Y), (Row.FILL_X, Row.HALF_X, Row.VOLUME_X))
    for leg, places, (fill, half, volume), of in zip(grid.legs, grid.places, names, "yx", strict=True):
        given = [name for name in _OF_FILLS if name in leg.columns]
        for name in given:
            check_numbers(leg.columns[name], leg.times_ms, f"{of}.{name}")
        if not given:
            continue
        is_in = places >= grid.begin
        columns = {name: leg.columns[name][is_in] for name in given}
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
