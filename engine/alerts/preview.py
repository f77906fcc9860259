"""What a rule would have done on stored bars: where it fired, and what the spread did then.

An alert *reverted* if the pair's z came back to ``exit_z`` or to the other side of 0 within two half-lives. Its
*adverse move*: how much further away from 0 the z went before that, in deviations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from engine.alerts.history import History, firings
from engine.alerts.rules import AlertRule
from engine.stats.checks import Floats
from engine.stats.representation import short_repr

HALF_LIVES = 2.0


@dataclass(frozen=True, slots=True)
class PreviewAlert:
    """One alert that would have been given. ``z`` then, NaN unknown. ``reverted``: None where two half-lives have not
    passed yet, or z or the half-life is unknown; ``adverse`` in deviations, NaN where that is None."""

    close_ms: int
    z: float
    reverted: bool | None
    adverse: float


@dataclass(frozen=True, slots=True)
class Preview:
    """``held``: bars in which the cap held an alert back; ``paused``: alerts that there would be more without cap and
    pause, less those. ``followed``: the alerts of which it is known whether they
    ``reverted``; ``median_adverse`` of them, NaN without one. ``half_life_bars``: what two of were waited."""

    alerts: tuple[PreviewAlert, ...]
    held: int
    paused: int
    days: float
    followed: int
    reverted: int
    median_adverse: float
    half_life_bars: float

    __repr__ = short_repr

    @property
    def per_day(self) -> float:
        """Alerts a day; NaN without bars."""
        return len(self.alerts) / self.days if self.days else math.nan


def preview(rule: AlertRule, history: History, z: Floats, half_life_bars: float, exit_z: float) -> Preview:
    """A checked rule over stored bars; ``z`` of the pair at each of them."""
    found = firings(rule, history)
    bars = math.ceil(HALF_LIVES * half_life_bars) if math.isfinite(half_life_bars) else 0
    alerts = tuple(_followed(history, z, int(at), bars, exit_z) for at in found.fired)
    known = [each for each in alerts if each.reverted is not None]
    unlimited = firings(replace(rule, cooldown_s=0.0, cap_per_day=0), history).fired.size
    paused = max(unlimited - len(alerts) - int(found.held.size), 0)
    adverse = [each.adverse for each in known]
    return Preview(
        alerts, found.held.size, paused, history.days, len(known), sum(bool(each.reverted) for each in known),
        float(np.median(adverse)) if adverse else math.nan, half_life_bars,
    )  # fmt: skip


def _followed(history: History, z: Floats, at: int, bars: int, exit_z: float) -> PreviewAlert:
    close_ms, then = int(history.close_ms[at]), float(z[at])
    if not bars or math.isnan(then):
        return PreviewAlert(close_ms, then, None, math.nan)
    side = 1.0 if then >= 0.0 else -1.0
    after = side * z[at + 1 : at + 1 + bars]  # comparisons with a missing z are false: it is neither back nor further
    back = np.flatnonzero(after <= exit_z)
    is_back = back.size > 0
    if not is_back and after.size < bars:
        return PreviewAlert(close_ms, then, None, math.nan)
    until = after[: int(back[0])] if is_back else after
    known = until[~np.isnan(until)]
    adverse = max(0.0, float(known.max()) - abs(then)) if known.size else 0.0
    return PreviewAlert(close_ms, then, is_back, adverse)
