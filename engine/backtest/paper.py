"""The ledger of a live run: its bars as they close, through ``ledger.step``.

Rows, trades and equity are those that a backtest makes of the run's bars, to the last bit. One rule is added, because a
live book cannot refuse a pair as a backtest does: an order waits for a bar in which the half-spreads of both legs are
known, so no fill has an unknown cost (candles of an exchange have no quotes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.backtest.account import Account
from engine.backtest.attribution import costs_so_far, gross_at, write_trade
from engine.backtest.costs import Costs
from engine.backtest.fills import fill_legs
from engine.backtest.inputs import Venue, add_rates, settle_half_spreads
from engine.backtest.layout import Record, Row, TradeCol, new_states, par_record
from engine.backtest.ledger import step
from engine.backtest.ledger_run import ledger_par
from engine.backtest.rows import put_leg_fills, put_pipeline
from engine.pairs.enums import Action, Reason
from engine.pairs.growable_array import GrowableArray
from engine.pairs.layout import Out
from engine.pairs.leg import Leg
from engine.pairs.model import PairModel
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit
from engine.stats.representation import short_repr

Rates = tuple[Ints, Floats]  # settled funding: when it was paid in ms, and as a fraction of the position
NO_RATES: Rates = (np.empty(0, dtype=np.int64), np.empty(0))

RUN_END = float(Reason.RUN_END)
ACTION, REASON, EQUITY = range(len(Row), len(Row) + 3)  # rows of the table below those of ``Row``


@dataclass(frozen=True, slots=True)
class PaperPosition:
    """A paper ledger after its last bar. Money in quote currency, coins + for long.

    ``open_net``: result of the open position at the last close, costs so far included; ``realised``: net of all closed
    trades. ``fees``, ``half_spread``, ``slippage`` (paid) and ``funding`` (received) are of all trades, open or closed.
    """

    side: int
    coins_y: float
    coins_x: float
    entry_y: float
    entry_x: float
    open_net: float
    realised: float
    fees: float
    half_spread: float
    slippage: float
    funding: float
    trades: int  # closed
    wins: int
    equity: float

    __repr__ = short_repr


class PaperLedger:
    """One ledger that follows one run; ``follow`` takes what is new."""

    def __init__(self, settings: PairSettings, funding: tuple[Rates, Rates] = (NO_RATES, NO_RATES)) -> None:
        """``funding`` of Y and X. The costs are those of the settings, the account is the default one."""
        self.settings = settings
        self.size = 0
        self._costs = Costs.of(settings)
        self._funding = funding
        par = ledger_par(settings, self._costs, Account(), Venue())
        self._par, self._state = par_record(par), new_states(par)
        self._table = GrowableArray(EQUITY + 1)
        self._trades = np.full((1, len(TradeCol)), math.nan)
        self._count = 0

    def follow(self, model: PairModel, legs: tuple[Leg, Leg]) -> None:
        """Take the model's bars from the first that was not taken yet. After a revision of bars that were taken, start
        another ledger."""
        start, stop = self.size, model.size
        if start >= stop:
            return
        self._table.hold(stop)
        rows = self._table.values[: len(Row), start:stop]
        put_pipeline(rows, model, start=start, stop=stop)
        put_leg_fills(rows, legs)
        for row in (Row.HALF_Y, Row.HALF_X):
            settle_half_spreads(rows[row], self._costs)
        rows[Row.IS_TRADED, np.isnan(rows[Row.HALF_Y]) | np.isnan(rows[Row.HALF_X])] = 0.0
        for row, (times, rates) in zip((Row.FUNDING_Y, Row.FUNDING_X), self._funding, strict=True):
            add_rates(rows[row], times // self.settings.interval_ms - int(rows[Row.SLOT, 0]), rates)
        actions = self._table.values[ACTION, start:stop] = model.column(Out.ACTION, start)
        self._table.values[REASON, start:stop] = model.column(Out.REASON, start)
        entries = np.count_nonzero((actions == Action.ENTER_LONG) | (actions == Action.ENTER_SHORT))
        more = np.full((int(entries), len(TradeCol)), math.nan)
        self._trades = np.concatenate([self._trades, more])
        self._count = take_bars(self._par, self._state, self._table.values, start, stop, self._trades, self._count)
        self.size = stop

    @property
    def trades(self) -> Floats:
        """The closed trades, rows of ``TradeCol``. Not to be written."""
        return self._trades[: self._count]

    def closing_trade(self) -> Floats | None:
        """The open position as a row of ``TradeCol``, closed at the last bar's close with the costs of both fills, at
        the newest half-spreads that are known; None without a position."""
        if not self._state["side"][0]:
            return None
        rows = self._table.values[: len(Row), : self.size]
        column = rows[:, -1:].copy()
        column[[Row.FILL_Y, Row.FILL_X]] = column[[Row.CLOSE_Y, Row.CLOSE_X]]
        for row in (Row.HALF_Y, Row.HALF_X):
            column[row] = rows[row, np.flatnonzero(~np.isnan(rows[row]))[-1]]  # the entry's fill knew one
        trade = np.full(len(TradeCol), math.nan)
        close_last(self._par, self._state.copy(), column, self.size - 1, trade)
        return trade

    @property
    def equity(self) -> Floats:
        """At each bar's close. Not to be written."""
        return self._table.values[EQUITY, : self.size]

    @property
    def state(self) -> Record:
        """The ledger's memory, one record of ``layout.LedgerState``. Not to be written."""
        return self._state

    def entries(self) -> list[int]:
        """The places of the bars that gave the entries of all trades, the open one included."""
        found = self.trades[:, TradeCol.ENTRY_SIGNAL].astype(int).tolist()
        return [*found, int(self._state["entry_signal"][0])] if self._state["side"][0] else found

    def position(self) -> PaperPosition:
        """The position, and what it has earned and cost so far."""
        value = {name: float(self._state[name][0]) for name in self._state.dtype.names or ()}
        held = 1.0 if value["side"] else 0.0  # fields of a trade mean nothing while there is none
        names = ("fees", "half_spread", "slippage", "funding")
        spent = {name: value[f"sum_{name}"] + (value[name] if held else 0.0) for name in names}
        return PaperPosition(
            side=int(value["side"]),
            coins_y=held and value["coins_y"],
            coins_x=held and value["coins_x"],
            entry_y=value["entry_y"] if held else math.nan,
            entry_x=value["entry_x"] if held else math.nan,
            open_net=held and value["open_net"],
            realised=value["realized"],
            trades=int(value["trades"]),
            wins=int(value["wins"]),
            equity=value["equity"],
            **spent,
        )


@njit
def close_last(pars: Record, states: Record, column: Floats, place: int, trade: Floats) -> None:
    """Close the position of the ledger ``states[0]`` in the bar at ``place``, and write its trade. ``column``: the rows
    of this bar, shape (len(Row), 1)."""
    par, state = pars[0], states[0]
    fill_legs(par, state, column, 0, -state.coins_y, -(state.coins_x + state.added_x))
    state.exit_signal, state.exit_z = place, column[Row.Z, 0]
    y, x = column[Row.CLOSE_Y, 0], column[Row.CLOSE_X, 0]
    net = gross_at(state, y, x) - costs_so_far(state)
    state.mae, state.mfe = min(state.mae, net), max(state.mfe, net)
    write_trade(par, state, trade, place, y, x, RUN_END)


@njit
def take_bars(
    pars: Record, states: Record, table: Floats, start: int, stop: int, trades: Floats, count: int
) -> int:  # fmt: skip
    """The bars ``start .. stop - 1`` of the table through the ledger ``states[0]``; returns the number of trades."""
    par, state = pars[0], states[0]
    for i in range(start, stop):
        if step(par, state, table, i, i, int(table[ACTION, i]), int(table[REASON, i]), trades[count]):
            count += 1
        table[EQUITY, i] = state.equity
    return count
