"""Universes from a seed: a misleading common factor, and truly cointegrated pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.scan.universe import Floats
from tests.engine.stats.worlds import ar1, walk


def names(count: int) -> list[str]:
    return [f"C{i:02d}USDT" for i in range(count)]


def factor_prices(rng: np.random.Generator, coins: int = 20, bars: int = 500, scale: float = 1e-3) -> pd.DataFrame:
    """price_i = F + 0.6 W_i: every coin follows one factor, and no two of them are cointegrated."""
    factor = walk(rng, bars)
    logs = np.array([factor + 0.6 * walk(rng, bars) for _ in range(coins)])
    return pd.DataFrame(np.exp(scale * logs).T, columns=names(coins), index=minutes(bars))


def paired_prices(rng: np.random.Generator, pairs: int = 3, others: int = 6, bars: int = 1_500) -> pd.DataFrame:
    """Coins 0 and 1, 2 and 3, .. are cointegrated, half-life 15; the others are independent walks."""
    columns: list[Floats] = []
    for _ in range(pairs):
        x = walk(rng, bars)
        columns += [x, 0.8 * x + ar1(rng, bars, 15.0, 3.0)]
    columns += [walk(rng, bars) for _ in range(others)]
    logs = 1e-3 * np.array(columns)
    return pd.DataFrame(np.exp(logs).T, columns=names(len(columns)), index=minutes(bars))


def minutes(bars: int) -> pd.DatetimeIndex:
    return pd.date_range("2025-01-01", periods=bars, freq="1min", tz="UTC")
