"""Round trips of a frame of ``run_pair``, the plain way: both legs filled at the close of the bar after the signal."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd


class Trade(NamedTuple):
    """``entry`` and ``leave``: places of the signals. Money in quote currency; ``cost`` of all four fills."""

    entry: int
    leave: int
    gross: float
    cost: float

    @property
    def net(self) -> float:
        return self.gross - self.cost


def trades_of(frame: pd.DataFrame, fill_cost: float) -> list[Trade]:
    """``fill_cost``: of every fill, a fraction of its value. A position that stays open is left out."""
    action = frame["action"].to_numpy()
    prices, coins = frame[["y", "x"]].to_numpy(), frame[["quantity_y", "quantity_x"]].to_numpy()
    places = np.flatnonzero(np.isin(action, ["enter_long", "enter_short", "exit"]))
    found = []
    for entry, leave in itertools.pairwise(places.tolist()):
        if action[entry] == "exit":
            continue
        last = len(prices) - 1
        bought, sold = prices[min(entry + 1, last)], prices[min(leave + 1, last)]
        gross = float(coins[entry] @ (sold - bought))
        found.append(Trade(entry, leave, gross, float(fill_cost * np.abs(coins[entry]) @ (sold + bought))))
    return found
