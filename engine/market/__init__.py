"""Trades, bars and what several packages share about a market."""
