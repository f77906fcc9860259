"""Many cells on shared inputs: the pipeline runs once, and each cell runs the rule and a ledger of its own over it.

A cell may change what no bar's inputs depend on: the thresholds of the rule (``THRESHOLDS``). Windows, estimator and
gate need inputs of their own (:func:`engine.backtest.prepare`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest.account import Account
from engine.backtest.costs import Costs
from engine.backtest.inputs import Venue
from engine.backtest.layout import Record, Row, TradeCol, new_states, par_record
from engine.backtest.ledger import is_idle, step
from engine.backtest.ledger_run import ledger_par
from engine.backtest.rows import Inputs
from engine.pairs.calibration import parameters, threshold_parameters
from engine.pairs.enums import Action, Reason
from engine.pairs.layout import At, Par, as_record
from engine.pairs.rule import rule_step
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit
from engine.stats.representation import short_repr

if TYPE_CHECKING:
    import pandas as pd

THRESHOLDS = (
    "entry_mode", "entry_z", "exit_z", "stop_z", "max_z", "max_hold_half_lives", "cooldown_bars",
    "cost_filter",
)  # fmt: skip
_TRADE_ROWS, _RULE_ROWS = len(TradeCol), len(At)
_PAID = ("fees", "half_spread", "slippage", "ticks")
_ACTIONS_KEPT = 2  # rows of the ring of delayed decisions: action and reason


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One row a cell: ``states`` of the ledgers after the last bar (``layout.LedgerState``), and ``pnl``, shape (cells,
    buckets), the change of equity in each bucket of time: 0 in one in which nothing was held."""

    states: Record
    pnl: Floats
    capital: float

    __repr__ = short_repr

    def frame(self) -> pd.DataFrame:
        """Totals in quote currency, a position that is open at the end marked there: ``gross``, ``costs``, ``net``,
        ``turnover``, ``return_percent``, ``drawdown_percent`` of the peak, ``exposed_bars``; and the numbers of
        ``trades`` that were closed and of ``wins`` among them."""
        import pandas as pd

        state = self.states
        net = state["equity"] - self.capital
        paid = [state[f"sum_{name}"] + np.where(state["side"] != 0.0, state[name], 0.0) for name in _PAID]
        received = state["sum_funding"] + np.where(state["side"] != 0.0, state["funding"], 0.0)
        costs = sum(paid) - received
        return pd.DataFrame(
            {
                "trades": state["trades"],
                "gross": net + costs,
                "costs": costs,
                "net": net,
                "turnover": state["turnover"],
                "return_percent": 100.0 * net / self.capital,
                "drawdown_percent": 100.0 * state["drawdown"],
                "wins": state["wins"],
                "exposed_bars": state["exposed"],
            }
        )


def sweep(
    inputs: Inputs,
    cells: Sequence[PairSettings],
    costs: Costs,
    account: Account | None = None,
    venue: Venue | None = None,
    *,
    bucket_ms: int | None = None,
    threads: int = 2,
) -> Cells:
    """Run every cell of ``cells`` over ``inputs``, as prepared with the same costs and venue.

    ``bucket_ms``: width of the buckets of ``pnl``, counted from 1970; None: one bucket. Threads do not affect results.
    Raises ValueError for a cell that differs from the inputs' settings in more than ``THRESHOLDS``.
    """
    money, where = account or Account(), venue or Venue()
    for at, cell in enumerate(cells):
        _check_cell(at, cell, inputs.settings)
    base = parameters(inputs.settings, None)
    pars = np.concatenate([as_record(base._replace(**threshold_parameters(cell))) for cell in cells])
    par = ledger_par(inputs.settings, costs, money, where)
    buckets = np.zeros(inputs.bars, dtype=np.int64)
    if bucket_ms is not None:
        buckets = inputs.open_times_ms // bucket_ms - inputs.open_times_ms[0] // bucket_ms
    states, pnl = new_states(par, len(cells)), np.zeros((len(cells), int(buckets[-1]) + 1))
    record, rows = par_record(par), inputs.rows

    def part(here: slice) -> None:
        sweep_cells(pars[here], record, states[here], rows, where.delay_bars, buckets, pnl[here])

    size = max(1, -(-len(cells) // (4 * threads)))
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(part, slice(at, at + size)) for at in range(0, len(cells), size)]:
            done.result()
    return Cells(states, pnl, money.capital)


@njit
def sweep_cells(
    pars: Record, ledger_pars: Record, states: Record, rows: Floats, delay: int, buckets: Ints, pnl: Floats
) -> None:
    """Run the ledgers ``states``, one a cell, from the first bar to the last.

    ``pars``: the rule of each cell, shape (cells,); ``ledger_pars``: shape (1,); ``buckets``: the column of ``pnl``,
    shape (cells, buckets), that each bar belongs to. It releases the GIL: threads may each take a slice of cells.
    """
    ledger, trade = ledger_pars[0], np.empty(_TRADE_ROWS)
    rule, ring = np.empty(_RULE_ROWS), np.zeros((_ACTIONS_KEPT, delay + 1), dtype=np.int64)
    for c in range(pars.size):
        par, state = pars[c], states[c]
        _start_rule(rule)
        ring[:] = 0
        run, is_end_due, equity = 0.0, False, state.equity
        for i in range(rows.shape[1]):
            if rows[Row.RUN, i] != run:
                run = rows[Row.RUN, i]
                is_end_due = is_end_due or rule[At.POSITION] != 0.0
                _start_rule(rule)
            action, reason = _decide(par, rule, rows, i)
            if is_end_due and rows[Row.IS_TRADED, i] == 1.0:
                action, reason, is_end_due = Action.EXIT, Reason.RUN_END, False
            if delay > 0:
                ring[0, i % (delay + 1)], ring[1, i % (delay + 1)] = action, reason
                action, reason = ring[0, (i + 1) % (delay + 1)], ring[1, (i + 1) % (delay + 1)]
            if is_idle(ledger, state, action):
                continue
            step(ledger, state, rows, i, i - delay, action, reason, trade)
            if state.equity != equity:
                pnl[c, buckets[i]] += state.equity - equity
                equity = state.equity


@njit
def _decide(par: Par, rule: Floats, rows: Floats, i: int) -> tuple[int, int]:
    """What the live rule decides at the bar at ``i``, from inputs that were computed once."""
    slot, objection = int(rows[Row.SLOT, i]), int(rows[Row.OBJECTION, i])
    quote_z = rows[Row.QUOTE_Z, i]
    return rule_step(par, rule, slot, rows[Row.Z, i], rows[Row.COST_Z, i], quote_z, objection, rows[Row.HALF_LIFE, i])


@njit
def _start_rule(rule: Floats) -> None:
    """The rule's state before a run's first bar."""
    rule[At.POSITION], rule[At.ENTERED], rule[At.LEFT], rule[At.LAST_Z] = 0.0, -1e18, -1e18, np.nan


def _check_cell(at: int, cell: PairSettings, shared: PairSettings) -> None:
    if replace(cell, **{name: getattr(shared, name) for name in THRESHOLDS}) != shared:
        other = [f.name for f in fields(cell) if getattr(cell, f.name) != getattr(shared, f.name)]
        beyond = sorted(set(other) - set(THRESHOLDS))
        raise ValueError(f"cell {at} differs from the inputs in {beyond}; expected only {', '.join(THRESHOLDS)}")
