"""The rule, compiled: bars in, columns out, state carried. One bar or a million run this same loop.

A slot is a bar's number counted from 1970 in bars of its width; whatever follows a schedule follows the
slot, so that where a run begins or is resumed cannot show. At each bar, in this order: measure the spread
from the line known before; test the gate if its turn has come; decide; then learn from the bar.
"""

from __future__ import annotations

import numpy as np

from engine.pairs.codes import Action, Flag, Reason
from engine.pairs.columns import At, Floats, In, Out, Par
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.filtering import kalman_step
from engine.stats.jit import njit
from engine.stats.mackinnon import eg_critical, tau_pvalue
from engine.stats.windows import line_of, spread_moments, window_push

CLOSE_ROW = 3  # hysteresis: open at the 5 % value, closed again at the 20 % value


@njit
def advance(
    par: Floats,
    state: Floats,
    beta_window: Floats,
    z_window: Floats,
    inp: Floats,
    out: Floats,
    base_slot: int,
    start: int,
    stop: int,
) -> None:
    """Take the bars at places ``start .. stop - 1``; place 0 is slot ``base_slot``. Rows of ``inp`` and ``out``
    are named in ``engine.pairs.columns``; ``state`` and the two window states are left at the last bar."""
    for i in range(start, stop):
        slot = base_slot + i
        flags = int(inp[In.FLAGS, i])
        if flags & Flag.TAINTED:
            state[At.TAINTED] = slot
        _count_real(par, inp, out, i, flags)
        spread, mean, deviation = _measure(par, state, inp, out, slot, i, flags)
        if par[Par.GATED] and slot % int(par[Par.GATE_EVERY]) == 0:
            _test_gate(par, state, inp, slot, i)
        out[Out.GATE_STATISTIC, i] = state[At.GATE_STATISTIC]
        out[Out.GATE_CRITICAL, i] = state[At.GATE_CRITICAL]
        out[Out.GATE_PVALUE, i] = state[At.GATE_PVALUE]
        out[Out.GATE, i] = state[At.GATE]
        z = np.nan
        if deviation > 0.0:
            z = (spread - mean) / deviation
        out[Out.SPREAD, i], out[Out.MEAN, i], out[Out.DEVIATION, i], out[Out.Z, i] = spread, mean, deviation, z
        cost_z = _round_trip(par, inp, i, out[Out.BETA, i]) / deviation if deviation > 0.0 else np.nan
        out[Out.COST_Z, i] = cost_z
        _decide(par, state, inp, out, slot, i, flags, z, cost_z)
        _learn(par, state, beta_window, z_window, inp, slot, i, spread)


@njit
def _count_real(par: Floats, inp: Floats, out: Floats, i: int, flags: int) -> None:
    """Coverage is a difference of whole counts, so it costs O(1) whatever the window."""
    real = 0.0 if flags & (Flag.Y_FILLED | Flag.X_FILLED) else 1.0
    out[Out.REAL_BARS, i] = real + (out[Out.REAL_BARS, i - 1] if i > 0 else 0.0)
    window = int(par[Par.Z_WINDOW])
    out[Out.COVERAGE, i] = np.nan
    if i >= window:
        out[Out.COVERAGE, i] = (out[Out.REAL_BARS, i] - out[Out.REAL_BARS, i - window]) / window


@njit
def _measure(
    par: Floats, state: Floats, inp: Floats, out: Floats, slot: int, i: int, flags: int
) -> tuple[float, float, float]:
    """Spread, mean and deviation from what was known before this bar; the filter learns on the way.

    A bar in which a leg did not trade repeats its price: it is measured, and teaches the filter nothing.
    """
    y, x = inp[In.Y, i], inp[In.X, i]
    innovation = variance = np.nan
    out[Out.BETA_OLS, i] = state[At.OLS_BETA]
    out[Out.BETA_KALMAN, i] = np.nan
    kalman_alpha = np.nan
    if slot >= par[Par.CALIBRATED]:
        out[Out.BETA_KALMAN, i] = state[At.K_BETA]
        kalman_alpha = state[At.K_ALPHA] - state[At.K_BETA] * par[Par.CENTRE]
        innovation, variance = _filter(par, state, y, x - par[Par.CENTRE], flags)
    if par[Par.KALMAN]:
        out[Out.BETA, i], out[Out.ALPHA, i] = out[Out.BETA_KALMAN, i], kalman_alpha
        if par[Par.FILTER_Z]:
            return innovation, 0.0, np.sqrt(variance)
        return innovation, state[At.Z_MEAN], state[At.Z_DEVIATION]
    out[Out.BETA, i], out[Out.ALPHA, i] = state[At.OLS_BETA], state[At.OLS_ALPHA]
    spread = y - (state[At.OLS_BETA] * x + state[At.OLS_ALPHA])
    return spread, state[At.Z_MEAN], state[At.Z_DEVIATION]


@njit
def _filter(par: Floats, state: Floats, y: float, x: float, flags: int) -> tuple[float, float]:
    """One step of the filter; ``x`` is centred. Returns the innovation and its variance."""
    beta, alpha = state[At.K_BETA], state[At.K_ALPHA]
    seen = np.nan if flags & (Flag.Y_FILLED | Flag.X_FILLED) else y
    b, a, p11, p12, p22, innovation, variance = kalman_step(
        beta, alpha, state[At.P11], state[At.P12], state[At.P22], seen, x, 0.0, par[Par.Q_ALPHA], par[Par.V_E]
    )
    state[At.K_BETA], state[At.K_ALPHA] = b, a
    state[At.P11], state[At.P12], state[At.P22] = p11, p12, p22
    if seen != seen:
        innovation = y - (beta * x + alpha)
        variance = x * (x * p11 + 2.0 * p12) + p22 + par[Par.V_E]  # P is the predicted R here
    return innovation, variance


@njit
def _test_gate(par: Floats, state: Floats, inp: Floats, slot: int, i: int) -> None:
    """One Engle-Granger test over the window that ends at this bar, with hysteresis and dwell (trap T2)."""
    window = int(par[Par.TEST_WINDOW])
    begin = i + 1 - window
    if begin < 0:
        return
    statistic, _, _, _ = engle_granger_kernel(
        inp[In.Y, begin : i + 1], inp[In.X, begin : i + 1], int(par[Par.GATE_CRITERION]), int(par[Par.GATE_MAX_LAG])
    )
    critical = eg_critical(int(par[Par.GATE_ROW]), float(window))
    pvalue = tau_pvalue(statistic, 2)
    state[At.GATE_STATISTIC], state[At.GATE_CRITICAL], state[At.GATE_PVALUE] = statistic, critical, pvalue
    state[At.GATE_TESTS] += 1.0
    if state[At.GATE] != state[At.GATE]:
        state[At.GATE] = 1.0 if statistic < critical else 0.0
        state[At.GATE_SINCE] = slot
    elif slot - state[At.GATE_SINCE] >= par[Par.GATE_DWELL]:
        is_open = state[At.GATE] == 1.0
        flips = (not statistic < eg_critical(CLOSE_ROW, float(window))) if is_open else (statistic < critical)
        if flips:
            state[At.GATE] = 0.0 if is_open else 1.0
            state[At.GATE_SINCE] = slot
            state[At.GATE_FLIPS] += 1.0


@njit
def _round_trip(par: Floats, inp: Floats, i: int, beta: float) -> float:
    """Four fills, each with its fee and half-spread, in the unit of the spread. NaN while a half-spread is unknown."""
    y = par[Par.FEE] + inp[In.Y_HALF, i]
    x = par[Par.FEE] + inp[In.X_HALF, i]
    if par[Par.PRICE_SPACE]:
        y *= inp[In.Y, i]
        x *= inp[In.X, i]
    return float(2.0 * (y + abs(beta) * x))


@njit
def _decide(
    par: Floats, state: Floats, inp: Floats, out: Floats, slot: int, i: int, flags: int, z: float, cost_z: float
) -> None:
    position = state[At.POSITION]
    action, reason = 0, 0  # none
    if position != 0.0:
        reason = _leave(par, state, slot, -position * z)
        if reason != Reason.NONE:
            action = Action.EXIT
            state[At.POSITION] = 0.0
            state[At.LEFT] = slot
        elif abs(z) >= par[Par.ENTRY]:
            action, reason = Action.NO_ENTRY, Reason.IN_POSITION
    elif abs(z) >= par[Par.ENTRY]:
        reason = _objection(par, state, inp, slot, i, flags, abs(z), cost_z)
        if reason != Reason.NONE:
            action = Action.NO_ENTRY
        else:
            action = Action.ENTER_SHORT if z > 0.0 else Action.ENTER_LONG
            state[At.POSITION] = -1.0 if z > 0.0 else 1.0
            state[At.ENTERED] = slot
    out[Out.POSITION, i] = state[At.POSITION]
    out[Out.ACTION, i] = action
    out[Out.REASON, i] = reason


@njit
def _leave(par: Floats, state: Floats, slot: int, away: float) -> int:
    """Why to leave a position; ``away`` is z on the side it was entered: + further out, - beyond the mean."""
    if away <= par[Par.EXIT]:
        return Reason.TARGET
    if away >= par[Par.STOP]:
        return Reason.STOP
    if slot - state[At.ENTERED] >= par[Par.MAX_HOLD]:
        return Reason.TIME
    return Reason.NONE


@njit
def _objection(
    par: Floats, state: Floats, inp: Floats, slot: int, i: int, flags: int, away: float, cost_z: float
) -> int:
    """The first reason not to enter. Reasons block entries only, never exits."""
    if flags & Flag.BRIDGE_DOWN:
        return Reason.BRIDGE_DOWN
    if slot - state[At.TAINTED] < par[Par.TAINT_WINDOW]:
        return Reason.TAINTED_GAP
    if inp[In.Y_AGE, i] > par[Par.STALE_MS] or inp[In.X_AGE, i] > par[Par.STALE_MS]:
        return Reason.STALE_LEG
    if flags & (Flag.Y_FILLED | Flag.X_FILLED):
        return Reason.FILLED_BAR
    if par[Par.GATED] and state[At.GATE] != 1.0:
        return Reason.GATE_CLOSED if state[At.GATE] == 0.0 else Reason.WARMUP
    if away >= par[Par.MAX_Z]:
        return Reason.MAX_Z
    if par[Par.COST_FILTER] and not away >= par[Par.EXIT] + cost_z:
        return Reason.BELOW_COST
    if slot - state[At.LEFT] <= par[Par.COOLDOWN]:
        return Reason.COOLDOWN
    return Reason.NONE


@njit
def _learn(
    par: Floats, state: Floats, beta_window: Floats, z_window: Floats, inp: Floats, slot: int, i: int, spread: float
) -> None:
    """Lines and windows with this bar in them, for the next one."""
    y, x = inp[In.Y, i], inp[In.X, i]
    _, mean_y, mean_x, _, sxy, sxx = window_push(beta_window, slot, y, x)
    state[At.OLS_ALPHA], state[At.OLS_BETA] = line_of(mean_y, mean_x, sxy, sxx)
    if par[Par.KALMAN]:
        if spread == spread:
            bars, mean, _, squares, _, _ = window_push(z_window, slot, spread, spread)
            state[At.Z_MEAN], state[At.Z_DEVIATION] = mean, np.sqrt(squares / (bars - 1.0))
    else:
        bars, mean_y, mean_x, syy, sxy, sxx = window_push(z_window, slot, y, x)
        state[At.Z_MEAN], state[At.Z_DEVIATION] = spread_moments(
            bars, mean_y, mean_x, syy, sxy, sxx, state[At.OLS_ALPHA], state[At.OLS_BETA]
        )


@njit
def refill(
    par: Floats, state: Floats, beta_window: Floats, z_window: Floats, inp: Floats, out: Floats,
    base_slot: int, start: int, stop: int,
) -> None:  # fmt: skip
    """Bring empty windows to where they stood after the bar at ``stop - 1``: they are functions of their last bars."""
    for i in range(start, stop):
        _learn(par, state, beta_window, z_window, inp, base_slot + i, i, out[Out.SPREAD, i])


@njit
def to_log(values: Floats) -> None:
    """Natural logarithms in place, by the scalar function: a vector unit's own would differ between machines."""
    for i in range(values.size):
        values[i] = np.log(values[i])
