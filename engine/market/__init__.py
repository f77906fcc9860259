"""Trades, bars and market types shared by several packages."""
