"""Rules at work: ``step``, one rule on one pair, pure; ``RuleBook``, all rules on all pairs. Both run the same kernel.

A state is a function of the bars seen so far in their order, so a restart that has it and a replay that has seen the
same bars continue alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from engine.alerts.kernel import DayCol, StateCol, step_rules
from engine.alerts.program import Program, finite, local_time, new_days, new_states, program_of
from engine.alerts.rules import AlertRule, Feature
from engine.stats.checks import Floats, Ints

Offset = Callable[[str, int], int]  # (zone, time in ms) -> ms that the zone is ahead of UTC


class BarValues(NamedTuple):
    """One bar as a rule sees it: its close, the zone's distance from UTC then, and the values by feature."""

    close_ms: int
    values: Mapping[Feature, float]
    offset_ms: int = 0


class RuleState(NamedTuple):
    """State of one rule on one pair. ``memory``: of its conditions; ``day``, ``sent`` and ``held``: of the rule in all,
    the day and how many alerts were given and held back in it."""

    armed: bool = True
    dwell: int = 0
    fired_ms: float = math.nan
    memory: tuple[float, ...] = ()
    day: float = math.nan
    sent: int = 0
    held: int = 0


class Fired(NamedTuple):
    """What a rule gives at a bar. ``is_alert``: it fires; ``digest``: how many alerts its cap held back on the day
    before, where a new one begins, else 0."""

    rule: int
    is_alert: bool
    digest: int


@lru_cache(maxsize=256)
def _program(rule: AlertRule) -> Program:
    return program_of([rule])


def step(rule: AlertRule, state: RuleState, bar: BarValues) -> tuple[RuleState, Fired | None]:
    """One rule at one bar of one pair. A feature that is not among the values is unknown."""
    program = _program(rule)
    states, days = new_states(1), new_days(1)
    states[0] = float(state.armed), state.dwell, state.fired_ms
    days[0] = state.day, state.sent, state.held
    memory = np.array(state.memory or [math.nan] * len(program.ops))
    day, is_hour = local_time(rule.schedule, bar.close_ms, bar.offset_ms)
    values = np.array([bar.values.get(feature, math.nan) for feature in program.features])
    given = np.zeros((1, 3), dtype=np.int64)
    count = step_rules(
        program.ops, program.rows, np.zeros(1, dtype=np.int64), values, float(bar.close_ms),
        np.array([[float(day)], [float(is_hour)]]), memory, states, days, np.zeros(1), given,
    )  # fmt: skip
    after = RuleState(
        bool(states[0, StateCol.ARMED]), int(states[0, StateCol.DWELL]), float(states[0, StateCol.FIRED_MS]),
        tuple(memory.tolist()), float(days[0, DayCol.DAY]), int(days[0, DayCol.SENT]), int(days[0, DayCol.HELD]),
    )  # fmt: skip
    return after, _fired(given[0].tolist()) if count else None


def _fired(given: Sequence[int]) -> Fired:
    rule, is_alert, digest = given
    return Fired(rule, bool(is_alert), digest)


@dataclass(slots=True)
class _Subject:
    """A pair or symbol: the rules on it, their states, and which of them changed since they were stored."""

    which: Ints
    memory: Floats
    states: Floats
    changed: Floats


class RuleBook:
    """Rules and their states by subject: any hashable name of a pair or symbol."""

    def __init__(self, rules: Sequence[AlertRule], offset: Offset = lambda _zone, _ms: 0) -> None:
        """``offset`` of a zone from UTC. The rules are checked ones, and enabled."""
        self.program = program_of(rules)
        self._offset = offset
        self._subjects: dict[Hashable, _Subject] = {}
        self._days = new_days(len(rules))
        self._given = np.zeros((len(rules), 3), dtype=np.int64)
        self._hours = np.zeros((2, len(self.program.schedules)))  # days, and whether it is an hour
        self._hours_at = -1

    def follow(self, subject: Hashable, rules: Iterable[int]) -> None:
        """These rules apply to a subject, by number; nothing changes for one that is known."""
        if subject not in self._subjects:
            count = len(self.program.rules)
            which = np.array(sorted(rules), dtype=np.int64)
            memory = np.full(len(self.program.ops), math.nan)
            self._subjects[subject] = _Subject(which, memory, new_states(count), np.zeros(count))

    def step(self, subject: Hashable, close_ms: int, values: Floats, which: Ints | None = None) -> list[Fired]:
        """The rules of a subject at one bar; ``values`` in the order of ``program.features``. ``which``: only these of
        them, by number, None: all."""
        one = self._subjects[subject]
        self._tell_time(close_ms)
        count = step_rules(
            self.program.ops, self.program.rows, one.which if which is None else which, values, float(close_ms),
            self._hours, one.memory, one.states, self._days, one.changed, self._given,
        )  # fmt: skip
        return [_fired(given) for given in self._given[:count].tolist()] if count else []

    def _tell_time(self, close_ms: int) -> None:
        if close_ms != self._hours_at:
            for at, schedule in enumerate(self.program.schedules):
                offset_ms = 0 if schedule.zone == "UTC" else self._offset(schedule.zone, close_ms)
                self._hours[:, at] = local_time(schedule, close_ms, offset_ms)
            self._hours_at = close_ms

    def take_changed(self) -> tuple[list[tuple[Hashable, int, list[Any]]], list[tuple[int, list[Any]]]]:
        """The states that changed since the last call, as plain JSON values: (subject, rule, state on it), and
        (rule, state in all)."""
        rules: dict[int, None] = {}
        found: list[tuple[Hashable, int, list[Any]]] = []
        for subject, one in self._subjects.items():
            for rule in np.flatnonzero(one.changed).tolist():
                state = [*finite(one.states[rule].tolist()), finite(one.memory[self.program.span(rule)].tolist())]
                found.append((subject, rule, state))
                rules[rule] = None
            one.changed[:] = 0.0
        return found, [(rule, finite(self._days[rule].tolist())) for rule in rules]

    def restore(self, subject: Hashable, rule: int, state: Sequence[Any]) -> None:
        """Set the state of a rule on a subject that is followed."""
        one, (*numbers, memory) = self._subjects[subject], state
        one.states[rule] = _floats(numbers)
        one.memory[self.program.span(rule)] = _floats(memory)

    def restore_day(self, rule: int, state: Sequence[Any]) -> None:
        """Set the state of a rule in all."""
        self._days[rule] = _floats(state)

    def day_of(self, rule: int) -> tuple[int, int]:
        """(alerts given, held back) on the day of the rule's latest bar."""
        return int(self._days[rule, DayCol.SENT]), int(self._days[rule, DayCol.HELD])

    def is_armed(self, subject: Hashable, rule: int) -> bool:
        """Whether the next time that the rule is true on this subject counts."""
        return bool(self._subjects[subject].states[rule, StateCol.ARMED])

    def fired_ms(self, subject: Hashable, rule: int) -> float:
        """The close of the bar of the rule's latest alert on this subject; NaN before."""
        return float(self._subjects[subject].states[rule, StateCol.FIRED_MS])


def _floats(values: Iterable[float | None]) -> Floats:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
