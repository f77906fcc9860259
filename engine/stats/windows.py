"""Moments of the last ``window`` bars, O(1) per bar, with the same bits for every start of the run.

Running sums that add the new bar and subtract the old one drift, and depend on the first bar. Here bars are cut into
blocks of ``window`` bars by their absolute index. A window then is the tail of one block and the head of the next: the
heads grow bar by bar, all tails of a block are made once, backwards, when the block is full, and the two are merged.
Nothing is ever subtracted, and the result at bar t is a function of the bars t-window+1 .. t and of t alone. A NaN
affects only the windows that hold it.

The state is one flat float64 array, so a checkpoint is its bytes. Layout: ``HEAD`` scalars, then for each slot of
the block its pair (y, x), then for each slot the moments of the tail that starts there.

Sources: van Herk 1992 (blocks, heads and tails); Chan, Golub and LeVeque 1983 (the merge).
"""

from __future__ import annotations

import numpy as np

from engine.stats.checks import Floats
from engine.stats.jit import inlined, njit
from engine.stats.moments import comoments_add

# Scalars at the front of the state.
WINDOW, SEEN, LAST, COUNT, ANCHOR_Y, ANCHOR_X, OFFSET_Y, OFFSET_X, SYY, SXY, SXX, TAIL_Y, TAIL_X = range(13)
HEAD = 13
PAIR = 2
TAIL = 5  # offset_y, offset_x, syy, sxy, sxx, as distances from the last bar of the tail's block


def window_reserved(window: int) -> Floats:
    """The state before the first bar; ``window`` >= 2 bars. The zeros are the system's: a page costs no memory before
    a bar reaches it, where the compiled ``window_new`` writes all of them."""
    state = np.zeros(HEAD + (PAIR + TAIL) * window)
    state[WINDOW] = window
    return state


window_new = njit(window_reserved)


@inlined
def window_push(state: Floats, index: int, y: float, x: float) -> tuple[float, float, float, float, float, float]:
    """Take the bar with absolute ``index`` and return ``(bars, mean_y, mean_x, syy, sxy, sxx)`` of its window.

    ``bars`` counts up to ``window``; until it is full the rest is NaN. The sums are of squares and products of
    distances from the means (divide by ``bars - 1``). An index that does not follow the last one resets the state: the
    caller fills missing bars.
    """
    window = int(state[WINDOW])
    slot = index % window
    if state[SEEN] > 0.0 and index != int(state[LAST]) + 1:
        state[SEEN] = 0.0
    if slot == 0 or state[SEEN] == 0.0:
        _turn_block(state, window, slot, y, x)
    state[SEEN] = min(state[SEEN] + 1.0, float(window))
    state[LAST] = index
    at = HEAD + PAIR * slot
    state[at] = y
    state[at + 1] = x
    count, oy, ox, syy, sxy, sxx = comoments_add(
        state[COUNT], state[OFFSET_Y], state[OFFSET_X], state[SYY], state[SXY], state[SXX],
        y - state[ANCHOR_Y], x - state[ANCHOR_X],
    )  # fmt: skip
    state[COUNT], state[OFFSET_Y], state[OFFSET_X] = count, oy, ox
    state[SYY], state[SXY], state[SXX] = syy, sxy, sxx
    if state[SEEN] < window:
        return state[SEEN], np.nan, np.nan, np.nan, np.nan, np.nan
    return _merged(state, window, slot)


@njit
def _turn_block(state: Floats, window: int, slot: int, y: float, x: float) -> None:
    """Start the head of a new block at this bar, after computing the tails of the previous block."""
    if slot == 0 and state[SEEN] > 0.0:
        last = HEAD + PAIR * (window - 1)
        state[TAIL_Y], state[TAIL_X] = state[last], state[last + 1]
        count = oy = ox = syy = sxy = sxx = 0.0
        for j in range(window - 1, window - 1 - int(state[SEEN]), -1):
            at = HEAD + PAIR * j
            count, oy, ox, syy, sxy, sxx = comoments_add(
                count, oy, ox, syy, sxy, sxx, state[at] - state[TAIL_Y], state[at + 1] - state[TAIL_X]
            )
            tail = HEAD + PAIR * window + TAIL * j
            state[tail], state[tail + 1] = oy, ox
            state[tail + 2], state[tail + 3], state[tail + 4] = syy, sxy, sxx
    state[COUNT] = state[OFFSET_Y] = state[OFFSET_X] = state[SYY] = state[SXY] = state[SXX] = 0.0
    state[ANCHOR_Y], state[ANCHOR_X] = y, x


@inlined
def _merged(state: Floats, window: int, slot: int) -> tuple[float, float, float, float, float, float]:
    """Head and tail as one set: S = S_a + S_b + delta^2 n_a n_b / n (Chan, Golub and LeVeque 1983, 1.5)."""
    syy, sxy, sxx = state[SYY], state[SXY], state[SXX]
    if slot == window - 1:  # the window is this block: no tail
        mean_y = state[ANCHOR_Y] + state[OFFSET_Y]
        return float(window), mean_y, state[ANCHOR_X] + state[OFFSET_X], syy, sxy, sxx
    tail = HEAD + PAIR * window + TAIL * (slot + 1)
    dy = (state[ANCHOR_Y] - state[TAIL_Y]) + (state[OFFSET_Y] - state[tail])
    dx = (state[ANCHOR_X] - state[TAIL_X]) + (state[OFFSET_X] - state[tail + 1])
    share = (slot + 1.0) / window
    weight = share * (window - 1.0 - slot)
    syy += state[tail + 2] + weight * dy * dy
    sxy += state[tail + 3] + weight * dy * dx
    sxx += state[tail + 4] + weight * dx * dx
    mean_y = state[TAIL_Y] + (state[tail] + share * dy)
    return float(window), mean_y, state[TAIL_X] + (state[tail + 1] + share * dx), syy, sxy, sxx


@njit
def line_of(mean_y: float, mean_x: float, sxy: float, sxx: float) -> tuple[float, float]:
    """``(alpha, beta)`` of least squares from the moments of a window; NaN while x is constant."""
    if not sxx > 0.0:
        return np.nan, np.nan
    beta = sxy / sxx
    return mean_y - beta * mean_x, beta


@njit
def spread_moments(
    bars: float, mean_y: float, mean_x: float, syy: float, sxy: float, sxx: float, alpha: float, beta: float
) -> tuple[float, float]:
    """Mean and standard deviation (ddof 1) over a window of y - (beta x + alpha), with today's alpha and beta.

    The whole window's spread is thus recomputed at O(1) per bar. NaN until the window is full. The deviation is NaN
    too where the variance is below the rounding of its terms: a constant spread has no z-score.
    """
    mean = mean_y - beta * mean_x - alpha
    squares = syy - 2.0 * beta * sxy + beta * beta * sxx  # var(y - beta x)
    if squares <= 1e-14 * (syy + beta * beta * sxx):
        return mean, np.nan
    return mean, np.sqrt(squares / (bars - 1.0))
