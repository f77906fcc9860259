"""A rule over stored bars: where it would have fired. The same compiled step as live, bar by bar."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.alerts.evaluator import Offset
from engine.alerts.kernel import DayCol, step_rules
from engine.alerts.program import local_time, new_days, new_states, program_of
from engine.alerts.rules import AlertRule, Feature, Schedule
from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit
from engine.stats.representation import short_repr

DAY_MS = 86_400_000


def utc(_zone: str, _at_ms: int) -> int:
    """The distance of UTC from itself."""
    return 0


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Stored bars of one pair or symbol, rising. ``values``: shape (features, bars); ``offset`` of zones from UTC."""

    close_ms: Ints
    features: tuple[Feature, ...]
    values: Floats
    offset: Offset = utc

    __repr__ = short_repr

    @property
    def bars(self) -> int:
        """How many."""
        return self.close_ms.size

    @property
    def days(self) -> float:
        """How long they are: as many bars of the usual width, without the gaps between runs."""
        if self.bars < 2:
            return 0.0
        return self.bars * float(np.median(np.diff(self.close_ms))) / DAY_MS

    def column(self, feature: Feature) -> Floats:
        """The values of one feature."""
        values: Floats = self.values[self.features.index(feature)]
        return values

    def part(self, start: int, stop: int) -> History:
        """The bars at ``start`` up to before ``stop``."""
        return History(self.close_ms[start:stop], self.features, self.values[:, start:stop], self.offset)

    def local(self, schedule: Schedule) -> Floats:
        """The day and whether it is an hour, one row each."""
        if schedule == Schedule():
            return np.stack([self.close_ms // DAY_MS, np.ones(self.bars)]).astype(np.float64)
        found = [local_time(schedule, at, self.offset(schedule.zone, at)) for at in self.close_ms.tolist()]
        return np.array(found, dtype=np.float64).reshape(self.bars, 2).T.copy()


@dataclass(frozen=True, slots=True, eq=False)
class Firings:
    """What a rule gave: the places of its alerts, and of the bars in which its cap held one back."""

    fired: Ints
    held: Ints

    __repr__ = short_repr


def firings(rule: AlertRule, history: History, local: Floats | None = None) -> Firings:
    """A checked rule over stored bars, from a new state on; ``local``: that of its schedule, if it is there already."""
    program = program_of([rule])
    values = np.full((history.bars, len(program.features)), math.nan)
    for at, feature in enumerate(program.features):
        if feature in history.features:
            values[:, at] = history.column(feature)
    times = history.local(rule.schedule) if local is None else local
    found = np.zeros(history.bars, dtype=np.int64)
    replay_kernel(
        program.ops, program.rows, values, history.close_ms.astype(np.float64), np.ascontiguousarray(times.T),
        new_states(1), new_days(1), found,
    )  # fmt: skip
    return Firings(np.flatnonzero(found == 1), np.flatnonzero(found == 2))


@njit
def replay_kernel(
    ops: Floats, rules: Floats, values: Floats, close_ms: Floats, local: Floats, states: Floats, days: Floats,
    found: Ints,
) -> None:  # fmt: skip
    """One rule over bars, ``values`` of shape (bars, features); ``found``: 1 where it fires, 2 where it is held back.
    The states are those before the first bar, and after it those after the last."""
    which, given, changed = np.zeros(1, dtype=np.int64), np.zeros((1, 3), dtype=np.int64), np.zeros(1)
    memory = np.full(ops.shape[0], np.nan)
    now = np.empty((2, 1))
    for t in range(close_ms.size):
        now[0, 0], now[1, 0] = local[t, 0], local[t, 1]
        held, day = days[0, DayCol.HELD], days[0, DayCol.DAY]
        count = step_rules(ops, rules, which, values[t], close_ms[t], now, memory, states, days, changed, given)
        if count and given[0, 1]:
            found[t] = 1
        elif days[0, DayCol.HELD] > (held if days[0, DayCol.DAY] == day else 0.0):
            found[t] = 2
