"""The same cells by another backtester: ``python peer_runs.py vectorbt FILE``, run by the peers' own Python.

It imports nothing of the project. FILE (npz) has ``y, x`` (prices), ``z, beta`` (known at each bar's close),
``entries, exits`` (one pair of numbers a cell), ``notional`` and ``cost`` (share of each fill). A cell enters when |z|
reaches its entry, leaves when z has come back to its exit, and fills one bar later; Y for ``notional``, X for ``beta``
times that on the other side. Prints JSON: seconds of the first and of a second run, peak MiB, trades of all cells.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Arrays = dict[str, Any]


def sides(z: Any, entry: float, leave: float) -> Any:
    """The position after each bar's close: 1, -1 or 0."""
    held = np.zeros(z.size, dtype=np.int8)
    side = 0
    for at, value in enumerate(z):
        if side == 0 and abs(value) >= entry:
            side = -1 if value > 0 else 1
        elif side * value >= -leave and side:
            side = 0
        held[at] = side
    return held


def vectorbt(given: Arrays) -> int:
    """All cells in one call, the legs of a cell sharing their cash."""
    import vectorbt as vbt
    from numba import njit

    of = njit(sides)
    cells, bars = given["entries"].size, given["z"].size
    size = np.zeros((bars, 2 * cells))
    for cell in range(cells):
        held = of(given["z"], given["entries"][cell], given["exits"][cell]).astype(float)
        change = np.diff(held, prepend=0.0)
        opened = np.flatnonzero((change != 0.0) & (held != 0.0))
        coins = np.zeros((bars, 2))
        starts = np.zeros(bars, dtype=int)
        starts[opened] = opened
        starts = np.maximum.accumulate(starts)  # quantities are those of the entry
        coins[:, 0] = held * given["notional"] / given["y"][starts]
        coins[:, 1] = -held * given["notional"] * given["beta"][starts] / given["x"][starts]
        size[1:, 2 * cell : 2 * cell + 2] = np.diff(coins, axis=0, prepend=0.0)[:-1]
    close = np.tile(np.column_stack([given["y"], given["x"]]), cells)
    group = np.repeat(np.arange(cells), 2)
    found = vbt.Portfolio.from_orders(
        close, size, fees=float(given["cost"]), group_by=group, cash_sharing=True, init_cash=1e6, freq="1min"
    )
    np.asarray(found.total_profit())
    return int(np.count_nonzero(size)) // 4


def backtesting(given: Arrays) -> int:
    """Cell by cell on one instrument, which is all it has: the spread of the two legs as a price of its own."""
    from backtesting import Backtest, Strategy

    price = 1e4 * given["y"] / given["y"][0] - 1e4 * given["beta"][-1] * (given["x"] / given["x"][0] - 1.0)
    frame = pd.DataFrame({"Open": price, "High": price, "Low": price, "Close": price})
    frame.index = pd.date_range("2026-01-01", periods=price.size, freq="min")
    trades = 0
    for entry, leave in zip(given["entries"], given["exits"], strict=True):

        class Cell(Strategy):  # type: ignore[misc]
            def init(self) -> None:
                self.z = self.I(lambda: given["z"], name="z")

            def next(self) -> None:
                z = self.z[-1]
                side = 1 if self.position.is_long else -1 if self.position.is_short else 0
                if not side and abs(z) >= entry:  # noqa: B023 - the class is used within this turn
                    (self.sell if z > 0 else self.buy)(size=0.5)
                elif side and side * z >= -leave:  # noqa: B023
                    self.position.close()

        trades += len(Backtest(frame, Cell, cash=1e6, commission=float(given["cost"])).run()._trades)
    return trades


def main(which: str, path: str) -> None:
    """Measure one peer."""
    given = dict(np.load(path))
    work: Callable[[Arrays], int] = {"vectorbt": vectorbt, "backtesting": backtesting}[which]
    took, trades = [], 0
    for _ in range(2):
        began = time.perf_counter()
        trades = work(given)
        took.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(json.dumps({"cold_s": took[0], "warm_s": took[1], "peak_mib": peak, "trades": trades}))


if __name__ == "__main__":
    main(*sys.argv[1:])
