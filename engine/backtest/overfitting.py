"""PBO: how often the best of many cells in one half of the time is below the median of all in the other half.

Combinatorially symmetric cross-validation (CSCV). The returns of N cells over T periods are cut into S blocks of time.
Each choice of S/2 blocks is a training half, the others its test half: the cell with the best Sharpe ratio in the first
has the relative rank w = rank / (N + 1) in the second, and logit l = ln(w / (1 - w)). PBO is the share of choices with
l <= 0: near 0.5 when the cells are noise, near 0 when the best cell is so for a reason.

Sources: Bailey, Borwein, Lopez de Prado and Zhu 2015 (The probability of backtest overfitting).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from engine.stats.checks import ArrayLike, Floats, Ints, as_columns, whole
from engine.stats.representation import short_repr

BLOCKS = 16  # 12,870 choices
MOST_BLOCKS = 20  # 184,756 choices
CHUNK_CELLS = 1_000_000  # choices x cells at once: 8 MB a table


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """One value a choice of blocks, in the order of ``itertools.combinations``, unless stated otherwise.

    ``pbo``: share of ``logits`` <= 0. ``chosen``: the best cell in the training half, ``train`` its ratio there and
    ``test`` in the other half, both of one period. ``slope``: of test on train, negative where the better fit is the
    worse (NaN if train is constant); ``loss``: share of choices with a test ratio below 0. ``dropped``: periods left
    out at the start, as T is no multiple of the blocks.
    """

    pbo: float
    logits: Floats
    chosen: Ints
    train: Floats
    test: Floats
    slope: float
    loss: float
    dropped: int

    __repr__ = short_repr


def cscv(returns: ArrayLike, blocks: int = BLOCKS) -> Overfitting:
    """PBO of (periods, cells) returns: all cells on the same clock, one column a cell.

    ``blocks`` is even, 2 to 20, at most half as many as periods. Equal ranks share their mean, and a cell that never
    moves has the ratio 0. Raises ValueError for fewer than two cells or too few periods.

    >>> cscv(np.array([[0.02, 0.01], [0.01, -0.02], [-0.01, 0.01], [-0.02, 0.02]]), blocks=2).pbo
    1.0
    """
    table = as_columns(returns, "returns", minimum=4)
    count = whole(blocks, "blocks", at_least=2, at_most=MOST_BLOCKS)
    periods, cells = table.shape
    if count % 2 or 2 * count > periods:
        raise ValueError(f"blocks is {count} for {periods} periods; expected an even number, at most {periods // 2}")
    if cells < 2:
        raise ValueError(f"returns has {cells} cell; expected at least 2")
    length = periods // count
    dropped = periods - length * count
    parts = _BlockSums.of(table[dropped:].reshape(count, length, cells))
    found = [_ranked(parts, choices) for choices in _chunks(count, cells)]
    chosen, train, test, logits = (np.concatenate(each) for each in zip(*found, strict=True))
    centred = train - train.mean()
    spread = float(centred @ centred)
    slope = float(centred @ test) / spread if spread > 0.0 else float("nan")
    pbo, loss = float(np.mean(logits <= 0.0)), float(np.mean(test < 0.0))
    return Overfitting(pbo, logits, chosen.astype(np.int64), train, test, slope, loss, dropped)


@dataclass(frozen=True, slots=True, eq=False)
class _BlockSums:
    """Sums of each block and cell, shape (blocks, cells), of returns less the cell's mean; ``length`` of a block."""

    means: Floats
    first: Floats
    second: Floats
    length: int

    @classmethod
    def of(cls, blocks: npt.NDArray[np.float64]) -> _BlockSums:
        means = blocks.mean(axis=(0, 1))
        centred = blocks - means
        return cls(means, centred.sum(axis=1), (centred * centred).sum(axis=1), blocks.shape[1])

    def ratios(self, choices: Floats) -> Floats:
        """Sharpe ratios in the blocks chosen, shape (choices, cells)."""
        periods = self.length * choices[0].sum()
        shift = choices @ self.first / periods
        variance = (choices @ self.second - periods * shift * shift) / (periods - 1.0)
        floor = 1e-24 * (self.means * self.means + self.second.sum(axis=0))  # below it a variance is rounding
        deviation = np.sqrt(np.where(variance > floor, variance, 0.0))
        ratios: Floats = np.divide(self.means + shift, deviation, out=np.zeros_like(shift), where=deviation > 0.0)
        return ratios


def _chunks(blocks: int, cells: int) -> list[Floats]:
    """All training halves as rows of 0 and 1, in pieces that bound the memory."""
    rows = np.zeros((comb(blocks, blocks // 2), blocks))
    for row, places in zip(rows, combinations(range(blocks), blocks // 2), strict=True):
        row[list(places)] = 1.0
    return np.array_split(rows, -(-rows.shape[0] * cells // CHUNK_CELLS))


def _ranked(parts: _BlockSums, choices: Floats) -> tuple[Ints, Floats, Floats, Floats]:
    """``(best cell, its training ratio, its test ratio, logit of its rank)`` of each choice."""
    train, test = parts.ratios(choices), parts.ratios(1.0 - choices)
    best = np.argmax(train, axis=1)
    rows = np.arange(best.size)
    own = test[rows, best]
    below = (test < own[:, None]).sum(axis=1)
    equal = (test == own[:, None]).sum(axis=1)  # itself included
    rank = below + (equal + 1.0) / 2.0
    return best, train[rows, best], own, np.log(rank / (test.shape[1] + 1.0 - rank))
