"""How many coins of each leg a signal trades."""

from __future__ import annotations

from engine.pairs.codes import Action
from engine.pairs.settings import PairSettings


def entry_quantities(
    settings: PairSettings, action: Action, beta: float, y_price: float, x_price: float
) -> tuple[float, float]:
    """``(y, x)`` in coins, + to buy: the notional in Y against beta times it in X; 0 unless ``action`` is an entry.

    In log space beta is a ratio of dollars, in price space one of coins.
    """
    if action not in (Action.ENTER_LONG, Action.ENTER_SHORT):
        return 0.0, 0.0
    side = 1.0 if action is Action.ENTER_LONG else -1.0
    quantity_y = side * settings.notional / y_price
    if settings.space == "price":
        return quantity_y, -beta * quantity_y
    return quantity_y, -beta * quantity_y * y_price / x_price
