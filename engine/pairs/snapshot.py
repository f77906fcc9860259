"""What was known of a pair at the close of one bar."""

from __future__ import annotations

import math
from typing import NamedTuple

from engine.pairs.enums import Action, Reason


class Snapshot(NamedTuple):
    """The pair's values at one bar's close; NaN where unknown."""

    open_time_ms: int
    beta: float
    alpha: float
    spread: float
    mean: float
    deviation: float
    z: float
    beta_ols: float
    beta_kalman: float
    gate_statistic: float
    gate_critical: float
    gate_pvalue: float
    gate: float
    coverage: float
    cost_z: float
    position: float
    action: Action
    reason: Reason
    memory: float = math.nan  # half-life of the filter's memory, in bars
