"""A metric for alerts: how far z has ranged within the window. Import this module where the program starts."""

from __future__ import annotations

import numpy as np

from engine.alerts.metrics import METRICS, Metric, PairBars
from engine.pairs.layout import Out
from engine.stats.checks import Floats


def range_of_z(bars: PairBars, start: int, stop: int, _leg: str, window: int) -> Floats:
    """Highest less lowest z of each bar's last ``window`` bars; NaN where there are fewer, or one is unknown."""
    begin = max(start - window + 1, 0)
    z = bars.out(Out.Z, begin, stop)
    found = np.full(stop - start, np.nan)
    if z.size >= window:
        ranges = np.ptp(np.lib.stride_tricks.sliding_window_view(z, window), axis=1)
        found[-ranges.size :] = ranges
    return found


METRICS["z_range"] = Metric("range of z", "", "pair", range_of_z, 60, 2, "highest less lowest, over the window")
