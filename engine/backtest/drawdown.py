"""The largest fall of equity from its peak: its size, its length, its recovery.

Equity includes the capital, and the capital is its first peak: falls of the profit alone have no percentage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.stats.checks import Floats
from engine.stats.representation import short_repr


@dataclass(frozen=True, slots=True)
class Drawdown:
    """``fraction`` of the peak, at least 0, and the same fall in ``quote`` currency. Places are bars, -1 before the
    first; ``recovered`` is None while equity is below the peak.

    ``longest_bars``: the most bars in a row below an earlier peak, of any fall.
    """

    fraction: float
    quote: float
    peak: int
    trough: int
    recovered: int | None
    longest_bars: int

    __repr__ = short_repr


def drawdown(equity: Floats, capital: float) -> Drawdown:
    """The largest fall of ``equity`` (one value a bar), in a share of its peak, the earliest of equal ones.

    >>> drawdown(np.array([110.0, 99.0, 104.5, 120.0, 114.0]), 100.0)
    Drawdown(fraction=0.1, quote=11, peak=0, trough=1, recovered=3, longest_bars=2)
    """
    levels = np.concatenate(([capital], equity))
    peaks = np.maximum.accumulate(levels)
    falls = 1.0 - levels / peaks
    trough = int(np.argmax(falls))
    peak = int(np.argmax(levels[: trough + 1]))
    back = np.flatnonzero(levels[trough:] >= levels[peak])
    is_below = levels < peaks
    ends = np.flatnonzero(np.diff(np.concatenate(([False], is_below, [False])).astype(np.int8)))
    return Drawdown(
        fraction=float(falls[trough]),
        quote=float(levels[peak] - levels[trough]),
        peak=peak - 1,
        trough=trough - 1,
        recovered=trough + int(back[0]) - 1 if back.size else None,
        longest_bars=int(np.diff(ends)[::2].max()) if ends.size else 0,
    )
