"""Where the result of a trade came from: an exact identity, term by term.

With the line (beta_0, alpha_0) that gave the entry and (beta_1, alpha_1), the newest known before the exit, in log
space D = wanted coins of Y x their price at the signal, y = ln Y, x = ln X (in price space D = wanted coins of Y,
y = Y, x = X):

    s_0 = y_0 - beta_0 x_0 - alpha_0        s_1 = y_1 - beta_1 x_1 - alpha_1       at the reference prices of the fills
    D [(y_1 - y_0) - beta_0 (x_1 - x_0)] = D (s_1 - s_0)                                    convergence
                                         + D (beta_1 - beta_0) (x_1 - x_0)                  beta drift
                                         + D [(alpha_1 + beta_1 x_0) - (alpha_0 + beta_0 x_0)]   alpha drift

Convergence is what a backtest on the spread would call profit (trap T1); the drifts take back what is no money. The
level of the line is compared at x_0 and not at x = 0, where beta and alpha move by large and opposite amounts.

    log to price = wanted coins' result at the hedge by beta - the line above             0 in price space
    hedge ratio  = of the X coins wanted beyond that hedge                                0 if beta-neutral
    rehedge      = of the X coins traded later
    rounding     = of the coins held beyond those wanted, less prices rounded to ticks

These, less fees, half-spread and slippage, plus funding, are the net result of the two legs.
"""

from __future__ import annotations

import numpy as np

from engine.backtest.layout import LedgerPar, LedgerState, TradeCol
from engine.stats.checks import Floats
from engine.stats.jit import njit


@njit
def gross_at(state: LedgerState, y: float, x: float) -> float:
    """Result of the open trade's coins at these prices, before costs."""
    first = state.coins_y * (y - state.entry_y) + state.coins_x * (x - state.entry_x)
    return float(first + (state.added_x * x - state.added_value))


@njit
def costs_so_far(state: LedgerState) -> float:
    """Of the open trade, funding received deducted."""
    return float(state.fees + state.half_spread + state.slippage + state.ticks - state.funding)


@njit
def write_trade(
    par: LedgerPar, state: LedgerState, trade: Floats, i: int, y: float, x: float, reason: float
) -> None:  # fmt: skip
    """The open trade as a row of ``TradeCol``, as if it ended in the bar at ``i`` at these reference prices."""
    trade[TradeCol.SIDE] = state.side
    trade[TradeCol.ENTRY_SIGNAL], trade[TradeCol.ENTRY] = state.entry_signal, state.entry
    trade[TradeCol.EXIT_SIGNAL], trade[TradeCol.EXIT] = state.exit_signal, i
    trade[TradeCol.REASON] = reason
    trade[TradeCol.ENTRY_Z], trade[TradeCol.EXIT_Z] = state.entry_z, state.exit_z
    trade[TradeCol.COINS_Y], trade[TradeCol.COINS_X] = state.coins_y, state.coins_x
    trade[TradeCol.ENTRY_Y], trade[TradeCol.ENTRY_X] = state.entry_y, state.entry_x
    trade[TradeCol.EXIT_Y], trade[TradeCol.EXIT_X] = y, x
    trade[TradeCol.VALUE] = state.value
    trade[TradeCol.RESIDUAL_Y] = state.coins_y - state.wanted_y
    trade[TradeCol.RESIDUAL_X] = state.coins_x - state.wanted_x
    trade[TradeCol.MARGIN_Y] = abs(state.coins_y) * state.entry_y / par.leverage
    trade[TradeCol.MARGIN_X] = abs(state.coins_x) * state.entry_x / par.leverage
    trade[TradeCol.LIQUIDATION_Y] = liquidation_distance(par, state.coins_y)
    trade[TradeCol.LIQUIDATION_X] = liquidation_distance(par, state.coins_x)
    trade[TradeCol.MAE], trade[TradeCol.MFE] = state.mae, state.mfe
    gross = gross_at(state, y, x)
    trade[TradeCol.GROSS] = gross
    trade[TradeCol.NET] = gross - costs_so_far(state)
    _write_parts(par, state, trade, y, x)


@njit
def _write_parts(par: LedgerPar, state: LedgerState, trade: Floats, y: float, x: float) -> None:
    moved_y, moved_x = y - state.entry_y, x - state.entry_x
    if par.is_price_space:
        size, dy, dx, x_0 = state.wanted_y, moved_y, moved_x, state.entry_x
        hedge_x = -state.entry_beta * state.wanted_y
    else:
        size = state.wanted_y * state.signal_y
        dy, dx, x_0 = np.log(y / state.entry_y), np.log(x / state.entry_x), np.log(state.entry_x)
        hedge_x = -state.entry_beta * size / state.signal_x
    on_line = size * (dy - state.entry_beta * dx)
    turn = state.beta - state.entry_beta
    beta_drift = size * turn * dx
    alpha_drift = size * ((state.alpha - state.entry_alpha) + turn * x_0)
    at_hedge = state.wanted_y * moved_y + hedge_x * moved_x
    lots = (state.coins_y - state.wanted_y) * moved_y + (state.coins_x - state.wanted_x) * moved_x
    trade[TradeCol.CONVERGENCE] = on_line - beta_drift - alpha_drift
    trade[TradeCol.BETA_DRIFT], trade[TradeCol.ALPHA_DRIFT] = beta_drift, alpha_drift
    trade[TradeCol.LOG_TO_PRICE] = at_hedge - on_line
    trade[TradeCol.HEDGE_RATIO] = (state.wanted_x - hedge_x) * moved_x
    trade[TradeCol.REHEDGE] = state.added_x * x - state.added_value
    trade[TradeCol.ROUNDING] = lots - state.ticks
    trade[TradeCol.FEES], trade[TradeCol.HALF_SPREAD] = -state.fees, -state.half_spread
    trade[TradeCol.SLIPPAGE], trade[TradeCol.FUNDING] = -state.slippage, state.funding


@njit
def liquidation_distance(par: LedgerPar, coins: float) -> float:
    """The adverse change of a leg's price, a fraction, that uses up its own margin of 1 / leverage down to the
    maintenance margin of what the leg is worth by then."""
    side = 1.0 if coins > 0.0 else -1.0
    return float((1.0 / par.leverage - par.maintenance) / (1.0 - side * par.maintenance))
