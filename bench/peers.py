"""The same strategy on well-kept libraries, in the same run: ``python -m bench peers``.

Peers belong into an environment of their own (``pip install -r requirements-bench.txt -c constraints.txt``): vectorbt
1.2.0 and backtesting 0.6.6 install with our pins on Python 3.11, but bring 50 packages, and the licence of
backtesting.py is the AGPL. Where a peer cannot be imported, its row says why and has our figure alone.

Both are given our z, so they have less to do. vectorbt trades both legs of every cell, in groups that share their cash,
40 cells at once (all 400 take some 4 GB), warm. backtesting.py knows one instrument, so it trades the Y leg alone.
"""

from __future__ import annotations

import importlib
import io
import time
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from bench.backtest import COSTS, MONTH, OPEN, cells, pair
from bench.report import Row, row, show
from bench.stats import seconds
from engine import backtest
from engine.backtest import Inputs, prepare, sweep
from engine.backtest.layout import Row as Line
from engine.pairs import PairSettings
from engine.stats.checks import Bools, Floats

AT_ONCE = 40  # cells of vectorbt
SIDE = 20
FEES = 6e-4  # a fill: 5 bps and half a spread of 1 bps
CAPITAL = 100_000.0


def peer(name: str) -> ModuleType | str:
    """A library, or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        return str(error)


def sweep_rows() -> list[Row]:
    """43,200 bars x 400 cells: from prices to the result of every cell."""
    y, x, times = pair(MONTH)
    grid = cells(OPEN, SIDE)

    def whole() -> backtest.Cells:
        return sweep(prepare(y, x, times, OPEN, COSTS), grid, COSTS, bucket_ms=3_600_000, threads=2)

    took, what = seconds(whole, 2.0), f"{MONTH:,} bars x {len(grid)} cells, two legs"
    found = peer("vectorbt")
    if isinstance(found, str):
        return [row(what, took, "s", peer=found)]
    inputs = prepare(y, x, times, OPEN, COSTS)
    _vectorbt(found, inputs, grid[:2])  # compiles
    begun = time.perf_counter()
    parts = [_vectorbt(found, inputs, grid[at : at + AT_ONCE]) for at in range(0, len(grid), AT_ONCE)]
    theirs = time.perf_counter() - begun
    shown = {"peer": f"vectorbt {found.__version__}", "theirs": theirs, "ratio": theirs / took}
    entries, others = float(whole().states["trades"].sum()), float(np.concatenate(parts).sum())
    return [
        row(what, took, "s", **shown, bounds={"ratio": ("at least", 25.0)}),
        row("  trades of all cells", entries, "#", peer=shown["peer"], theirs=others, ratio=others / entries),
    ]


def single_rows() -> list[Row]:
    """One backtest of 43,200 bars, theirs of one leg."""
    y, x, times = pair(MONTH)
    took, what = seconds(partial(backtest.run, y, x, times, OPEN, COSTS)), f"one backtest, {MONTH:,} bars"
    found = peer("backtesting")
    if isinstance(found, str):
        return [row(what, took, "s", peer=found)]
    z = prepare(y, x, times, OPEN, COSTS).rows[Line.Z]
    with redirect_stderr(io.StringIO()):  # its progress
        theirs = seconds(_backtesting(found, y, z).run)
    shown = {"peer": f"backtesting {found.__version__}", "theirs": theirs, "ratio": theirs / took}
    return [row(what, took, "s", **shown)]


def _vectorbt(library: Any, inputs: Inputs, grid: Sequence[PairSettings]) -> Floats:
    """What a sweep of ours gives of each cell: value by the hour, return, drawdown, win rate, and the number of trades,
    which is returned. A signal is filled at the next close."""
    rows, count = inputs.rows, len(grid)
    z = np.concatenate(([np.nan], rows[Line.Z, :-1]))[:, None]  # the next bar acts on it
    entry, leave = (np.array([getattr(cell, name) for cell in grid]) for name in ("entry_z", "exit_z"))
    hedge = np.concatenate(([np.nan], rows[Line.HEDGE, :-1]))[:, None]
    is_known = hedge > 0.0
    enter_long, enter_short = (z <= -entry) & is_known, (z >= entry) & is_known
    leave_long, leave_short = z >= -leave, z <= leave

    def both(of_y: Bools, of_x: Bools) -> Bools:
        return np.stack((of_y, of_x), axis=2).reshape(-1, 2 * count)

    prices = np.tile(np.stack((rows[Line.CLOSE_Y], rows[Line.CLOSE_X]), axis=1), count)
    size = np.tile(OPEN.notional * np.concatenate((np.ones_like(hedge), np.where(is_known, hedge, 1.0)), axis=1), count)
    found = library.Portfolio.from_signals(
        prices, both(enter_long, enter_short), both(leave_long, leave_short), both(enter_short, enter_long),
        both(leave_short, leave_long), size=size, size_type="value", fees=FEES, init_cash=CAPITAL, freq="1min",
        group_by=np.repeat(np.arange(count), 2), cash_sharing=True,
    )  # fmt: skip
    value = np.asarray(found.value())
    np.diff(value[::60], axis=0)
    found.total_return(), found.max_drawdown(), found.trades.win_rate()
    return np.asarray(found.trades.count(), dtype=np.float64) / 2.0


def _backtesting(library: Any, y: Floats, z: Floats) -> Any:
    """The rule on the Y leg: at each bar's close, filled at the next open."""
    import pandas as pd

    index = pd.date_range("2026-01-01", periods=y.size, freq="min")
    bars = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), y), index=index).assign(Z=z)

    class Rule(library.Strategy):  # type: ignore[misc]
        """Against z beyond the entry, out within the exit."""

        def init(self) -> None:
            self.z = np.asarray(self.data.Z)
            self.entry, self.leave = OPEN.entry_z, OPEN.exit_z

        def next(self) -> None:
            now = self.z[len(self.data) - 1]
            if self.position:
                if now >= -self.leave if self.position.is_long else now <= self.leave:
                    self.position.close()
            elif now <= -self.entry:
                self.buy(size=0.1)
            elif now >= self.entry:
                self.sell(size=0.1)

    return library.Backtest(bars, Rule, cash=CAPITAL * 10, commission=FEES, finalize_trades=True)


def run() -> list[Row]:
    """Every line, printed as it comes."""
    lines = []
    for number, part in enumerate((sweep_rows, single_rows)):
        fresh = part()
        show(fresh, heading=number == 0)
        lines += fresh
    return lines
