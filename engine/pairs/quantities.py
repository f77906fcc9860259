"""The coins of each leg that a signal trades: one function for decisions, backtests and paper positions."""

from __future__ import annotations

from engine.pairs.enums import Action
from engine.pairs.settings import PairSettings
from engine.stats.jit import njit

Coins = tuple[float, float]  # of Y and X, + to buy


@njit
def hedged_coins(dollars: float, hedge: float, y_price: float, x_price: float) -> tuple[float, float]:
    """``dollars`` of Y (+ to buy) against ``hedge`` dollars of X for each, at these prices."""
    quantity_y = dollars / y_price
    return quantity_y, -hedge * quantity_y * y_price / x_price


def order_quantities(
    settings: PairSettings, action: Action, beta: float, prices: tuple[float, float], held: Coins
) -> Coins:
    """The coins that an action trades: an entry the notional in Y against beta times it in X, an exit the negative of
    ``held``, other actions 0. ``prices`` of Y and X in quote currency.

    Beta is a ratio of dollars in log space, of coins in price space.
    """
    y_price, x_price = prices
    if action is Action.EXIT:
        return -held[0], -held[1]
    if action not in (Action.ENTER_LONG, Action.ENTER_SHORT):
        return 0.0, 0.0
    side = 1.0 if action is Action.ENTER_LONG else -1.0
    hedge = beta * x_price / y_price if settings.space == "price" else beta
    quantity_y, quantity_x = hedged_coins(side * settings.notional, hedge, y_price, x_price)
    return quantity_y, quantity_x
