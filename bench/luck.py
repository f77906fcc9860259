"""Speed and memory of null twins, metrics, CSCV and a portfolio: ``python -m bench luck``.

The bounds of the twins leave the rest of 0.6 s to 200 backtests of them.
"""

from __future__ import annotations

import resource
import time
from functools import partial

import numpy as np

from bench.backtest import COSTS, GATED, OPEN, pair
from bench.report import Row, row, show
from bench.stats import seconds, walks
from engine.backtest import PairPath, Strategy, combine, cscv, null_twins, performance, twin_pairs
from engine.stats.checks import Floats

DAY_MS, MINUTE_MS = 86_400_000, 60_000
COLUMNS = ("half_spread", "volume", "is_filled")


def leg(bars: int, seed: int) -> dict[str, Floats]:
    """A leg as a backtest takes it: price, and three columns that belong to a bar."""
    rng = np.random.default_rng(seed)
    return {"close": np.exp(1e-3 * walks(1, bars, seed)[0])} | {name: rng.random(bars) for name in COLUMNS}


def twin_rows() -> list[Row]:
    """200 twins with their columns at 1x, 4x and 16x the bars, and what the process needs for them."""
    rows = []
    list(twin_pairs(leg(100, 1), leg(100, 2), 2))
    for bars, bound in ((10_000, 0.15), (40_000, 0.6), (160_000, 2.4)):
        y, x = leg(bars, 1), leg(bars, 2)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        took = seconds(lambda y=y, x=x: sum(1 for _ in twin_pairs(y, x)))  # type: ignore[misc]
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        what = f"200 twins of {bars:,} bars, 4 columns a leg"
        rows.append(row(what, took, "s", bounds={"ours": ("at most", bound)}))
        rows.append(row("  memory that they add", grown, "MiB", bounds={"ours": ("at most", 8.0 + bars * 4e-4)}))
    return rows


def strategy_rows() -> list[Row]:
    """A pair of 10,000 bars and 200 twins of it, each prepared and backtested."""
    rows = []
    y, x, times = pair(10_000)
    for what, settings, bound in (("gate off", OPEN, 0.6), ("with the gate", GATED, 3.0)):
        strategy = Strategy(settings, COSTS)
        null_twins(y, x, times, strategy, count=4)
        took = seconds(partial(null_twins, y, x, times, strategy))
        rows.append(row(f"200 backtests of twins, 10,000 bars, {what}", took, "s", bounds={"ours": ("at most", bound)}))
    return rows


def metric_rows() -> list[Row]:
    """All metrics with their intervals of a million one-minute bars and 5,000 trades."""
    bars, trades = 1_000_000, 5_000
    rng = np.random.default_rng(1)
    times, equity = MINUTE_MS * np.arange(bars), 1e4 * np.exp(1e-5 * walks(1, bars)[0])
    entry = np.sort(rng.choice(bars - 100, trades, replace=False)).astype(np.float64)
    net = rng.normal(1.0, 10.0, trades)
    columns = {"entry": entry, "exit": entry + 50.0, "value": np.full(trades, 2e4), "gross": net + 2.0, "net": net}
    took = seconds(lambda: performance(times, equity, columns, capital=1e4, interval_ms=MINUTE_MS))
    return [row(f"metrics, {bars:,} bars, {trades:,} trades", took, "s", bounds={"ours": ("at most", 0.5)})]


def overfitting_rows() -> list[Row]:
    """PBO of 400 cells over a year of days, 12,870 choices of 16 blocks."""
    cells = np.random.default_rng(1).normal(0.0, 0.01, (365, 400))
    took = seconds(lambda: cscv(cells))
    return [row("PBO, 400 cells x 365 days, 16 blocks", took, "s", bounds={"ours": ("at most", 1.5)})]


def portfolio_rows() -> list[Row]:
    """Ten pairs over thirty days of minutes."""
    bars = 43_200
    prices = 100.0 * np.exp(1e-3 * walks(20, bars))
    held = (np.arange(bars) // 50 % 3 - 1).astype(np.float64)
    pairs = [
        PairPath(f"Y{n}", f"X{n % 4}", prices[2 * n], prices[2 * n + 1], held, -held, np.abs(held) * 1e-3)
        for n in range(10)
    ]
    times = MINUTE_MS * np.arange(bars)
    took = seconds(lambda: combine(pairs, times, capital=1e4, interval_ms=MINUTE_MS))
    return [row(f"portfolio, 10 pairs x {bars:,} bars", took, "s", bounds={"ours": ("at most", 0.25)})]


def run() -> list[Row]:
    """Every line, printed as it comes."""
    begun = time.perf_counter()
    rows = [*twin_rows(), *strategy_rows(), *metric_rows(), *overfitting_rows(), *portfolio_rows()]
    show([*rows, row("this benchmark", time.perf_counter() - begun, "s")])
    return rows
