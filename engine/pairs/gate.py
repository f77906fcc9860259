"""The gate: allows entries only while the legs test as cointegrated.

One Engle-Granger test over the window that ends at the bar, at every slot that ``gate_every`` divides: the residual of
one line fitted over the whole window, never of the rolling or filtered one (trap T2). The gate opens at its level and
closes at the 20 % value, and keeps each state for ``gate_dwell`` bars at least: without this hysteresis it would flip
with every small change of the statistic.

A rolling test is no proof. On independent walks each single evaluation opens on 5 %, the gate is open about 9 % of the
time, and nearly every pair opens at least once in 3,000 bars: tests, flips and open time are counted.
"""

from __future__ import annotations

from engine.pairs.layout import At, Floats, Par
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import eg_critical, tau_pvalue

CLOSE_ROW = 3  # of the critical values: 20 %


@njit
def evaluate_gate(par: Par, state: Floats, y: Floats, x: Floats, slot: int) -> None:
    """One test over the whole window with prices ``y`` and ``x``; it ends at the bar at ``slot``."""
    bars = float(y.size)
    statistic, _, _, _ = engle_granger_kernel(y, x, par.gate_criterion, par.gate_max_lag)
    critical = eg_critical(par.gate_row, bars)
    state[At.GATE_STATISTIC], state[At.GATE_CRITICAL] = statistic, critical
    state[At.GATE_PVALUE] = tau_pvalue(statistic, 2)
    state[At.GATE_TESTS] += 1.0
    state[At.TESTED] = slot
    opens = statistic < critical and not par.gate_locked
    if state[At.GATE] != state[At.GATE]:  # the first test
        state[At.GATE] = 1.0 if opens else 0.0
        state[At.GATE_SINCE] = slot
    elif slot - state[At.GATE_SINCE] >= par.gate_dwell:
        is_open = state[At.GATE] == 1.0
        if (not statistic < eg_critical(CLOSE_ROW, bars)) if is_open else opens:
            state[At.GATE] = 0.0 if is_open else 1.0
            state[At.GATE_SINCE] = slot
            state[At.GATE_FLIPS] += 1.0


@njit
def count_open(state: Floats) -> None:
    """Count one more bar of the gate's time, from its first test on."""
    if state[At.GATE] == state[At.GATE]:
        state[At.GATE_BARS] += 1.0
        state[At.GATE_OPEN_BARS] += state[At.GATE]
