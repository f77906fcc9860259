"""Backtest of a rule on two legs: the live pipeline's decisions, quantities held, fills on the next bar, all costs.

``run`` gives a :class:`Result`; ``prepare`` (or ``inputs_of``, from models of any origin) and ``run_on`` are its two
halves, for callers that run many ledgers on the same bars, and ``sweep`` runs many rules on them. ``cost_wall`` says
what a pair has to move before it pays. ``mark`` marks orders of any origin. What is modelled and what is not:
docs/backtest.md.
"""

from engine.backtest.account import Account
from engine.backtest.backtest import Result, run, run_on
from engine.backtest.breakeven import CostWall, cost_wall
from engine.backtest.costs import Costs, Instrument
from engine.backtest.inputs import Venue, prepare
from engine.backtest.marking import Ledger, mark
from engine.backtest.rows import Inputs, inputs_of
from engine.backtest.sweep import Cells, sweep

__all__ = [
    "run", "Result", "Costs", "Account", "Venue", "Instrument",
    "prepare", "inputs_of", "run_on", "sweep", "Inputs", "Cells",
    "cost_wall", "CostWall",
    "mark", "Ledger",
]  # fmt: skip
