"""Bars of two legs become snapshots and decisions: the one path of live, replay and backtest."""
