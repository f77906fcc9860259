"""The z at which both legs could be filled now, for each direction: what is bought pays the ask, what is sold gets the
bid.

The z of the mid crosses a threshold before a fill there is possible. Buying the spread costs the half-spread of Y and
|beta| times that of X, so the z of a long entry is higher than that of the mid, and that of a short entry lower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.pairs.costs import charged_half, quote_move
from engine.pairs.layout import In
from engine.pairs.model import PairModel
from engine.pairs.quantities import Coins
from engine.pairs.snapshot import Snapshot
from engine.stats.representation import short_repr


@dataclass(frozen=True, slots=True)
class ExecutableZ:
    """z of one bar's line, mean and deviation at the mids (``mid``), where the spread is bought (``long``), and where
    it is sold (``short``); NaN where a quote is unknown. ``short <= mid <= long``.

    ``mid`` is the model's z, unless its prices are last prints.
    """

    mid: float
    long: float
    short: float

    __repr__ = short_repr


def executable_z(shot: Snapshot, space: str, prices: Coins, mids: Coins, halves: Coins) -> ExecutableZ:
    """``shot``: the bar's values; ``prices``: those that its z is made of; ``halves``: half-spreads, fractions of
    ``mids``. All of Y and X, prices in quote currency."""
    if not shot.deviation > 0.0:
        return ExecutableZ(math.nan, math.nan, math.nan)
    moved = _moved(space, prices[0], mids[0]) - shot.beta * _moved(space, prices[1], mids[1])
    mid = shot.z + moved / shot.deviation
    buying, selling = (_paid(shot.beta, space, side, mids, halves) / shot.deviation for side in (1.0, -1.0))
    return ExecutableZ(mid, mid + buying, mid - selling)


def executable_now(model: PairModel) -> ExecutableZ | None:
    """Of the model's last bar, with the half-spreads that the cost filter counts; None before its first."""
    if not model.size:
        return None
    place = model.size - 1
    mids, measured = ((float(y[0]), float(x[0])) for y, x in (model.inputs(row, place) for row in (In.MID, In.HALF)))
    half_y, half_x = (charged_half(model.settings.half_spread_bps, half) for half in measured)
    return executable_z(model.snapshot(place), model.settings.space, model.prices(place), mids, (half_y, half_x))


def _moved(space: str, before: float, after: float) -> float:
    """From one price to another, in the unit of the spread."""
    return math.log(after / before) if space == "log" else after - before


def _paid(beta: float, space: str, side: float, mids: Coins, halves: Coins) -> float:
    """How far the quotes are from the mids for the order that buys (+1) or sells (-1) the spread, in its unit; 0 or
    more."""
    is_price_space, is_bought = space == "price", side > 0.0
    paid_y = quote_move(is_price_space, is_bought, mids[0], halves[0])
    return paid_y + abs(beta) * quote_move(is_price_space, is_bought == (beta < 0.0), mids[1], halves[1])
