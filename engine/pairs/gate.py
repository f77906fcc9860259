"""The gate: allows entries only while the legs test as cointegrated.

One Engle-Granger test over the window that ends at the bar, at every slot that ``gate_every`` divides: the residual of
one line fitted over the whole window, never of the rolling or filtered one (trap T2). The gate opens at its level and
closes at the 20 % value, and keeps each state for ``gate_dwell`` bars at least: without this hysteresis it would flip
with every small change of the statistic.

A robust gate opens only if the wild bootstrap agrees (:mod:`engine.stats.wild_bootstrap`). It is computed when the
plain test would open the gate, and only then, so most tests and all of an open gate cost nothing more. What closes it
stays the plain 20 % value: a bootstrap would have to draw at every test of an open gate, at many times the cost of the
test itself, and its randomness would close true pairs. The sign of a bar's increment in each draw follows from the
run's first slot and the bar's own, never from the time or number of the calls.

A rolling test is no proof. On independent walks each single evaluation opens on 5 %, the gate is open about 9 % of the
time, and nearly every pair opens at least once in 3,000 bars: tests, flips and open time are counted, and
:mod:`engine.pairs.noise_gate` has the shares on other kinds of noise.
"""

from __future__ import annotations

import numpy as np

from engine.pairs.layout import At, Floats, Par
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import eg_critical, tau_pvalue
from engine.stats.random import advanced, mixed
from engine.stats.wild_bootstrap import DRAWS, wild_pvalue

CLOSE_ROW = 3  # of the critical values: 20 %


@njit
def evaluate_gate(par: Par, state: Floats, y: Floats, x: Floats, slot: int, first_slot: int) -> None:
    """One test over the whole window with prices ``y`` and ``x``; it ends at the bar at ``slot``."""
    bars = float(y.size)
    statistic, lags, _, _ = engle_granger_kernel(y, x, par.gate_criterion, par.gate_max_lag)
    critical = eg_critical(par.gate_row, bars)
    state[At.GATE_STATISTIC], state[At.GATE_CRITICAL] = statistic, critical
    state[At.GATE_PVALUE] = tau_pvalue(statistic, 2)
    state[At.GATE_TESTS] += 1.0
    state[At.TESTED] = slot
    is_first = state[At.GATE] != state[At.GATE]
    may_turn = is_first or slot - state[At.GATE_SINCE] >= par.gate_dwell
    if state[At.GATE] == 1.0:
        turns = may_turn and not statistic < eg_critical(CLOSE_ROW, bars)
    else:
        turns = may_turn and statistic < critical and not par.gate_locked
    if state[At.GATE] != 1.0 or turns:
        state[At.GATE_BOOTSTRAP] = np.nan
    if turns and state[At.GATE] != 1.0 and par.gate_bootstrap > 0.0:
        state[At.GATE_BOOTSTRAP] = _bootstrap(par, y, x, statistic, lags, slot, first_slot)
        turns = state[At.GATE_BOOTSTRAP] <= par.gate_bootstrap
    if is_first:
        state[At.GATE] = 1.0 if turns else 0.0
        state[At.GATE_SINCE] = slot
    elif turns:
        state[At.GATE] = 1.0 - state[At.GATE]
        state[At.GATE_SINCE] = slot
        state[At.GATE_FLIPS] += 1.0


@njit
def _bootstrap(
    par: Par, y: Floats, x: Floats, statistic: float, lags: int, slot: int, first_slot: int
) -> float:  # fmt: skip
    """The p-value, of draws that belong to the run (its first slot) and to the bars of the window (their slots)."""
    run_seed = mixed(advanced(np.uint64(0), first_slot))
    seed = advanced(run_seed, slot - y.size + 1)
    return wild_pvalue(y, x, statistic, lags, par.gate_bootstrap, DRAWS, seed)[0]


@njit
def count_open(state: Floats) -> None:
    """Count one more bar of the gate's time, from its first test on."""
    if state[At.GATE] == state[At.GATE]:
        state[At.GATE_BARS] += 1.0
        state[At.GATE_OPEN_BARS] += state[At.GATE]
