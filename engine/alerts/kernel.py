"""The compiled evaluation of rules: three-valued conditions with a memory, and when a rule fires.

A value is TRUE, FALSE or UNKNOWN. A missing number (NaN) is UNKNOWN: neither true nor false. Groups follow Kleene:
``all`` is FALSE with any FALSE part, else UNKNOWN with any UNKNOWN one; ``any`` the reverse; ``not`` UNKNOWN is
UNKNOWN. A rule that is UNKNOWN in a bar keeps its state as it is. A rule that is TRUE is MET as well if it is so
without any hysteresis: only then is what its alert would say so.
"""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit

FALSE, TRUE, MET, UNKNOWN = 0, 1, 2, -1


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
def leaf_value(
    code: int, direction: float, value: float, low: float, high: float, back: float, was: float
) -> tuple[int, float]:  # fmt: skip
    """One condition, and its memory after this bar; ``was``: before. The memory is 1 or 0, whether it was true; of
    ``crosses`` the side, +1 or -1; of ``changes`` the value that it is compared with; NaN before the first."""
    if value != value:
        return UNKNOWN, was
    if code == Op.CROSSES:
        is_crossed, side = crossing(direction, value, low, back, was)
        return MET if is_crossed else FALSE, side
    if code == Op.CHANGES:
        if was != was or (value != was and not abs(value - was) <= low):
            return MET if was == was else FALSE, value
        return FALSE, was
    if code == Op.ABOVE:
        is_met, is_kept = value > low, value > low - back
    elif code == Op.BELOW:
        is_met, is_kept = value < low, value < low + back
    else:
        is_met, is_kept = value < low or value > high, value < low + back or value > high - back
    if is_met:
        return MET, 1.0
    return (TRUE, 1.0) if was == 1.0 and is_kept else (FALSE, 0.0)


@njit
def crossing(direction: float, value: float, level: float, back: float, was: float) -> tuple[bool, float]:
    """True in the bar in which the value is on the other side for the first time. It leaves a side that counts only
    beyond the hysteresis: of ``up`` the lower, of ``down`` the upper, of ``either`` both."""
    if direction > 0.0:
        is_up, is_down = value > level, value <= level - back
    elif direction < 0.0:
        is_up, is_down = value >= level + back, value < level
    else:
        is_up, is_down = value > level + back, value < level - back
    side = 1.0 if is_up else (-1.0 if is_down else was)
    is_crossed = was == was and side != was
    return is_crossed and (direction == 0.0 or direction == side), side


@njit
def combined(code: int, parts: int, top: int, true: int, unknown: int) -> tuple[int, int]:
    """The newest ``parts`` of ``top`` values as one. Values are bits: set in ``true``, or in ``unknown``, or false."""
    if code == Op.NOT:
        last = 1 << (top - 1)
        return (true if unknown & last else true ^ last), unknown
    first = 1 << (top - parts)
    mask = (first << parts) - first
    if code == Op.ALL:
        is_false, is_true = (true | unknown) & mask != mask, true & mask == mask
    else:
        is_false, is_true = (true | unknown) & mask == 0, true & mask != 0
    true, unknown = true & ~mask, unknown & ~mask
    if is_true:
        return true | first, unknown
    return (true, unknown) if is_false else (true, unknown | first)


@njit
def evaluate(
    ops: Floats, rules: Floats, which: Ints, values: Floats, memory: Floats, changed: Floats, truth: Ints
) -> None:  # fmt: skip
    """The conditions of the rules ``which`` at one bar: ``truth[i]`` of ``which[i]``; ``changed``: 1 for rules whose
    memory did. Every condition sees every bar, so none misses a crossing. Only numbers are passed on: an array as an
    argument costs more than a condition."""
    for i in range(which.size):
        r, top, true, unknown, met, not_known = which[i], 0, 0, 0, 0, 0  # the last two: without any hysteresis
        for at in range(int(rules[r, RuleCol.FIRST]), int(rules[r, RuleCol.LAST])):
            code, place = int(ops[at, OpCol.CODE]), int(ops[at, OpCol.FEATURE])
            if code <= Op.CHANGES:
                value, after = leaf_value(
                    code, ops[at, OpCol.DIRECTION], values[place], ops[at, OpCol.LOW], ops[at, OpCol.HIGH],
                    ops[at, OpCol.BACK], memory[at],
                )  # fmt: skip
                if after != memory[at] and after == after:
                    memory[at], changed[r] = after, 1.0
                true |= (value >= TRUE) << top
                met |= (value == MET) << top
                unknown |= (value == UNKNOWN) << top
                not_known |= (value == UNKNOWN) << top
                top += 1
            else:
                true, unknown = combined(code, place, top, true, unknown)
                met, not_known = combined(code, place, top, met, not_known)
                top -= place - 1
        truth[i] = UNKNOWN if unknown & 1 else (true & 1) + (true & met & 1)


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
def fires(rules: Floats, states: Floats, days: Floats, r: int, close_ms: float, is_met: bool) -> bool:
    """Whether a rule that is true in this bar fires: only where it is met. Its state has seen the bar then."""
    need = rules[r, RuleCol.DWELL]
    states[r, StateCol.DWELL] = min(states[r, StateCol.DWELL] + 1.0, need)
    is_due = states[r, StateCol.ARMED] == 1.0 or rules[r, RuleCol.REPEAT] == 1.0
    is_cooling = close_ms - states[r, StateCol.FIRED_MS] < rules[r, RuleCol.COOLDOWN_MS]
    is_over = not close_ms < rules[r, RuleCol.EXPIRES_MS]
    if states[r, StateCol.DWELL] < need or not is_due or is_cooling or is_over or not is_met:
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
    truth = np.empty(which.size, dtype=np.int64)
    evaluate(ops, rules, which, values, memory, changed, truth)
    found = 0
    for i in range(which.size):
        r, value, digest, is_fired = which[i], truth[i], 0, False
        schedule = int(rules[r, RuleCol.SCHEDULE])
        if days[r, DayCol.DAY] != local[0, schedule]:
            digest, changed[r] = begin_day(days, r, local[0, schedule]), 1.0
        if value == FALSE and (states[r, StateCol.ARMED] != 1.0 or states[r, StateCol.DWELL] != 0.0):
            states[r, StateCol.ARMED], states[r, StateCol.DWELL], changed[r] = 1.0, 0.0, 1.0
        elif value >= TRUE:
            armed, dwell, fired_ms = states[r, 0], states[r, 1], states[r, 2]
            if local[1, schedule] == 1.0:
                is_fired = fires(rules, states, days, r, close_ms, value == MET)
            else:
                states[r, StateCol.DWELL] = min(dwell + 1.0, rules[r, RuleCol.DWELL])
            if states[r, 0] != armed or states[r, 1] != dwell or states[r, 2] != fired_ms:
                changed[r] = 1.0
        if is_fired or digest:
            given[found, 0], given[found, 1], given[found, 2] = r, is_fired, digest
            found += 1
    return found
