"""Rules as the arrays that ``kernel`` runs: instructions in postfix order, and one row a rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.alerts.kernel import DayCol, Op, OpCol, RuleCol, StateCol
from engine.alerts.rules import AlertRule, Condition, Expression, Feature, Schedule, features_of
from engine.stats.checks import Floats

_GROUPS = {"all": Op.ALL, "any": Op.ANY, "not": Op.NOT}
_DIRECTIONS = {"either": 0.0, "up": 1.0, "down": -1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Rules in the order given. ``features``: the columns of a bar's values; ``schedules``: by the number in a rule's
    row; ``spans``: of each rule, its instructions."""

    rules: tuple[AlertRule, ...]
    features: tuple[Feature, ...]
    schedules: tuple[Schedule, ...]
    ops: Floats
    rows: Floats

    def span(self, rule: int) -> slice:
        """The instructions of a rule."""
        return slice(int(self.rows[rule, RuleCol.FIRST]), int(self.rows[rule, RuleCol.LAST]))


def program_of(rules: Sequence[AlertRule]) -> Program:
    """The program of checked rules."""
    features = tuple(dict.fromkeys(feature for rule in rules for feature in features_of(rule)))
    schedules = tuple(dict.fromkeys(rule.schedule for rule in rules))
    place = {feature: at for at, feature in enumerate(features)}
    number = {schedule: at for at, schedule in enumerate(schedules)}
    ops: list[list[float]] = []
    rows = np.zeros((len(rules), len(RuleCol)))
    for at, rule in enumerate(rules):
        first = len(ops)
        ops += _instructions(rule.when, place)
        expires = math.inf if rule.expires_ms is None else float(rule.expires_ms)
        repeat = 1.0 if rule.repeat else 0.0
        cooldown_ms = 1_000.0 * rule.cooldown_s
        rows[at] = (
            first, len(ops), rule.dwell_bars, cooldown_ms, repeat, rule.cap_per_day, expires, number[rule.schedule],
        )  # fmt: skip
    table = np.array(ops, dtype=np.float64).reshape(len(ops), len(OpCol))
    return Program(tuple(rules), features, schedules, table, rows)


def _instructions(expression: Expression, place: dict[Feature, int]) -> Iterator[list[float]]:
    if isinstance(expression, Condition):
        code = Op[expression.kind.upper()]
        direction = _DIRECTIONS[expression.direction]
        levels = expression.threshold, expression.upper, expression.hysteresis
        yield [code, place[expression.feature], *levels, direction]
        return
    for part in expression.parts:
        yield from _instructions(part, place)
    yield [_GROUPS[expression.kind], len(expression.parts), 0.0, 0.0, 0.0, 0.0]


def new_states(rules: int) -> Floats:
    """States of rules on a pair that they have not seen: armed."""
    states = np.zeros((rules, len(StateCol)))
    states[:, StateCol.ARMED], states[:, StateCol.FIRED_MS] = 1.0, math.nan
    return states


def new_days(rules: int) -> Floats:
    """States of rules in all before their first bar."""
    days = np.zeros((rules, len(DayCol)))
    days[:, DayCol.DAY] = math.nan
    return days


DAY_MS = 86_400_000


def local_time(schedule: Schedule, close_ms: int, offset_ms: int) -> tuple[int, bool]:
    """(day, whether the rule may fire) at a bar's close. The day: since 1970 in the zone, whose distance from UTC is
    ``offset_ms``; its alerts count together.

    >>> local_time(Schedule(days=(3,), from_minute=60), 3_600_000, 0)  # 1970-01-01 01:00, a Thursday
    (0, True)
    """
    day, of_day_ms = divmod(close_ms + offset_ms, DAY_MS)
    weekday = (day + 3) % 7
    minute = of_day_ms // 60_000
    begin, end = schedule.from_minute, schedule.to_minute
    if begin < end:
        return day, begin <= minute < end and weekday in schedule.days
    is_early = minute < end  # the hours began on the day before
    is_inside = minute >= begin or is_early
    return day, is_inside and ((weekday - 1) % 7 if is_early else weekday) in schedule.days


def finite(values: Iterable[float]) -> list[float | None]:
    """As JSON takes them: None for NaN."""
    return [None if math.isnan(value) else value for value in values]
