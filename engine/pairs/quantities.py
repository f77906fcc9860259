"""The coins of each leg that a signal trades."""

from __future__ import annotations

from engine.pairs.enums import Action
from engine.pairs.settings import PairSettings

Coins = tuple[float, float]  # of Y and X, + to buy


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
    quantity_y = side * settings.notional / y_price
    if settings.space == "price":
        return quantity_y, -beta * quantity_y
    return quantity_y, -beta * quantity_y * y_price / x_price
