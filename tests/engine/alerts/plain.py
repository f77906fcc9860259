"""A plain recursive evaluator of alert rules, written from docs/alerts.md, to compare the compiled one with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from engine.alerts.rules import AlertRule, Condition, Expression, Feature

DAY_MS = 86_400_000


@dataclass
class PlainRule:
    """One rule on one pair. None: unknown."""

    rule: AlertRule
    memory: dict[int, float | bool | str] = field(default_factory=dict)
    armed: bool = True
    run_of_true: int = 0
    fired_ms: float = -math.inf
    day: int | None = None
    sent: int = 0
    held: int = 0
    leaf: int = 0
    met: dict[int, bool] = field(default_factory=dict)  # by leaf, in this bar: true without its hysteresis

    def step(self, close_ms: int, values: dict[Feature, float]) -> tuple[bool, int]:
        """(whether it fires, how many were held back on the day before)."""
        self.leaf = 0
        truth = self.value(self.rule.when, values)
        digest = 0
        day = close_ms // DAY_MS
        if self.day is not None and day > self.day:
            digest, self.sent, self.held = self.held, 0, 0
        self.day = day if self.day is None else max(self.day, day)
        if truth is False:
            self.armed, self.run_of_true = True, 0
        if truth is not True:
            return False, digest
        self.run_of_true += 1
        minute, weekday = close_ms // 60_000 % 1_440, (day + 3) % 7
        schedule = self.rule.schedule
        is_hour = weekday in schedule.days and schedule.from_minute <= minute < schedule.to_minute
        is_expired = self.rule.expires_ms is not None and close_ms >= self.rule.expires_ms
        is_cooling = close_ms < self.fired_ms + 1_000 * self.rule.cooldown_s
        if self.run_of_true < self.rule.dwell_bars or is_cooling or is_expired or not is_hour:
            return False, digest
        if not self.armed and not self.rule.repeat:
            return False, digest
        self.leaf = 0
        if self.value(self.rule.when, values, is_met=True) is not True:
            return False, digest
        self.armed, self.fired_ms = False, close_ms
        if self.rule.cap_per_day and self.sent >= self.rule.cap_per_day:
            self.held += 1
            return False, digest
        self.sent += 1
        return True, digest

    def value(self, expression: Expression, values: dict[Feature, float], is_met: bool = False) -> bool | None:
        """``is_met``: what each condition was found to be in this bar, without its hysteresis."""
        if isinstance(expression, Condition):
            number, self.leaf = self.leaf, self.leaf + 1
            value = values[expression.feature]
            if math.isnan(value):
                return None
            return self.met[number] if is_met else self.condition(number, expression, value)
        parts = [self.value(part, values, is_met) for part in expression.parts]
        if expression.kind == "not":
            return None if parts[0] is None else not parts[0]
        decisive = expression.kind == "any"
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive

    def condition(self, number: int, asked: Condition, value: float) -> bool:
        low, high, back = asked.threshold, asked.upper, asked.hysteresis
        before = self.memory.get(number)
        if asked.kind == "changes":
            is_other = before is None or (value != before and not abs(value - float(before)) <= low)
            if is_other:
                self.memory[number] = value
            self.met[number] = is_other and before is not None
            return self.met[number]
        if asked.kind == "crosses":
            self.met[number] = self.crossing(number, asked, value)
            return self.met[number]
        beyond, inside = {
            "above": (value > low, value <= low - back),
            "below": (value < low, value >= low + back),
            "leaves": (value < low or value > high, low + back <= value <= high - back),
        }[asked.kind]
        self.met[number] = beyond
        self.memory[number] = beyond or (before is True and not inside)
        return bool(self.memory[number])

    def crossing(self, number: int, asked: Condition, value: float) -> bool:
        level, back, before = asked.threshold, asked.hysteresis, self.memory.get(number)
        upper = level if asked.direction == "up" else level + back
        lower = level if asked.direction == "down" else level - back
        side = before
        if value > upper or (asked.direction == "down" and value == upper):
            side = "up"
        elif value < lower or (asked.direction == "up" and value == lower):
            side = "down"
        if side is not None:
            self.memory[number] = side
        return before is not None and side != before and asked.direction in ("either", side)
