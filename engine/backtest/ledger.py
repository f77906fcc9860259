"""The ledger: decisions in, fills and equity out, one bar at a time.

``step`` is the whole of it, and has three callers: ``run_ledger`` over arrays, a sweep for each of its cells, and a
live paper position bar by bar. A bar is processed in this order: funding on what was held at its open, fills of what
earlier bars ordered, the mark at its close, stops, and the orders that its decision gives. So an order of bar N fills
in bar N+1 at the earliest, and only in a bar in which both legs traded."""

from __future__ import annotations

import numpy as np

from engine.backtest.attribution import costs_so_far, gross_at, write_trade
from engine.backtest.fills import fill_legs
from engine.backtest.layout import ForcedExit, LedgerPar, LedgerState, Record, Row, TradeCol
from engine.backtest.sizing import order_entry, order_rehedge
from engine.pairs.enums import Action
from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit

STOP_LOSS, LIQUIDATION, OPEN = (float(each) for each in ForcedExit)
_TRADE_COLUMNS = len(TradeCol)  # compiled code has no len of it


@njit
def step(
    par: LedgerPar, state: LedgerState, rows: Floats, i: int, at: int, action: int, reason: int, trade: Floats
) -> bool:
    """Process the bar at column ``i`` of ``rows``, then the decision that was made at column ``at``.

    ``at`` is ``i``, or earlier for orders that are delayed; below 0: no decision. ``trade``: a row of ``TradeCol``,
    written where True is returned: a trade was closed in this bar.
    """
    if is_idle(par, state, action):
        return False
    is_closed = False
    if state.side != 0.0:
        state.funding -= state.coins_y * state.close_y * rows[Row.FUNDING_Y, i]
        state.funding -= (state.coins_x + state.added_x) * state.close_x * rows[Row.FUNDING_X, i]
    if rows[Row.IS_TRADED, i] == 1.0:
        if state.side != 0.0 and (state.exit_due != 0.0 or state.rehedge_due != 0.0):
            is_closed = _fill_open(par, state, rows, i, trade)
        if state.entry_due != 0.0:
            _enter(par, state, rows, i)
        if par.volatility_kept > 0.0:
            _learn_volatility(par, state, rows[Row.CLOSE_Y, i], rows[Row.CLOSE_X, i])
    state.close_y, state.close_x = rows[Row.CLOSE_Y, i], rows[Row.CLOSE_X, i]
    if state.side != 0.0:
        _mark(par, state, rows, i)
    if at >= 0 and action == Action.EXIT:
        _order_exit(state, rows, at, reason)
    elif at >= 0 and (action == Action.ENTER_LONG or action == Action.ENTER_SHORT):
        order_entry(par, state, rows, at, 1.0 if action == Action.ENTER_LONG else -1.0)
    if par.rehedge > 0.0 and state.side != 0.0 and state.exit_due == 0.0:
        order_rehedge(par, state, rows, i)
    return is_closed


@njit
def is_idle(par: LedgerPar, state: LedgerState, action: int) -> bool:
    """Whether a bar with this decision changes nothing: nothing is held, due or ordered, and no volatility learnt."""
    is_order = action == Action.ENTER_LONG or action == Action.ENTER_SHORT
    return state.side == 0.0 and state.entry_due == 0.0 and par.volatility_kept == 0.0 and not is_order


@njit
def run_ledger(
    pars: Record, states: Record, rows: Floats, actions: Ints, reasons: Ints, delay: int, trades: Floats, equity: Floats
) -> int:
    """Every bar of ``rows`` through the ledger ``states[0]``; returns the number of trades.

    ``trades``: room for one more trade than there are entries, shape (n, len(TradeCol)); a position that is open at the
    end is the last one, marked at the last close. ``equity``: one value a bar, at its close. ``delay``: whole bars that
    each order is later.
    """
    par, state, count = pars[0], states[0], 0
    for i in range(rows.shape[1]):
        at = i - delay
        action, reason = (actions[at], reasons[at]) if at >= 0 else (0, 0)
        if step(par, state, rows, i, at, action, reason, trades[count]):
            count += 1
        equity[i] = state.equity
    if state.side != 0.0:
        state.exit_signal, state.exit_z = np.nan, np.nan
        write_trade(par, state, trades[count], rows.shape[1] - 1, state.close_y, state.close_x, OPEN)
        count += 1
    return count


@njit
def run_held(
    pars: Record, states: Record, rows: Floats, actions: Ints, reasons: Ints, delay: int, held_y: Floats, held_x: Floats
) -> None:
    """As ``run_ledger``, for the coins of each leg held at each close: re-hedges, which no trade lists, included."""
    par, state, trade = pars[0], states[0], np.empty(_TRADE_COLUMNS)
    for i in range(rows.shape[1]):
        at = i - delay
        action, reason = (actions[at], reasons[at]) if at >= 0 else (0, 0)
        step(par, state, rows, i, at, action, reason, trade)
        is_held = state.side != 0.0
        held_y[i] = state.coins_y if is_held else 0.0
        held_x[i] = state.coins_x + state.added_x if is_held else 0.0


@njit
def _fill_open(par: LedgerPar, state: LedgerState, rows: Floats, i: int, trade: Floats) -> bool:
    """Close the open trade, or trade its hedge; True if it was closed."""
    y, x = rows[Row.FILL_Y, i], rows[Row.FILL_X, i]
    if state.exit_due == 0.0:
        fill_legs(par, state, rows, i, 0.0, state.rehedge_due)
        state.added_x += state.rehedge_due
        state.added_value += state.rehedge_due * x
        state.rehedge_due = 0.0
        return False
    fill_legs(par, state, rows, i, -state.coins_y, -(state.coins_x + state.added_x))
    gross = gross_at(state, y, x)
    net = gross - costs_so_far(state)
    state.mae, state.mfe = min(state.mae, net), max(state.mfe, net)
    write_trade(par, state, trade, i, y, x, state.exit_due)
    _book(par, state, i, gross, net)
    return True


@njit
def _book(par: LedgerPar, state: LedgerState, i: int, gross: float, net: float) -> None:
    """Add the trade that was just closed to the totals."""
    state.sum_gross += gross
    state.sum_fees += state.fees
    state.sum_half_spread += state.half_spread
    state.sum_slippage += state.slippage
    state.sum_ticks += state.ticks
    state.sum_funding += state.funding
    state.sum_hold += i - state.entry
    state.trades += 1.0
    state.wins += 1.0 if net > 0.0 else 0.0
    away = net / state.value - state.return_mean
    state.return_mean += away / state.trades
    state.return_squares += away * (net / state.value - state.return_mean)
    state.realized += net
    _set_equity(state, par.capital + state.realized)
    state.side = state.exit_due = state.rehedge_due = 0.0


@njit
def _enter(par: LedgerPar, state: LedgerState, rows: Floats, i: int) -> None:
    """Fill the entry that is due, and begin its trade."""
    state.side, state.entry, state.entry_due = state.entry_due, i, 0.0
    state.coins_y, state.coins_x = state.due_y, state.due_x
    state.wanted_y, state.wanted_x = state.due_wanted_y, state.due_wanted_x
    state.entry_signal, state.entry_z = state.due_signal, state.due_z
    state.signal_y, state.signal_x = state.due_signal_y, state.due_signal_x
    state.entry_beta, state.entry_alpha = state.due_beta, state.due_alpha
    state.beta, state.alpha = state.due_beta, state.due_alpha
    state.entry_y, state.entry_x = rows[Row.FILL_Y, i], rows[Row.FILL_X, i]
    state.value = abs(state.coins_y) * state.entry_y + abs(state.coins_x) * state.entry_x
    state.added_x = state.added_value = state.rehedge_due = state.exit_due = 0.0
    state.fees = state.half_spread = state.slippage = state.ticks = state.funding = 0.0
    fill_legs(par, state, rows, i, state.coins_y, state.coins_x)
    state.mae, state.mfe = min(0.0, -costs_so_far(state)), 0.0  # at the entry: nothing earned, its fill paid


@njit
def _mark(par: LedgerPar, state: LedgerState, rows: Floats, i: int) -> None:
    """Equity at the close, the newest line, and the stops that depend on money."""
    net = gross_at(state, state.close_y, state.close_x) - costs_so_far(state)
    state.open_net = net
    state.mae, state.mfe = min(state.mae, net), max(state.mfe, net)
    state.exposed += 1.0
    _set_equity(state, par.capital + state.realized + net)
    if rows[Row.BETA, i] == rows[Row.BETA, i]:
        state.beta, state.alpha = rows[Row.BETA, i], rows[Row.ALPHA, i]
    held = abs(state.coins_y) * state.close_y + abs(state.coins_x + state.added_x) * state.close_x
    if state.exit_due == 0.0 and (state.equity <= par.maintenance * held or net <= -par.stop_loss * state.value):
        state.exit_due = LIQUIDATION if state.equity <= par.maintenance * held else STOP_LOSS
        state.exit_signal, state.exit_z = i, rows[Row.Z, i]


@njit
def _order_exit(state: LedgerState, rows: Floats, at: int, reason: int) -> None:
    """The exit of the open trade; of one whose entry has not filled yet, nothing is left to do."""
    if state.entry_due != 0.0:
        state.entry_due = 0.0
        state.cancelled += 1.0
    elif state.side != 0.0 and state.exit_due == 0.0:
        state.exit_due, state.exit_signal, state.exit_z = reason, at, rows[Row.Z, at]


@njit
def _learn_volatility(par: LedgerPar, state: LedgerState, y: float, x: float) -> None:
    """Exponentially weighted mean squares of both legs' log changes."""
    if state.close_y > 0.0:
        change_y, change_x, kept = np.log(y / state.close_y), np.log(x / state.close_x), par.volatility_kept
        is_first = state.var_y != state.var_y
        state.var_y = change_y * change_y if is_first else kept * state.var_y + (1.0 - kept) * change_y * change_y
        state.var_x = change_x * change_x if is_first else kept * state.var_x + (1.0 - kept) * change_x * change_x


@njit
def _set_equity(state: LedgerState, equity: float) -> None:
    state.equity = equity
    if equity > state.peak:
        state.peak = equity
    elif equity < state.peak * (1.0 - state.drawdown):
        state.drawdown = 1.0 - equity / state.peak
