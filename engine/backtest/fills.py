"""What one fill costs, and how an exchange rounds it."""

from __future__ import annotations

import numpy as np

from engine.backtest.layout import LedgerPar, LedgerState, Row
from engine.stats.checks import Floats
from engine.stats.jit import njit

_NEARLY = 1e-9  # of a lot: 0.3 / 0.1 is three lots


@njit
def to_lot(coins: float, lot: float, is_nearest: bool) -> float:
    """``coins`` in whole lots, the nearest or towards zero; as they are if ``lot`` is 0."""
    if lot <= 0.0:
        return coins
    lots = np.floor(abs(coins) / lot + (0.5 if is_nearest else _NEARLY))
    return float(np.copysign(lots * lot, coins))


@njit
def fill_legs(par: LedgerPar, state: LedgerState, rows: Floats, i: int, coins_y: float, coins_x: float) -> None:
    """Charge the open trade for trading both legs (+ to buy) in the bar at ``i``."""
    _charge(par, state, coins_y, rows[Row.FILL_Y, i], rows[Row.HALF_Y, i], rows[Row.VOLUME_Y, i], par.tick_y)
    _charge(par, state, coins_x, rows[Row.FILL_X, i], rows[Row.HALF_X, i], rows[Row.VOLUME_X, i], par.tick_x)


@njit
def _charge(
    par: LedgerPar, state: LedgerState, coins: float, price: float, half: float, volume: float, tick: float
) -> None:
    """Fractions of the value at the reference price: these are the terms of ``engine.pairs.costs.fill_cost``."""
    if coins == 0.0:
        return
    value = abs(coins) * price
    slippage = par.slippage
    if par.impact > 0.0:
        slippage += par.impact * np.sqrt(abs(coins) / volume)
    state.fees += par.fee * value
    state.half_spread += half * value
    state.slippage += slippage * value
    state.turnover += value
    if tick > 0.0:  # an exchange has no price between two ticks: rounded against the order
        away = price * (half + slippage)
        if coins > 0.0:
            rounded = np.ceil((price + away) / tick - _NEARLY) * tick
            state.ticks += (rounded - (price + away)) * coins
        else:
            rounded = np.floor((price - away) / tick + _NEARLY) * tick
            state.ticks += ((price - away) - rounded) * -coins
