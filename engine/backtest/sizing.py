"""How large an entry is, how it is hedged, and what is wrong with it."""

from __future__ import annotations

import numpy as np

from engine.backtest.account import NEUTRALS, SIZINGS
from engine.backtest.fills import to_lot
from engine.backtest.layout import LedgerPar, LedgerState, Row
from engine.pairs.costs import fill_cost
from engine.pairs.quantities import hedged_coins
from engine.stats.checks import Floats
from engine.stats.jit import njit

NOTIONAL, EQUITY, KELLY = range(len(SIZINGS))
BETA, DOLLAR, VOLATILITY = range(len(NEUTRALS))


@njit
def wanted_hedge(par: LedgerPar, state: LedgerState, hedge: float) -> float:
    """Dollars of X to trade per dollar of Y, with the side of the hedge by beta; NaN while unknown."""
    if par.neutral == BETA:
        return hedge
    if par.neutral == DOLLAR:
        return float(np.sign(hedge))
    return float(np.sign(hedge) * np.sqrt(state.var_y / state.var_x)) if state.var_x > 0.0 else np.nan


@njit
def entry_dollars(par: LedgerPar, state: LedgerState, hedge: float) -> float:
    """Dollars of Y, bounded by the leverage; 0 where Kelly sees no edge, or equity is gone."""
    dollars, equity, both = par.notional, state.equity, 1.0 + abs(hedge)
    if par.sizing == EQUITY:
        dollars = par.share * equity
    elif par.sizing == KELLY and state.trades >= par.kelly_trades:
        variance = state.return_squares / (state.trades - 1.0)
        edge = par.kelly_fraction * state.return_mean / variance if variance > 0.0 else 0.0
        dollars = max(min(par.kelly_cap, edge), 0.0) * equity / both
    return max(min(dollars, par.leverage * equity / both), 0.0)


@njit
def order_entry(par: LedgerPar, state: LedgerState, rows: Floats, at: int, side: float) -> None:
    """Size an entry by the bar at ``at``, and leave it to be filled; count it as refused where it cannot be."""
    y_price, x_price = rows[Row.CLOSE_Y, at], rows[Row.CLOSE_X, at]
    hedge = wanted_hedge(par, state, rows[Row.HEDGE, at])
    if not abs(hedge) < np.inf:
        state.unknown += 1.0
        return
    dollars = entry_dollars(par, state, hedge)
    if dollars <= 0.0:
        if state.equity <= 0.0:
            state.no_equity += 1.0
        else:
            state.no_edge += 1.0
        return
    wanted_y, wanted_x = hedged_coins(side * dollars, hedge, y_price, x_price)
    coins_y = to_lot(wanted_y, par.lot_y, False)
    coins_x = to_lot(wanted_x * (coins_y / wanted_y), par.lot_x, True)  # the hedge of what is really held
    is_lost = coins_y == 0.0 or (coins_x == 0.0 and wanted_x != 0.0)
    if is_lost or abs(coins_y) * y_price < par.least_y or 0.0 < abs(coins_x) * x_price < par.least_x:
        state.too_small += 1.0
        return
    state.entry_due, state.due_y, state.due_x = side, coins_y, coins_x
    state.due_wanted_y, state.due_wanted_x = wanted_y, wanted_x
    state.due_signal, state.due_z = at, rows[Row.Z, at]
    state.due_signal_y, state.due_signal_x = y_price, x_price
    state.due_beta, state.due_alpha = rows[Row.BETA, at], rows[Row.ALPHA, at]


@njit
def order_rehedge(par: LedgerPar, state: LedgerState, rows: Floats, i: int) -> None:
    """Trade X back to the hedge once the variance that this saves is worth more than the fill."""
    hedge = wanted_hedge(par, state, rows[Row.HEDGE, i])
    held, x_price = state.coins_x + state.added_x, rows[Row.CLOSE_X, i]
    missing = to_lot(-hedge * state.coins_y * rows[Row.CLOSE_Y, i] / x_price - held, par.lot_x, True)
    dollars = abs(missing) * x_price
    if not dollars > par.least_x or state.equity <= 0.0:  # an unknown hedge is no reason to trade
        return
    cost = fill_cost(par.fee, rows[Row.HALF_X, i], par.slippage) * dollars
    saved = 0.5 * par.rehedge * dollars * dollars * state.var_x * par.rehedge_bars / state.equity
    if saved > cost:
        state.rehedge_due = missing
