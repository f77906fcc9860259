"""The rule: the action at a bar's close, and why an entry was blocked. Reasons block entries only, never exits.

A decision has two parts. What speaks against an entry at a bar whatever the thresholds are (``standing_objection``)
depends on the market and the windows. What z, thresholds and position make of it (``rule_step``) needs seven numbers a
bar, so a sweep over thresholds runs this same function on inputs that were computed once.
"""

from __future__ import annotations

from engine.pairs.costs import fill_cost, quote_move
from engine.pairs.enums import Action, Flag, Reason
from engine.pairs.layout import At, Floats, In, Out, Par
from engine.pairs.settings import ENTRY_MODES
from engine.stats.jit import inlined, njit

SIMPLE, UPTICK, DOWNTICK = range(len(ENTRY_MODES))


@njit
def round_trip(par: Par, y: Floats, x: Floats, at_y: int, at_x: int, beta: float) -> float:
    """Four fills, each with its fee, half-spread and slippage, in the unit of the spread; NaN while one is unknown."""
    half_y = half_x = par.half_spread
    if half_y != half_y:
        half_y, half_x = y[In.HALF, at_y], x[In.HALF, at_x]
    cost_y, cost_x = fill_cost(par.fee, half_y, par.slippage), fill_cost(par.fee, half_x, par.slippage)
    if par.is_price_space:
        row = par.price
        cost_y *= y[row, at_y]
        cost_x *= x[row, at_x]
    return float(2.0 * (cost_y + abs(beta) * cost_x))


@njit
def quote_distance(par: Par, y: Floats, x: Floats, at_y: int, at_x: int, beta: float, is_bought: bool) -> float:
    """How far the spread at the quotes that an order takes is from that at the mids, in its unit; NaN while a quote is
    unknown. ``is_bought``: the spread, so Y, and X where beta is negative."""
    half_y = half_x = par.half_spread
    if half_y != half_y:
        half_y, half_x = y[In.HALF, at_y], x[In.HALF, at_x]
    in_price, row = par.is_price_space, par.price
    of_y = quote_move(in_price, is_bought, y[row, at_y], half_y)
    return float(of_y + abs(beta) * quote_move(in_price, is_bought == (beta < 0.0), x[row, at_x], half_x))


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


@inlined
def decide(  # noqa: PLR0913 - a compiled loop
    par: Par, state: Floats, out: Floats, slot: int, i: int, flags: int, age: float, z: float, cost_z: float,
    quote_z: float, hedge: float,
) -> None:  # fmt: skip
    """Position, action and reason of the bar at place ``i``; ``age`` of the older leg, in ms; ``hedge`` in dollars."""
    objection = standing_objection(par, state, slot, flags, age, out[Out.COVERAGE, i], hedge)
    action, reason = rule_step(par, state, slot, z, cost_z, quote_z, objection, par.half_life)
    out[Out.OBJECTION, i] = objection
    out[Out.POSITION, i] = state[At.POSITION]
    out[Out.ACTION, i] = action
    out[Out.REASON, i] = reason


@inlined
def rule_step(
    par: Par, state: Floats, slot: int, z: float, cost_z: float, quote_z: float, objection: int, half_life: float
) -> tuple[int, int]:
    """Action and reason at one bar. Reads and writes POSITION, ENTERED, LEFT and LAST_Z of ``state``, nothing else.

    ``objection``: the bar's ``standing_objection``; ``half_life`` of the run's calibration in bars, inf before it.
    """
    position = state[At.POSITION]
    action, reason = 0, 0  # none
    if position != 0.0:
        reason = _leave(par, state, slot, -position * z, half_life)
        if reason != Reason.NONE:
            action = Action.EXIT
            state[At.POSITION] = 0.0
            state[At.LEFT] = slot
        elif is_entry_signal(par, z, state[At.LAST_Z]):
            action, reason = Action.NO_ENTRY, Reason.IN_POSITION
    elif is_entry_signal(par, z, state[At.LAST_Z]):
        reason = _objection(par, state, slot, abs(z), cost_z, quote_z, objection)
        if reason != Reason.NONE:
            action = Action.NO_ENTRY
        else:
            action = Action.ENTER_SHORT if z > 0.0 else Action.ENTER_LONG
            state[At.POSITION] = -1.0 if z > 0.0 else 1.0
            state[At.ENTERED] = slot
    state[At.LAST_Z] = z
    return action, reason


@njit
def is_entry_signal(par: Par, z: float, last_z: float) -> bool:
    """Whether z asks for an entry: beyond the threshold (simple), just gone beyond it (uptick), or just come back from
    beyond it without being at the exit yet (downtick). A crossing needs the bar before: an unknown z is no signal."""
    away = abs(z)
    if par.entry_mode == SIMPLE:
        return away >= par.entry
    was_beyond = z * last_z > 0.0 and abs(last_z) >= par.entry
    if par.entry_mode == UPTICK:
        return away >= par.entry and last_z == last_z and not was_beyond
    return was_beyond and par.exit < away < par.entry


@njit
def _leave(par: Par, state: Floats, slot: int, away: float, half_life: float) -> int:
    """Why to exit; ``away`` is z signed by the entry side: + further out, - beyond the mean."""
    if away <= par.exit:
        return Reason.TARGET
    if away >= par.stop:
        return Reason.STOP
    if slot - state[At.ENTERED] >= par.max_hold * half_life:
        return Reason.TIME
    return Reason.NONE


@inlined
def standing_objection(
    par: Par, state: Floats, slot: int, flags: int, age: float, coverage: float, hedge: float
) -> int:
    """The first reason against any entry at this bar; thresholds and the position have no part in it.

    A hedge out of range comes last, after the objections of ``rule_step``.
    """
    reason = 0  # none; and the type for the compiler: a number, not a member of an enum
    if flags & Flag.BRIDGE_DOWN:
        reason = Reason.BRIDGE_DOWN
    elif slot - state[At.TAINTED] < par.taint_window or coverage < par.least_coverage:
        reason = Reason.TAINTED_GAP
    elif age > par.stale_ms:
        reason = Reason.STALE_LEG
    elif flags & (Flag.Y_FILLED | Flag.X_FILLED):
        reason = Reason.FILLED_BAR
    elif par.gated and state[At.GATE] != 1.0:
        reason = Reason.GATE_CLOSED if state[At.GATE] == 0.0 else Reason.WARMUP
    elif state[At.BROKEN] == slot:
        reason = Reason.BREAK
    elif abs(state[At.Z_MEAN]) > par.centre_limit * state[At.Z_DEVIATION]:
        reason = Reason.OFF_CENTRE
    elif not is_tradable(par, hedge):
        reason = Reason.HEDGE_RANGE
    return reason


@njit
def _objection(par: Par, state: Floats, slot: int, away: float, cost_z: float, quote_z: float, standing: int) -> int:
    """The first reason not to enter."""
    if standing != Reason.NONE and standing != Reason.HEDGE_RANGE:
        return standing
    if away >= par.max_z:
        return Reason.MAX_Z
    if par.at_quotes and not away - quote_z >= (par.exit if par.entry_mode == DOWNTICK else par.entry):
        return Reason.NOT_EXECUTABLE
    if par.cost_filter and not away >= par.exit + cost_z:
        return Reason.BELOW_COST
    if slot - state[At.LEFT] <= par.cooldown:
        return Reason.COOLDOWN
    return standing
