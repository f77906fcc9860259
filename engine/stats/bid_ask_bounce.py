"""Does the spread itself revert, or only the bid-ask bounce?

The same spread is computed twice, from last prices and from mids. The difference is bounce: a small share of the
variance of the level, possibly most of the variance of the changes, and tests and half-lives use the changes. Reversion
on the prints that is absent from the mid cannot be traded: crossing the spread costs exactly what the bounce seems to
earn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, as_series, same_index, same_length
from engine.stats.half_life import ar1_kernel, half_life_of
from engine.stats.moments import Moments

FASTER = 3.0  # prints that revert more than this many times faster than the mid count as bounce


@dataclass(frozen=True, slots=True)
class Bounce:
    """``level_share`` and ``change_share`` are bounce's shares of the variance of the prints' spread and its changes.

    Half-lives in bars, raw, NaN without reversion. ``ratio`` is the mid's over the prints', inf where only the
    prints revert, NaN where they do not. ``is_bounce`` is the badge "reversion is bounce": a ratio above 3.
    """

    level_share: float
    change_share: float
    half_life_prints: float
    half_life_mid: float
    ratio: float
    is_bounce: bool


def bounce(spread_prints: ArrayLike, spread_mid: ArrayLike) -> Bounce:
    """Compare a spread made from last prices with the same spread (same line) made from mids; 30 bars or more.

    Shares are var(difference) / var(prints), between 0 and 1; NaN where the prints do not move.
    """
    same_index(spread_prints, spread_mid, "spread_prints", "spread_mid")
    prints, mid = as_series(spread_prints, "spread_prints", minimum=30), as_series(spread_mid, "spread_mid")
    same_length(prints, mid, "spread_prints", "spread_mid")
    noise = prints - mid
    fast, slow = (half_life_of(ar1_kernel(each)[1]) for each in (prints, mid))
    ratio = math.nan if math.isnan(fast) else math.inf if math.isnan(slow) else slow / fast
    return Bounce(
        _share(Moments.of(noise), Moments.of(prints)),
        _share(Moments.of(np.diff(noise)), Moments.of(np.diff(prints))),
        fast, slow, ratio, ratio > FASTER,
    )  # fmt: skip


def _share(part: Moments, whole: Moments) -> float:
    return min(1.0, part.variance() / whole.variance()) if whole.variance() > 0.0 else math.nan
