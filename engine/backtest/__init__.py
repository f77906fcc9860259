"""Backtest of a rule on two legs: the live pipeline's decisions, quantities held, fills on the next bar, all costs.

``run`` gives a :class:`Result`; ``prepare`` (or ``inputs_of``, from models of any origin) and ``run_on`` are its two
halves, for callers that run many ledgers on the same bars, and ``sweep`` runs many rules on them. ``cost_wall`` says
what a pair has to move before it pays. ``mark`` marks orders of any origin. What is modelled and what is not:
docs/backtest.md.

How good is it, and how much of that is luck, by question:

    all figures with their intervals    Result.metrics; performance, of any equity and trades
    more than luck, alone?              probabilistic_sharpe, minimum_track_record
    the best of so many?                deflated_sharpe, expected_max_sharpe, effective_trials
    which cell of many?                 grid_cells or random_cells, shared_inputs, measure_cells
    and how much of it is luck?         judge (heatmap with its plateau, DSR, PBO, walk-forward)
    does the best cell stay the best?   cscv (PBO); walk_forward (folds)
    what would no relation have shown?  null_twins (twin_pairs, percentile_among)
    where could equity have been?       equity_band
    several pairs on one capital?       combine
"""

from engine.backtest.account import Account
from engine.backtest.backtest import Result, run
from engine.backtest.breakeven import CostWall, cost_wall
from engine.backtest.cell_records import CellRecords, Terms, WalkPlan, measure_cells
from engine.backtest.costs import Costs, Instrument
from engine.backtest.folds import Fold, walk_forward
from engine.backtest.inputs import Venue, prepare
from engine.backtest.ledger_run import run_on
from engine.backtest.luck import (
    EquityBand,
    deflated_sharpe,
    equity_band,
    expected_max_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from engine.backtest.marking import Ledger, mark
from engine.backtest.metrics import MetricSettings, Performance, performance
from engine.backtest.null_twins import NullTwins, Strategy, null_twins
from engine.backtest.overfitting import Overfitting, cscv
from engine.backtest.portfolio import PairPath, Portfolio, PortfolioLimits, combine
from engine.backtest.rows import Inputs, inputs_of
from engine.backtest.search_cells import Cell, grid_cells, random_cells, shared_inputs
from engine.backtest.sweep import Cells, sweep
from engine.backtest.trials import data_fingerprint, effective_trials, settings_fingerprint
from engine.backtest.twins import percentile_among, twin_pairs
from engine.backtest.verdict import Verdict, judge

__all__ = [
    "run", "Result", "Costs", "Account", "Venue", "Instrument",
    "prepare", "inputs_of", "run_on", "sweep", "Inputs", "Cells",
    "cost_wall", "CostWall",
    "mark", "Ledger",
    "grid_cells", "random_cells", "shared_inputs", "Cell", "measure_cells", "Terms", "WalkPlan", "CellRecords",
    "judge", "Verdict",
    "performance", "MetricSettings", "Performance",
    "probabilistic_sharpe", "minimum_track_record", "deflated_sharpe", "expected_max_sharpe", "equity_band",
    "EquityBand", "cscv", "Overfitting",
    "null_twins", "NullTwins", "Strategy", "twin_pairs", "percentile_among", "walk_forward", "Fold",
    "data_fingerprint", "settings_fingerprint", "effective_trials",
    "combine", "PairPath", "Portfolio", "PortfolioLimits",
]  # fmt: skip
