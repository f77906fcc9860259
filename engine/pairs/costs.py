"""What a fill costs, as a fraction of its value: the one formula of the live cost filter and of every ledger."""

from __future__ import annotations

import math

from engine.stats.jit import njit


@njit
def fill_cost(fee: float, half_spread: float, slippage: float) -> float:
    """The fee, half of the spread that is crossed, and slippage beyond the quote; NaN while one is unknown.

    Market impact comes on top in a backtest: it depends on the size and the volume, which the filter does not know.
    """
    return fee + half_spread + slippage


@njit
def quote_move(is_price_space: bool, is_bought: bool, mid: float, half_spread: float) -> float:
    """From the mid to the quote that an order takes, in the unit of the leg's price (its logarithm, unless in price
    space); 0 or more. ``half_spread`` as a fraction of ``mid``."""
    if is_price_space:
        return mid * half_spread
    return math.log1p(half_spread) if is_bought else -math.log1p(-half_spread)


def charged_half(set_bps: float | None, measured: float) -> float:
    """The half-spread of a fill, a fraction: the one that is set, else the measured one, which may be NaN."""
    return measured if set_bps is None else set_bps * 1e-4
