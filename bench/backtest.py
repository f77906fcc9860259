"""Speed and memory of ``engine.backtest``: ``python -m bench backtest``.

One backtest of a million bars, and a sweep of entry x exit on shared inputs; each growth row is printed for 1, 4 and 16
times the bars or cells. Everything is warm: compiled code is cached, as after set-up.
"""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from bench.pairs import _ar1
from bench.report import Row, row, show
from bench.stats import seconds
from engine import backtest
from engine.backtest import Costs, prepare, sweep
from engine.backtest.rows import Inputs
from engine.pairs import PairSettings, classic
from engine.pairs.layout import Floats

MINUTE_MS = 60_000
MILLION = 1_000_000
MONTH = 43_200  # minutes
COSTS = Costs(5.0, 1.0)
OPEN = classic(interval_ms=MINUTE_MS, stale_after_ms=MINUTE_MS, gate="off", cost_filter=False)
GATED = replace(OPEN, gate="engle-granger")


def pair(bars: int) -> tuple[Floats, Floats, Floats]:
    """A pair of minutes with a half-life of 20 bars: prices of both legs, times in ms."""
    rng = np.random.default_rng(0)
    x = np.log(6e4) + np.cumsum(rng.normal(0, 3e-4, bars))
    spread = _ar1(rng.normal(0, 6e-4, bars), 2.0 ** (-1.0 / 20.0))
    return np.exp(0.9 * x + spread - 2.5), np.exp(x), np.arange(bars, dtype=np.int64) * MINUTE_MS


def cells(settings: PairSettings, side: int) -> list[PairSettings]:
    """``side`` x ``side`` entries from 1 to 4 and exits from 0 to 0.95."""
    grid = itertools.product(np.linspace(1.0, 4.0, side), np.linspace(0.0, 0.95, side))
    return [replace(settings, entry_z=float(entry), exit_z=float(leave)) for entry, leave in grid]


def single_rows() -> list[Row]:
    """From two arrays to trades and equity, whole."""
    y, x, times = pair(MILLION)
    found = []
    for what, settings, bound in (("gate off", OPEN, 0.5), ("with the gate", GATED, 2.5)):
        took = seconds(partial(backtest.run, y, x, times, settings, COSTS))
        found.append(row(f"1 M bars, {what}", took, "s", bounds={"ours": ("at most", bound)}))
    return found


def sweep_rows() -> list[Row]:
    """Inputs prepared and swept, on two threads, in the peak memory of this process."""
    y, x, times = pair(MONTH)
    grid = cells(OPEN, 20)

    def whole() -> None:
        sweep(prepare(y, x, times, OPEN, COSTS), grid, COSTS, bucket_ms=3_600_000, threads=2)

    took = seconds(whole, 2.0)
    return [
        row(f"{MONTH:,} bars x {len(grid)} cells", took, "s", bounds={"ours": ("at most", 0.6)}),
        row("the same, bars of a cell", MONTH * len(grid) / took / 1e6, "M a s"),
        row("peak memory", _peak_mib(), "MiB", bounds={"ours": ("at most", 400.0)}),
    ]


def growth_rows() -> list[Row]:
    """1, 4 and 16 times the bars, and 1, 4 and 16 times the cells."""
    found = []
    for times in (1, 4, 16):
        y, x, at = pair(10_800 * times)
        found.append(_grown(f"{10_800 * times:,} bars x 100 cells", prepare(y, x, at, OPEN, COSTS), 10))
    y, x, at = pair(10_800)
    inputs = prepare(y, x, at, OPEN, COSTS)
    return found + [_grown(f"10,800 bars x {side * side:,} cells", inputs, side) for side in (10, 20, 40)]


def _grown(what: str, inputs: Inputs, side: int) -> Row:
    grid = cells(OPEN, side)
    work: Callable[[], object] = partial(sweep, inputs, grid, COSTS, threads=2)
    return row(what, 1e3 * seconds(work), "ms")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def run() -> list[Row]:
    """Every line, printed as it comes: memory first, before the million bars."""
    lines = []
    for number, part in enumerate((sweep_rows, growth_rows, single_rows)):
        fresh = part()
        show(fresh, heading=number == 0)
        lines += fresh
    return lines
