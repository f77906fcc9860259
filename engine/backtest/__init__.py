"""Backtest of a rule on two legs: quantities held, fills on the next bar, all costs deducted; metrics and luck.

How good is it, and how much of that is luck, by question:

    all figures with their intervals    performance
    more than luck, alone?              probabilistic_sharpe, minimum_track_record
    the best of so many?                deflated_sharpe, expected_max_sharpe, effective_trials
    does the best cell stay the best?   cscv (PBO); walk_forward (folds)
    what would no relation have shown?  twin_pairs, percentile_among
    where could equity have been?       equity_band
    several pairs on one capital?       combine
"""

from engine.backtest.folds import Fold, walk_forward
from engine.backtest.ledger import Costs, Ledger, mark
from engine.backtest.luck import (
    EquityBand,
    deflated_sharpe,
    equity_band,
    expected_max_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from engine.backtest.metrics import MetricSettings, Performance, performance
from engine.backtest.overfitting import Overfitting, cscv
from engine.backtest.portfolio import PairPath, Portfolio, PortfolioLimits, combine
from engine.backtest.trials import data_fingerprint, effective_trials, settings_fingerprint
from engine.backtest.twins import percentile_among, twin_pairs

__all__ = [
    "Costs", "Ledger", "mark",
    "performance", "MetricSettings", "Performance",
    "probabilistic_sharpe", "minimum_track_record", "deflated_sharpe", "expected_max_sharpe", "equity_band",
    "EquityBand", "cscv", "Overfitting", "twin_pairs", "percentile_among", "walk_forward", "Fold",
    "data_fingerprint", "settings_fingerprint", "effective_trials",
    "combine", "PairPath", "Portfolio", "PortfolioLimits",
]  # fmt: skip
