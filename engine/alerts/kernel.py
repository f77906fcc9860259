"""The compiled evaluation of rules: three-valued conditions with a memory, and when a rule fires.

A value is TRUE, FALSE or UNKNOWN. A missing number (NaN) is UNKNOWN: neither true nor false. Groups follow Kleene:
``all`` is FALSE with any FALSE part, else UNKNOWN with any UNKNOWN one; ``any`` the reverse; ``not`` UNKNOWN is
UNKNOWN. A rule that is UNKNOWN in a bar keeps its state as it is.
"""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit

FALSE, TRUE, UNKNOWN = 0, 1, -1
DEEPEST = 64  # of the stack: more than the most conditions of a rule


class Op(IntEnum):
    """A program's instructions: a condition pushes its value, a group takes those of its parts."""

    ABOVE = 0
    BELOW = auto()
    CROSSES = auto()
    LEAVES = auto()
    CHANGES = auto()
    ALL = auto()
    ANY = auto()
    NOT = auto()


class OpCol(IntEnum):
    """Columns of an instruction."""

    CODE = 0
    FEATURE = auto()  # the column of the bar's values; of a group, how many parts it takes
    LOW = auto()
    HIGH = auto()
    BACK = auto()  # hysteresis
    DIRECTION = auto()  # +1 up, -1 down, 0 either


class RuleCol(IntEnum):
    """Columns of a rule."""

    FIRST = 0  # its instructions
    LAST = auto()  # after the last of them
    DWELL = auto()
    COOLDOWN_MS = auto()
    REPEAT = auto()
    CAP = auto()
    EXPIRES_MS = auto()
    SCHEDULE = auto()


class StateCol(IntEnum):
    """State of a rule on one pair or symbol."""

    ARMED = 0  # 1: the next time that it is true counts
    DWELL = auto()  # bars in which it was true, in a row
    FIRED_MS = auto()  # the close of the bar of the latest alert; NaN before


class DayCol(IntEnum):
    """State of a rule in all."""

    DAY = 0  # days since 1970 in the rule's zone; NaN before
    SENT = auto()
    HELD = auto()  # what would have been sent but for the cap


@njit
def leaf_value(ops: Floats, at: int, value: float, memory: Floats) -> int:
    """One condition. ``memory``: 1 or 0, whether it was true; of ``crosses`` the side, +1 or -1; of ``changes`` the
    value that it is compared with; NaN before the first."""
    if value != value:
        return UNKNOWN
    code, low, high, back = int(ops[at, OpCol.CODE]), ops[at, OpCol.LOW], ops[at, OpCol.HIGH], ops[at, OpCol.BACK]
    was = memory[at]
    if code == Op.CROSSES:
        return _crossing(ops[at, OpCol.DIRECTION], value, low, back, memory, at)
    if code == Op.CHANGES:
        if was != was or (value != was and not abs(value - was) <= low):
            memory[at] = value
            return TRUE if was == was else FALSE
        return FALSE
    if code == Op.ABOVE:
        is_true = value > low or (was == 1.0 and value > low - back)
    elif code == Op.BELOW:
        is_true = value < low or (was == 1.0 and value < low + back)
    else:
        is_true = value < low or value > high or (was == 1.0 and (value < low + back or value > high - back))
    memory[at] = 1.0 if is_true else 0.0
    return TRUE if is_true else FALSE


@njit
def _crossing(direction: float, value: float, level: float, back: float, memory: Floats, at: int) -> int:
    """TRUE in the bar in which the value is on the other side for the first time. It leaves a side that counts only
    beyond the hysteresis: of ``up`` the lower, of ``down`` the upper, of ``either`` both."""
    was = memory[at]
    if direction > 0.0:
        is_up, is_down = value > level, value <= level - back
    elif direction < 0.0:
        is_up, is_down = value >= level + back, value < level
    else:
        is_up, is_down = value > level + back, value < level - back
    side = 1.0 if is_up else (-1.0 if is_down else was)
    memory[at] = side
    is_crossed = was == was and side != was
    return TRUE if is_crossed and (direction == 0.0 or direction == side) else FALSE


@njit
def rule_value(
    ops: Floats, first: int, last: int, values: Floats, memory: Floats, stack: Ints
) -> tuple[int, bool]:  # fmt: skip
    """A rule's conditions at one bar, and whether their memory changed. Every condition sees every bar, so none misses
    a crossing."""
    top, is_changed = 0, False
    for at in range(first, last):
        code = int(ops[at, OpCol.CODE])
        if code <= Op.CHANGES:
            was = memory[at]
            stack[top] = leaf_value(ops, at, values[int(ops[at, OpCol.FEATURE])], memory)
            is_changed = is_changed or (memory[at] != was and memory[at] == memory[at])  # never back to NaN
            top += 1
        elif code == Op.NOT:
            if stack[top - 1] != UNKNOWN:
                stack[top - 1] = 1 - stack[top - 1]
        else:
            parts = int(ops[at, OpCol.FEATURE])
            decisive = FALSE if code == Op.ALL else TRUE
            found = 1 - decisive
            for part in range(top - parts, top):
                if stack[part] == decisive:
                    found = decisive
                elif stack[part] == UNKNOWN and found != decisive:
                    found = UNKNOWN
            top -= parts - 1
            stack[top - 1] = found
    return stack[0], is_changed


@njit
def begin_day(days: Floats, r: int, day: float) -> int:
    """The day of a bar; returns how many alerts were held back on the day before, if it is another one. A bar of an
    earlier day counts on the day of the latest."""
    held = 0
    if day > days[r, DayCol.DAY]:
        held = int(days[r, DayCol.HELD])
        days[r, DayCol.SENT] = days[r, DayCol.HELD] = 0.0
    days[r, DayCol.DAY] = day if days[r, DayCol.DAY] != days[r, DayCol.DAY] else max(day, days[r, DayCol.DAY])
    return held


@njit
def fires(rules: Floats, states: Floats, days: Floats, r: int, close_ms: float) -> bool:
    """Whether a rule that is true in this bar fires. Its state has seen the bar then."""
    need = rules[r, RuleCol.DWELL]
    states[r, StateCol.DWELL] = min(states[r, StateCol.DWELL] + 1.0, need)
    is_due = states[r, StateCol.ARMED] == 1.0 or rules[r, RuleCol.REPEAT] == 1.0
    is_cooling = close_ms - states[r, StateCol.FIRED_MS] < rules[r, RuleCol.COOLDOWN_MS]
    if states[r, StateCol.DWELL] < need or not is_due or is_cooling or not close_ms < rules[r, RuleCol.EXPIRES_MS]:
        return False
    states[r, StateCol.ARMED], states[r, StateCol.FIRED_MS] = 0.0, close_ms
    if rules[r, RuleCol.CAP] > 0.0 and days[r, DayCol.SENT] >= rules[r, RuleCol.CAP]:
        days[r, DayCol.HELD] += 1.0
        return False
    days[r, DayCol.SENT] += 1.0
    return True


@njit
def step_rules(  # noqa: PLR0913 - a compiled loop
    ops: Floats, rules: Floats, which: Ints, values: Floats, close_ms: float, local: Floats, memory: Floats,
    states: Floats, days: Floats, changed: Floats, given: Ints,
) -> int:  # fmt: skip
    """The rules ``which`` at one bar of one pair or symbol; returns how many of them give anything: in ``given[i]`` the
    rule, whether it fires, and how many alerts were held back on the day before, if one begins.

    ``local``: the day and whether it is an hour, by schedule. ``memory`` (by instruction) and ``states`` are those of
    the pair, ``days`` those of the rules in all; ``changed``: 1 where one of them did.
    """
    stack = np.empty(DEEPEST, dtype=np.int64)
    found = 0
    for i in range(which.size):
        r = which[i]
        value, is_changed = rule_value(
            ops, int(rules[r, RuleCol.FIRST]), int(rules[r, RuleCol.LAST]), values, memory, stack
        )
        schedule = int(rules[r, RuleCol.SCHEDULE])
        digest = 0
        if days[r, DayCol.DAY] != local[0, schedule]:
            digest, is_changed = begin_day(days, r, local[0, schedule]), True
        is_fired = False
        if value == FALSE and (states[r, StateCol.ARMED] != 1.0 or states[r, StateCol.DWELL] != 0.0):
            states[r, StateCol.ARMED], states[r, StateCol.DWELL], is_changed = 1.0, 0.0, True
        elif value == TRUE:
            armed, dwell, fired_ms = states[r, 0], states[r, 1], states[r, 2]
            if local[1, schedule] == 1.0:
                is_fired = fires(rules, states, days, r, close_ms)
            else:
                states[r, StateCol.DWELL] = min(dwell + 1.0, rules[r, RuleCol.DWELL])
            is_changed = is_changed or states[r, 0] != armed or states[r, 1] != dwell or states[r, 2] != fired_ms
        if is_changed:
            changed[r] = 1.0
        if is_fired or digest:
            given[found, 0], given[found, 1], given[found, 2] = r, is_fired, digest
            found += 1
    return found
