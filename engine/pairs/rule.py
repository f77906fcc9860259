"""The rule: the action at a bar's close, and why an entry was blocked. Reasons block entries only, never exits."""

from __future__ import annotations

from engine.pairs.enums import Action, Flag, Reason
from engine.pairs.layout import At, Floats, In, Out, Par
from engine.stats.jit import njit


@njit
def round_trip(par: Par, y: Floats, x: Floats, at_y: int, at_x: int, beta: float) -> float:
    """Four fills, each with its fee and half-spread, in the unit of the spread. NaN while a half-spread is unknown."""
    half_y = half_x = par.half_spread
    if half_y != half_y:
        half_y, half_x = y[In.HALF, at_y], x[In.HALF, at_x]
    cost_y, cost_x = par.fee + half_y, par.fee + half_x
    if par.is_price_space:
        row = par.price
        cost_y *= y[row, at_y]
        cost_x *= x[row, at_x]
    return float(2.0 * (cost_y + abs(beta) * cost_x))


@njit
def dollar_hedge(par: Par, y: Floats, x: Floats, at_y: int, at_x: int, beta: float) -> float:
    """Dollars of X per dollar of Y. Equal to beta in log space; in price space beta is a ratio of coins."""
    if par.is_price_space:
        return float(beta * x[par.price, at_x] / y[par.price, at_y])
    return beta


@njit
def is_tradable(par: Par, hedge: float) -> bool:
    """Whether a hedge, in dollars of X per dollar of Y, is in the range; False for an unknown one."""
    size = abs(hedge) if par.negative_hedge else hedge
    return par.hedge_min <= size <= par.hedge_max


@njit
def decide(  # noqa: PLR0913 - a compiled loop
    par: Par,
    state: Floats,
    out: Floats,
    slot: int,
    i: int,
    flags: int,
    age: float,
    z: float,
    cost_z: float,
    hedge: float,
) -> None:
    """Position, action and reason of the bar at place ``i``; ``age`` of the older leg, in ms; ``hedge`` in dollars."""
    position = state[At.POSITION]
    action, reason = 0, 0  # none
    if position != 0.0:
        reason = _leave(par, state, slot, -position * z)
        if reason != Reason.NONE:
            action = Action.EXIT
            state[At.POSITION] = 0.0
            state[At.LEFT] = slot
        elif abs(z) >= par.entry:
            action, reason = Action.NO_ENTRY, Reason.IN_POSITION
    elif abs(z) >= par.entry:
        reason = _objection(par, state, slot, flags, age, out[Out.COVERAGE, i], abs(z), cost_z, hedge)
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
def _leave(par: Par, state: Floats, slot: int, away: float) -> int:
    """Why to exit; ``away`` is z signed by the entry side: + further out, - beyond the mean."""
    if away <= par.exit:
        return Reason.TARGET
    if away >= par.stop:
        return Reason.STOP
    if slot - state[At.ENTERED] >= par.max_hold:
        return Reason.TIME
    return Reason.NONE


@njit
def _objection(  # noqa: PLR0913 - a compiled loop
    par: Par,
    state: Floats,
    slot: int,
    flags: int,
    age: float,
    coverage: float,
    away: float,
    cost_z: float,
    hedge: float,
) -> int:
    """The first reason not to enter."""
    if flags & Flag.BRIDGE_DOWN:
        return Reason.BRIDGE_DOWN
    if slot - state[At.TAINTED] < par.taint_window or coverage < par.least_coverage:
        return Reason.TAINTED_GAP
    if age > par.stale_ms:
        return Reason.STALE_LEG
    if flags & (Flag.Y_FILLED | Flag.X_FILLED):
        return Reason.FILLED_BAR
    if par.gated and state[At.GATE] != 1.0:
        return Reason.GATE_CLOSED if state[At.GATE] == 0.0 else Reason.WARMUP
    if state[At.BROKEN] == slot:
        return Reason.BREAK
    if abs(state[At.Z_MEAN]) > par.centre_limit * state[At.Z_DEVIATION]:
        return Reason.OFF_CENTRE
    if away >= par.max_z:
        return Reason.MAX_Z
    if par.cost_filter and not away >= par.exit + cost_z:
        return Reason.BELOW_COST
    if slot - state[At.LEFT] <= par.cooldown:
        return Reason.COOLDOWN
    if not is_tradable(par, hedge):
        return Reason.HEDGE_RANGE
    return Reason.NONE
