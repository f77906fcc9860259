"""What a rule would have earned on two legs: quantities held, fills on the next bar, every cost taken off."""

from engine.backtest.ledger import Costs, Ledger, mark

__all__ = ["Costs", "Ledger", "mark"]
