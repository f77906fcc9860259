"""Is what reverts the spread, or the bounce between bid and ask?

The same spread is taken twice, once from last prices and once from mids. What differs between the two is bounce: it
is a small share of how far the spread wanders and may be most of how it moves from bar to bar, and it is the moves that
tests and half-lives read. Reversion on the prints that the mid does not show cannot be traded: crossing the spread
costs exactly what the bounce seems to earn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, as_series, same_length
from engine.stats.moments import Moments
from engine.stats.reversion import half_life_kernel
from engine.stats.unitroot import FIXED, adf_kernel

FASTER = 2.0  # prints that revert this many times faster than the mid are read as bounce
ADF_5 = -2.86154  # asymptotic; the badge compares two series of equal length, no decision hangs on it


@dataclass(frozen=True, slots=True)
class Bounce:
    """``level_share`` and ``change_share`` are bounce's shares of the variance of the prints' spread and its changes.

    Half-lives in bars, raw, NaN where nothing reverts. ``is_bounce`` is the badge "reversion is bounce": the prints
    look stationary and the mid does not, or they revert at more than twice the mid's speed.
    """

    level_share: float
    change_share: float
    half_life_prints: float
    half_life_mid: float
    is_bounce: bool


def bounce(spread_prints: ArrayLike, spread_mid: ArrayLike) -> Bounce:
    """Compare a spread made from last prices with the same spread (same line) made from mids; 30 bars or more.

    Shares are var(difference) / var(prints), between 0 and 1; NaN where the prints do not move.
    """
    prints, mid = as_series(spread_prints, "spread_prints", minimum=30), as_series(spread_mid, "spread_mid")
    same_length(prints, mid, "spread_prints", "spread_mid")
    noise = prints - mid
    fast, slow = half_life_kernel(prints)[1], half_life_kernel(mid)[1]
    stationary = [adf_kernel(each, True, FIXED, 1)[0] < ADF_5 for each in (prints, mid)]
    only_prints = stationary[0] and not stationary[1]
    faster = fast * FASTER < (math.inf if math.isnan(slow) else slow)
    return Bounce(
        _share(Moments.of(noise), Moments.of(prints)),
        _share(Moments.of(np.diff(noise)), Moments.of(np.diff(prints))),
        fast, slow, bool(only_prints or faster),
    )  # fmt: skip


def _share(part: Moments, whole: Moments) -> float:
    return min(1.0, part.variance() / whole.variance()) if whole.variance() > 0.0 else math.nan
