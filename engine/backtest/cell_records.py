"""What is measured of each cell of a search: totals, the profit in each period, and the same in each fold.

The unit of work is a few cells on shared inputs; records of units are put together in any order of computation, so an
interrupted search continues with those that are missing. In a fold each cell starts flat at the first bar of the
training part, and again at that of the test: no position is carried from one part into the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.backtest.account import Account
from engine.backtest.clock import STEPS_MS
from engine.backtest.costs import Costs
from engine.backtest.folds import Fold, walk_forward
from engine.backtest.inputs import Venue
from engine.backtest.rows import Inputs
from engine.backtest.sweep import Cells, sweep
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats, Ints
from engine.stats.representation import short_repr

UNITS = {"daily": "days", "hourly": "hours"}  # of a clock
TOTALS = ("trades", "wins", "gross", "costs", "net", "turnover", "drawdown_percent", "exposed_bars")


@dataclass(frozen=True, slots=True)
class WalkPlan:
    """Parts in periods (hours or days) of the clock; see :func:`engine.backtest.walk_forward`."""

    train: int
    test: int
    anchored: bool = False
    purge: int = 1
    embargo: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What all cells of a search share. ``clock``: ``hourly`` or ``daily``, whose periods profit is summed over."""

    costs: Costs
    account: Account
    venue: Venue
    clock: str = "hourly"
    walk: WalkPlan | None = None
    threads: int = 2

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, eq=False)
class CellRecords:
    """One row a cell. ``totals``: columns of ``TOTALS``; ``pnl``: profit in each period, in quote currency; ``train``:
    the Sharpe ratio of a period in the training part of each fold, NaN where nothing moved; ``test``: profit in each
    period of all tests."""

    totals: Floats
    pnl: Floats
    train: Floats
    test: Floats
    fold_of_period: Ints  # of ``test``; the same for all cells

    __repr__ = short_repr

    @classmethod
    def joined(cls, parts: Sequence[CellRecords], numbers: Sequence[Sequence[int]]) -> CellRecords:
        """Records of parts whose cells have these numbers, in the order of the numbers."""
        order = np.argsort(np.concatenate([np.asarray(each, dtype=np.int64) for each in numbers]))
        names = ("totals", "pnl", "train", "test")
        totals, pnl, train, test = (np.concatenate([getattr(part, name) for part in parts])[order] for name in names)
        return cls(totals, pnl, train, test, parts[0].fold_of_period)


def folds_of(inputs: Inputs, terms: Terms) -> list[Fold]:
    """The folds in bars: whole periods of the clock. Raises ValueError where not one fits."""
    if terms.walk is None:
        return []
    plan, width_ms = terms.walk, inputs.settings.interval_ms
    step_ms = STEPS_MS[terms.clock]
    if step_ms % width_ms:
        raise ValueError(f"bars are {width_ms} ms wide; expected a width that divides a period of {step_ms} ms")
    each, first_ms = step_ms // width_ms, int(inputs.open_times_ms[0])
    skipped = (-first_ms % step_ms) // width_ms
    found = walk_forward(
        (inputs.bars - skipped) // each,
        plan.train,
        plan.test,
        anchored=plan.anchored,
        purge=plan.purge,
        embargo=plan.embargo,
        unit=f"whole {UNITS[terms.clock]}",
    )
    return [Fold(*(skipped + each * getattr(fold, name) for name in Fold.__slots__)) for fold in found]


def measure_cells(inputs: Inputs, cells: Sequence[PairSettings], terms: Terms) -> CellRecords:
    """Run some cells on their shared inputs, whole and in every fold. Raises ValueError as :func:`sweep`."""
    folds = folds_of(inputs, terms)
    whole = _swept(inputs, cells, terms)
    table = whole.frame()
    train = [known_sharpe(_swept(part_of(inputs, fold.train), cells, terms).pnl) for fold in folds]
    test = [_swept(part_of(inputs, fold.test), cells, terms).pnl for fold in folds]
    empty, lengths = np.empty((len(cells), 0)), [each.shape[1] for each in test]
    return CellRecords(
        table[list(TOTALS)].to_numpy(dtype=np.float64),
        whole.pnl,
        np.stack(train, axis=1) if folds else empty,
        np.concatenate(test, axis=1) if folds else empty,
        np.repeat(np.arange(len(folds), dtype=np.int64), lengths),
    )


def part_of(inputs: Inputs, bars: slice) -> Inputs:
    """The inputs of some bars: indicators as they were, warmed up on the bars before."""
    return replace(
        inputs,
        rows=np.ascontiguousarray(inputs.rows[:, bars]),
        actions=inputs.actions[bars],
        reasons=inputs.reasons[bars],
        open_times_ms=inputs.open_times_ms[bars],
        grid=None,
    )


def sharpe_of_periods(pnl: Floats) -> Floats:
    """As :func:`known_sharpe`, 0 where it is not known: a cell without a trade stands between gain and loss."""
    return np.nan_to_num(known_sharpe(pnl), nan=0.0)


def known_sharpe(pnl: Floats) -> Floats:
    """Mean over deviation (ddof 1) of each row; NaN where nothing moved, or under two periods."""
    unknown = np.full(pnl.shape[0], np.nan)
    if pnl.shape[1] < 2:
        return unknown
    deviation = pnl.std(axis=1, ddof=1)
    ratios: Floats = np.divide(pnl.mean(axis=1), deviation, out=unknown, where=deviation > 0.0)
    return ratios


def _swept(inputs: Inputs, cells: Sequence[PairSettings], terms: Terms) -> Cells:
    return sweep(
        inputs, cells, terms.costs, terms.account, terms.venue, bucket_ms=STEPS_MS[terms.clock], threads=terms.threads
    )
