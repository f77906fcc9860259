"""Universes from a seed: a misleading common factor, and truly cointegrated pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.scan.universe import Floats
from engine.stats.jit import njit
from tests.engine.stats.worlds import ar1, recursion, walk


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


class Market(NamedTuple):
    """A market of 20 symbols over 1,440 bars, of which a scan holds out 432: 190 pairs.

    The symbols are walks of steps of 5 bp. Of the first 2 ``pairs`` symbols each second one is 0.8 of the one before,
    and an Ornstein-Uhlenbeck spread of 30 bp with ``half_life``. ``noisy`` is a symbol without a partner that has such
    a spread added to 0.8 of its own walk. With ``is_garch`` all steps and shocks of a bar share one GARCH(.12, .86)
    variance. ``factor`` is how much of one common walk of the same steps is in every symbol.
    """

    pairs: int = 0
    half_life: float = 10.0
    is_garch: bool = False
    noisy: int | None = None
    factor: float = 0.0


def market_prices(rng: np.random.Generator, market: Market, symbols: int = 20, bars: int = 1_440) -> pd.DataFrame:
    """Closes; a true pair is (C01, C00), (C03, C02), .."""
    scale = common_garch(rng.standard_normal(bars + 500))[500:] if market.is_garch else np.ones(bars)
    steps = 5e-4 * scale * rng.standard_normal((symbols, bars))
    logs = np.cumsum(steps + market.factor * 5e-4 * scale * rng.standard_normal(bars), axis=1)
    for leg in range(1, 2 * market.pairs, 2):
        logs[leg] = 0.8 * logs[leg - 1] + spread(rng, scale, market.half_life)
    if market.noisy is not None:
        logs[market.noisy] = 0.8 * logs[market.noisy] + spread(rng, scale, market.half_life)
    return pd.DataFrame(np.exp(logs).T, columns=names(symbols), index=minutes(bars))


def spread(rng: np.random.Generator, scale: Floats, half_life: float, sd: float = 3e-3) -> Floats:
    """AR(1) whose shocks have the deviation ``scale``, in units of those that give it ``sd``."""
    phi = 2.0 ** (-1.0 / half_life)
    shocks = rng.standard_normal(scale.size + 100) * sd * np.sqrt(1.0 - phi * phi)
    shocks[100:] *= scale
    return recursion(shocks, phi, sd * float(rng.standard_normal()))[100:]


@njit
def common_garch(shocks: Floats, arch: float = 0.12, garch: float = 0.86) -> Floats:
    """The deviation of each bar: GARCH(1, 1) of unit variance, driven by ``shocks``."""
    out = np.empty_like(shocks)
    variance = 1.0
    for t in range(shocks.size):
        out[t] = np.sqrt(variance)
        variance = (1.0 - arch - garch) + (arch * shocks[t] * shocks[t] + garch) * variance
    return out
