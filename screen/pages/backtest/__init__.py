"""The backtest's page: bars, settings as questions, a run, and what it found with the luck in it beside it."""
