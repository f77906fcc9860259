"""Blocks of geometric length, wrapped round at the end: drawn with replacement, or cut and shuffled.

A block keeps what neighbours have to do with each other (bounce, clustered variance), and the random lengths keep the
result stationary. With replacement it is the stationary bootstrap, for errors and intervals. Shuffled, each observation
is there exactly once, as in a permutation test. A draw is a function of its seed and its number alone, so draws can be
made in any order.

Sources: Politis and Romano 1994; Romano 1990 (permutations); Hesterberg 2015 (expanded percentiles).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit
from engine.stats.random import advanced, mixed, random_index

DRAWS = 1_000
SEED = 20_240_607


def usual_block(size: int) -> float:
    """n^(1/3), the order of length that suits the error of a mean; at least 1 (Politis and White 2004)."""
    return max(1.0, math.cbrt(size))


@njit
def stream_of(seed: np.uint64, number: int) -> np.uint64:
    """The state from which draw ``number`` starts: far from that of its neighbours."""
    return mixed(advanced(seed, number + 1))


@njit
def next_block(state: np.uint64, size: int, mean_block: float) -> tuple[np.uint64, int, int]:
    """``(state, first place, length)`` of the next block; its length is geometric with the mean given, at least 1."""
    state, start = random_index(state, size)
    state = advanced(state, 1)
    share = (float(mixed(state) >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)  # inside (0, 1)
    if mean_block <= 1.0:
        return state, start, 1
    length = 1.0 + math.floor(math.log(share) / math.log1p(-1.0 / mean_block))
    return state, start, int(min(length, 1e9))


@njit
def draw_places(out: Ints, size: int, mean_block: float, seed: np.uint64, number: int) -> None:
    """Fill ``out`` with places in 0 .. size-1, a block after another."""
    state = stream_of(seed, number)
    at = length = 0
    for i in range(out.size):
        if length == 0:
            state, at, length = next_block(state, size, mean_block)
        out[i] = at
        at = at + 1 if at + 1 < size else 0
        length -= 1


@njit
def drawn_blocks(starts: Ints, lengths: Ints, size: int, mean_block: float, is_shuffled: bool, state: np.uint64) -> int:
    """Write the blocks, in order, that make up ``size`` observations; returns their number.

    ``starts`` and ``lengths`` have room for ``size`` blocks. The blocks are drawn anywhere, or, shuffled, follow each
    other from a random place on, once round, and are then put in a random order.
    """
    count = filled = at = 0
    while filled < size:
        state, start, length = next_block(state, size, mean_block)
        if is_shuffled:
            start = start if count == 0 else at
        lengths[count] = min(length, size - filled)
        starts[count] = start
        at = (start + lengths[count]) % size
        filled += lengths[count]
        count += 1
    if is_shuffled:
        for last in range(count - 1, 0, -1):  # Fisher and Yates
            state, other = random_index(state, last + 1)
            starts[last], starts[other] = starts[other], starts[last]
            lengths[last], lengths[other] = lengths[other], lengths[last]
    return count


def expanded_tail(level: float, size: int, mean_block: float) -> float:
    """The share to cut at each end of what was drawn from ``size`` observations, so that the middle covers ``level``.

    Resampled means have too small a variance, by 1/n and by a block, and no Student's tails: the percentiles are moved
    out as far as that matters for a mean (Hesterberg 2015).
    """
    from scipy.special import stdtrit

    freedom = max(size - 1.0, 1.0)
    quantile = float(stdtrit(freedom, (1.0 + level) / 2.0)) * math.sqrt(size / max(size - mean_block, 1.0))
    return NormalDist().cdf(-quantile)


def percentile_interval(drawn: Floats, level: float, size: int, mean_block: float) -> tuple[float, float]:
    """The middle ``level`` of the numbers drawn, NaN left out, expanded for ``size``; NaN twice where none is left."""
    known = drawn[~np.isnan(drawn)]
    if not known.size:
        return math.nan, math.nan
    tail = expanded_tail(level, size, mean_block)
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return float(low), float(high)
