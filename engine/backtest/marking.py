"""Marks two held legs to market. Profit is what the held coins earn, never position x change of spread (trap T1).

While beta moves, d(spread) = dy - beta dx - x d(beta) - d(alpha), and the last two terms are not money: on
*independent* walks they show a Sharpe of 60 with a rolling line and over 100 with a fast filter, where the two legs
earned nothing.

Sources: double entry; the trap is described in docs/mathematics.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.backtest.costs import Costs
from engine.stats.checks import ArrayLike, Bools, Floats, as_series, same_index, same_length
from engine.stats.jit import njit
from engine.stats.pandas_results import keeps_index
from engine.stats.representation import short_repr


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """One value a bar, in quote currency or coins: ``pnl`` of the bar net of its ``cost``, and the
    coins of each leg held at its close."""

    pnl: Floats
    cost: Floats
    held_y: Floats
    held_x: Floats

    __repr__ = short_repr


@keeps_index
def mark(
    y: ArrayLike,
    x: ArrayLike,
    quantity_y: ArrayLike,
    quantity_x: ArrayLike,
    costs: Costs | None = None,
    *,
    y_fill: ArrayLike | None = None,
    x_fill: ArrayLike | None = None,
    is_filled_bar: npt.ArrayLike | None = None,
) -> Ledger:
    """Mark orders on two legs. ``y`` and ``x``: closes. An order of bar N (coins, + to buy, NaN for none, as in the
    frame of ``engine.pairs.run_pair``) is filled on bar N+1, at ``y_fill`` and ``x_fill`` there (its opens; by default
    its closes), or on the first later bar in which both legs traded: never on its own bar, never on a forward-filled
    one. Pending orders are added up.

    Raises ValueError for lengths that differ, prices that are not positive, and costs that need quotes or volumes.
    """
    given = {"x": x, "y_fill": y_fill, "x_fill": x_fill, "quantity_y": quantity_y, "quantity_x": quantity_x}
    for name, values in given.items():
        same_index(y, values, "y", name)
    close_y, close_x = _prices(y, "y"), _prices(x, "x")
    at_y, at_x = _prices(y if y_fill is None else y_fill, "y_fill"), _prices(x if x_fill is None else x_fill, "x_fill")
    order_y, order_x = as_series(quantity_y, "quantity_y", nan=True), as_series(quantity_x, "quantity_x", nan=True)
    is_still = np.zeros(close_y.size, dtype=np.bool_)
    if is_filled_bar is not None:
        is_still = np.array(is_filled_bar, dtype=np.bool_)
    named = {"x": close_x, "y_fill": at_y, "x_fill": at_x, "quantity_y": order_y, "quantity_x": order_x}
    for name, each in {**named, "is_filled_bar": is_still}.items():
        same_length(close_y, each, "y", name)
    pnl, cost, held_y, held_x = (np.zeros(close_y.size) for _ in range(4))
    charged = costs or Costs()
    if math.isnan(charged.fraction) or charged.impact_bps:
        raise ValueError(
            f"costs have half_spread_bps {charged.half_spread_bps} and impact_bps {charged.impact_bps:g}; expected a "
            "number and 0: there are no quotes and volumes here"
        )
    _mark(close_y, close_x, at_y, at_x, order_y, order_x, is_still, charged.fraction, pnl, cost, held_y, held_x)
    return Ledger(pnl, cost, held_y, held_x)


@njit
def _mark(  # noqa: PLR0913 - a compiled loop
    y: Floats, x: Floats, y_fill: Floats, x_fill: Floats, order_y: Floats, order_x: Floats, is_still: Bools,
    fraction: float, pnl: Floats, cost: Floats, held_y: Floats, held_x: Floats,
) -> None:  # fmt: skip
    have_y = have_x = due_y = due_x = 0.0
    for i in range(y.size):
        if i > 0:
            pnl[i] = have_y * (y[i] - y[i - 1]) + have_x * (x[i] - x[i - 1])
        if not is_still[i]:
            cost[i] = fraction * (abs(due_y) * y_fill[i] + abs(due_x) * x_fill[i])
            pnl[i] += due_y * (y[i] - y_fill[i]) + due_x * (x[i] - x_fill[i]) - cost[i]
            have_y, have_x = have_y + due_y, have_x + due_x
            due_y = due_x = 0.0
        held_y[i], held_x[i] = have_y, have_x
        if order_y[i] == order_y[i] and order_x[i] == order_x[i]:
            due_y, due_x = due_y + order_y[i], due_x + order_x[i]


def sharpe_per_bar(pnl: ArrayLike) -> float:
    """Mean over standard deviation (ddof 1) of the bars' profit, flat bars included; NaN if the profit is constant.

    Not annualised: a few days of bars do not support an annual figure.
    """
    values = as_series(pnl, "pnl", minimum=2)
    deviation = float(values.std(ddof=1))
    return float(values.mean()) / deviation if deviation > 0.0 else math.nan


def _prices(values: ArrayLike, name: str) -> Floats:
    found = as_series(values, name)
    if not (found > 0.0).all():
        at = int(np.argmin(found > 0.0))
        raise ValueError(f"{name}[{at}] is {found[at]}; expected positive prices")
    return found
