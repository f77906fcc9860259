"""The error of the hedge ratio: its figure in the evidence panel, and what stands beside the ratio itself. Pure."""

from __future__ import annotations

import math

from engine.pairs.evidence import PairEvidence
from engine.stats.hedge_interval import HedgeInterval
from engine.stats.serial_correlation import WINDOW_HALF_LIVES
from screen.components.formatting import Item, unknown
from services.pair_view import PairView


def _no_hedge(view: PairView, found: PairEvidence) -> str:
    """Why the hedge ratio has no interval yet."""
    settings = view.settings
    if view.calibration is None and (settings.estimator == "kalman" or settings.beta_window is None):
        return f"calibrates on {settings.calibration_bars:,} bars; {found.bars:,} so far"
    window = settings.beta_window or (view.calibration.beta_window if view.calibration else 0)
    if settings.estimator != "kalman" and found.bars <= window:
        return f"needs {window + 1:,} bars; {found.bars:,} so far"
    return "no line: the legs do not move, or it is not fitted yet"


def interval(seen: HedgeInterval) -> str:
    """The 95 % interval of a hedge ratio, to three digits."""
    return f"{seen.low:.3g} to {seen.high:.3g}"


def hedge(view: PairView, found: PairEvidence) -> Item:
    """The 95 % interval of the hedge ratio in use, and whether its window can bear one."""
    seen = found.hedge
    if seen is None or math.isnan(seen.beta_error):
        return unknown(_no_hedge(view, found))
    value = interval(seen)
    if not seen.is_window_long_enough:
        long = f"{seen.half_lives:.0f} half-lives of {seen.half_life:.0f} bars; {WINDOW_HALF_LIVES:.0f} needed"
        return Item(value, f"window too short: {long}", "warn")
    many = "over 999" if seen.half_lives > 999 else f"{seen.half_lives:.0f}"
    return Item(value, f"95 %, error {seen.beta_error:.2g}; {seen.bars:,} bars hold {many} half-lives")
