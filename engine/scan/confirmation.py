"""What is asked of a find before it counts as confirmed, beside the hold-out's Dickey-Fuller test.

*Does the variance explain it?* The wild bootstrap of its statistic, on the bars of the selection.

*Does X explain it?* A leg with transitory noise reverts against anything: with noise of half-life 10 or 5 on one leg,
and no pair in the market, a find passes the hold-out's Dickey-Fuller test in 21 or 51 % of scans, for all its eight
lags (docs/mathematics.md). So the hedge is tested for what it does. On the held-out bars X's moves get random signs
while Y stays as it was; if X has no part in Y, the true X keeps the spread no closer than one with random signs does,
and the share of the drawn ones that keep it as close is a p-value that is exact whatever noise Y carries. Then the same
with Y's signs, for noise in X; the larger p counts. What a symbol moves with the market (the other symbols) keeps its
sign: two symbols that share nothing but the market are no pair.

Sources: Fisher 1935 and Romano 1990 (randomisation of signs); Cavaliere and Taylor 2008 (wild bootstrap).
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from engine.scan.kernel import Found
from engine.scan.work import IsCancelled, work_off
from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit
from engine.stats.random import advanced, mixed
from engine.stats.wild_bootstrap import DRAWS as WILD_DRAWS
from engine.stats.wild_bootstrap import Bits, wild_pvalue

HEDGE_DRAWS = 499
HEDGE_LEVEL = 0.02  # a symbol is in one find at most: so rarely does one leg with noise, and no pair, give a survivor
HOLDOUT_LEVEL = 0.05
WILD_LEVEL = 0.05


class Bars(NamedTuple):
    """Log prices (symbols, bars) of the selection and the hold-out, and the symbols' names."""

    symbols: tuple[str, ...]
    train: Floats
    holdout: Floats


def confirm(
    bars: Bars, pairs: Ints, numbers: Floats, threads: int, is_cancelled: IsCancelled | None = None
) -> tuple[Floats, Floats]:
    """``(hedge, wild)``: p-values of the finds ``pairs``, rows of (y, x) with their ``numbers``, (pairs, Found).

    ``hedge`` is NaN without a hold-out. The draws of a pair depend on the names of its legs and the numbers of bars
    only. Raises ScanCancelled.
    """
    hedge, wild = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    market = Market(bars)

    def part(here: slice) -> None:
        for i in range(here.start, here.stop):
            y, x = int(pairs[i, 0]), int(pairs[i, 1])
            row = numbers[i]
            seed = seed_of(bars, y, x)
            wild[i], _ = wild_pvalue(
                bars.train[y], bars.train[x], row[Found.STATISTIC], int(row[Found.LAGS]), 0.0, WILD_DRAWS, seed
            )
            if bars.holdout.shape[1] > 1:
                moves = np.diff(bars.holdout[[y, x]], axis=1)
                shared = market.shared(y, x)
                hedge[i] = hedge_pvalue(moves, shared, row[Found.BETA], HEDGE_DRAWS, seed)

    work_off(part, len(pairs), 1, threads, is_cancelled=is_cancelled)
    return hedge, wild


def seed_of(bars: Bars, y: int, x: int) -> np.uint64:
    """The seed of a pair's draws, from its names and the numbers of bars: the same data give the same result."""
    text = f"{bars.symbols[y]}\n{bars.symbols[x]}\n{bars.train.shape[1]}\n{bars.holdout.shape[1]}"
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


class Market:
    """What two legs move with all the other symbols of a universe: their common part, in units of each one's moves."""

    def __init__(self, bars: Bars) -> None:
        """Scales every symbol's moves by their size in the selection; one that does not move there adds nothing."""
        moves, later = np.diff(bars.train, axis=1), np.diff(bars.holdout, axis=1)
        size = np.sqrt(np.mean(moves**2, axis=1, keepdims=True))
        scale = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0.0)
        self._moves, self._later, self._scale = moves, later, scale
        self._sum, self._sum_later = (moves * scale).sum(axis=0), (later * scale).sum(axis=0)

    def shared(self, y: int, x: int) -> Floats:
        """(2, held-out moves): what y and x move with the market without these two.

        A leg's share of the market is estimated in the selection, by least squares; 0 without other symbols.
        """
        legs = [y, x]
        others = self._sum - (self._moves[legs] * self._scale[legs]).sum(axis=0)
        later = self._sum_later - (self._later[legs] * self._scale[legs]).sum(axis=0)
        size = float((others**2).sum())
        is_alone = len(self._scale) <= 2 or not size > 0.0
        share = np.zeros(2) if is_alone else (self._moves[legs] * others).sum(axis=1) / size
        return np.ascontiguousarray(np.outer(share, later))


@njit
def hedge_pvalue(moves: Floats, shared: Floats, beta: float, draws: int, seed: np.uint64) -> float:
    """The larger of two p-values of "X has no part in Y": X's moves with random signs, and Y's.

    ``moves``: (2, bars - 1) of y and x on bars that ``beta`` was not fitted to, ``shared``: the part of them that keeps
    its sign. The statistic is the variance of the spread y - beta x. O(draws x bars).
    """
    own = moves - shared
    of_x = _turned_pvalue(moves[0] - beta * shared[1], -beta * own[1], draws, seed)
    of_y = _turned_pvalue(shared[0] - beta * moves[1], own[0], draws, mixed(seed))
    return max(of_x, of_y)


@njit
def _turned_pvalue(kept: Floats, turned: Floats, draws: int, seed: np.uint64) -> float:
    """The share of sign patterns (the true one, and ``draws`` random ones) whose walk is as close to its mean."""
    bits = np.zeros(kept.size // 64 + 1, dtype=np.uint64)
    true = _spread_variance(kept, turned, bits)
    close, state = 1, np.uint64(seed)
    for _ in range(draws):
        for word in range(bits.size):
            state = advanced(state, 1)
            bits[word] = mixed(state)
        if not _spread_variance(kept, turned, bits) > true:
            close += 1
    return close / (draws + 1.0)


@njit
def _spread_variance(kept: Floats, turned: Floats, bits: Bits) -> float:
    """n times the variance of the walk with the steps ``kept`` + ``turned``, the latter negative where a bit is set."""
    level = mean = total = 0.0
    for t in range(kept.size):
        sign = 1.0 - 2.0 * float((bits[t // 64] >> np.uint64(t % 64)) & np.uint64(1))
        level += kept[t] + sign * turned[t]
        away = level - mean  # the walk begins at 0, which counts as its first value
        mean += away / (t + 2.0)
        total += away * (level - mean)
    return total
