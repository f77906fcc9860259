"""Trades, bars and what several rooms share about a market."""
