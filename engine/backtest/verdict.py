"""What a search found, and how much of it is luck: heatmap with its plateau, DSR, PBO, walk-forward.

The best cell is chosen by its Sharpe ratio, so its own figures say nothing: the DSR takes off what the best of so many
trials shows by luck, PBO says how often the best half of the time is below the median in the other, and in the
walk-forward each test is judged with the cell that its training part chose.

Sources: those of ``engine.backtest.luck``, ``overfitting`` and ``folds``; Pardo 1992 (plateau, not peak).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.backtest.cell_records import CellRecords, sharpe_of_periods
from engine.backtest.luck import deflated_sharpe, probabilistic_sharpe, why_no_luck
from engine.backtest.overfitting import BLOCKS, Overfitting, cscv
from engine.backtest.search_cells import Axes, Cell
from engine.backtest.sharpe import sharpe_ratio
from engine.stats.checks import Floats, Ints
from engine.stats.representation import short_repr

LEAST_NEIGHBOURS = 2  # of a plateau, itself not counted


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """``score`` by the place on each axis, NaN where there is no cell; ``around``: the median of a cell and its direct
    neighbours on the grid, diagonal ones too. ``peak``: the place of the best score, ``plateau``: that of the best
    ``around``, which does not depend on one lucky cell. ``around`` is NaN with under two neighbours."""

    names: tuple[str, ...]
    values: tuple[tuple[object, ...], ...]
    score: Floats
    around: Floats
    peak: tuple[int, ...]
    plateau: tuple[int, ...]

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """``chosen``: the cell that each training part chose, ``train`` its Sharpe ratio of a period there, NaN where it
    did not trade, and ``known``: how many cells have one there. ``pnl``: profit in each period of all tests one after
    another, in quote currency; ``ratio``: their Sharpe ratio of a period, None where nothing moved or luck cannot be
    told from it, with its standard error."""

    chosen: Ints
    train: Floats
    known: Ints
    pnl: Floats
    ratio: float | None
    error: float | None

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """``best``: number of the best cell by ``scores``, the Sharpe ratios of a period; its ``psr`` and its ``dsr`` after
    ``trials``. What is None has its reason in ``reasons``."""

    scores: Floats
    best: int
    trials: float
    psr: float | None
    dsr: float | None
    overfitting: Overfitting | None
    walk: WalkForward | None
    heatmap: Heatmap | None
    reasons: dict[str, str]

    __repr__ = short_repr


def judge(
    cells: Sequence[Cell],
    records: CellRecords,
    capital: float,
    *,
    axes: Axes | None = None,
    trials: float | None = None,
) -> Verdict:
    """The verdict on a search. ``axes``: of a grid, for the heatmap; ``trials``: all that were tried on these data,
    these cells included; None: these cells. Raises ValueError for records of another number of cells."""
    if records.pnl.shape[0] != len(cells):
        raise ValueError(f"records of {records.pnl.shape[0]} cells; expected {len(cells)}")
    scores, reasons = sharpe_of_periods(records.pnl), dict[str, str]()
    best, count = int(np.argmax(scores)), float(len(cells) if trials is None else max(trials, len(cells)))
    psr = dsr = None
    returns = records.pnl[best] / capital
    if why := _why_unknown(returns, "periods", "the best cell made no profit or loss"):
        reasons["psr"] = reasons["dsr"] = why
    else:
        own = sharpe_ratio(returns)
        psr = probabilistic_sharpe(own.ratio, own.returns, skew=own.skew, kurtosis=own.kurtosis)
        dsr = deflated_sharpe(own.ratio, own.returns, count, skew=own.skew, kurtosis=own.kurtosis)
    overfitting = _overfitting(records.pnl / capital, reasons)
    walk = _walk(records, capital, reasons) if records.train.shape[1] else None
    if walk is None:
        reasons["walk"] = "no folds were asked for"
    heatmap = heatmap_of(cells, axes, scores) if axes and all(cell.place for cell in cells) else None
    if heatmap is not None and (why := why_no_luck(records.pnl.T, "periods")):
        reasons["map"] = why
    return Verdict(scores, best, count, psr, dsr, overfitting, walk, heatmap, reasons)


def heatmap_of(cells: Sequence[Cell], axes: Axes, scores: Floats) -> Heatmap:
    """Scores on the grid of the axes."""
    shape = tuple(len(values) for values in axes.values())
    score = np.full(shape, np.nan)
    for cell, value in zip(cells, scores, strict=True):
        score[cell.place] = value
    padded = np.pad(score, 1, constant_values=np.nan)
    moves = list(itertools.product((0, 1, 2), repeat=len(shape)))
    stack = np.stack(
        [padded[tuple(slice(at, at + size) for at, size in zip(move, shape, strict=True))] for move in moves]
    )
    is_known = (~np.isnan(stack)).sum(axis=0)
    is_wide = ~np.isnan(score) & (is_known > LEAST_NEIGHBOURS)
    around = np.full(shape, np.nan)
    if is_wide.any():
        around[is_wide] = np.nanmedian(stack[:, is_wide], axis=0)
    peak = _place(score)
    return Heatmap(
        tuple(axes), tuple(tuple(each) for each in axes.values()), score, around, peak,
        _place(around) if is_wide.any() else peak,
    )  # fmt: skip


def _place(table: Floats) -> tuple[int, ...]:
    return tuple(int(at) for at in np.unravel_index(int(np.nanargmax(table)), table.shape))


def _why_unknown(returns: Floats, periods: str, still: str) -> str:
    """Why their ratio says nothing, "" where it does; ``still``: where nothing moved."""
    if returns.any() and (why := why_no_luck(returns, periods)):
        return why
    return "" if np.ptp(returns) > 1e-12 * np.max(np.abs(returns)) else still


def _overfitting(returns: Floats, reasons: dict[str, str]) -> Overfitting | None:
    cells, periods = returns.shape
    if cells < 2:
        reasons["pbo"] = f"{cells} cell; expected at least 2"
        return None
    if why := why_no_luck(returns.T, "periods"):
        reasons["pbo"] = why
        return None
    return cscv(np.ascontiguousarray(returns.T), min(BLOCKS, periods // 2 // 2 * 2))


def _walk(records: CellRecords, capital: float, reasons: dict[str, str]) -> WalkForward:
    """Each test with the cell that its training part chose; of equal ones the first. A cell that did not trade in the
    training part stands between those that earned and those that lost."""
    is_known = ~np.isnan(records.train)
    chosen = np.argmax(np.where(is_known, records.train, 0.0), axis=0)
    folds = np.arange(chosen.size)
    owner = records.fold_of_period
    pnl = records.test[chosen[owner], np.arange(owner.size)]
    ratio = error = None
    if why := _why_unknown(pnl, "periods of the tests", "nothing was traded in the tests"):
        reasons["walk: ratio"] = why
    else:
        found = sharpe_ratio(pnl / capital)
        ratio, error = found.ratio, found.error
    known = is_known.sum(axis=0).astype(np.int64)
    return WalkForward(chosen.astype(np.int64), records.train[chosen, folds], known, pnl, ratio, error)
