"""Backtest of a rule on two legs: quantities held, fills on the next bar, all costs deducted."""

from engine.backtest.ledger import Costs, Ledger, mark

__all__ = ["Costs", "Ledger", "mark"]
