"""How far a rule is from being true: which of its conditions are missing, and by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from engine.alerts.rules import Condition, Expression, Feature
from engine.stats.representation import short_repr


@dataclass(frozen=True, slots=True)
class Missing:
    """A condition that is not as the rule needs it. ``value`` of the bar, NaN unknown; ``by``: how far it is from the
    level, in the metric's unit, NaN where that is not known. ``is_wanted``: False where it has to become false."""

    condition: Condition
    value: float
    by: float
    is_wanted: bool = True

    __repr__ = short_repr

    @property
    def share(self) -> float:
        """``by`` in units of the level: what compares conditions on different metrics; infinite where not known."""
        found, level = self.condition, abs(self.condition.threshold)
        scale = max(level, abs(found.upper)) if found.kind == "leaves" else level
        return math.inf if math.isnan(self.by) else self.by / (scale or 1.0)


def missing_of(expression: Expression, values: Mapping[Feature, float], is_wanted: bool = True) -> tuple[Missing, ...]:
    """What a bar with these values lacks; nothing if the expression holds there. Hysteresis is left out: it belongs to
    the conditions' memory. Of alternatives the one that lacks the least. ``is_wanted``: whether it has to hold.

    >>> found = missing_of(Condition("z", "above", 2.0), {Feature("z"): 1.5})
    >>> found[0].by
    0.5
    """
    if isinstance(expression, Condition):
        lacks = _missing(expression, values.get(expression.feature, math.nan), is_wanted)
        return () if lacks is None else (lacks,)
    if expression.kind == "not":
        return missing_of(expression.parts[0], values, not is_wanted)
    parts = [missing_of(part, values, is_wanted) for part in expression.parts]
    if (expression.kind == "all") == is_wanted:
        return tuple(each for part in parts for each in part)
    return min(parts, key=_size)


def _size(lacks: tuple[Missing, ...]) -> float:
    return math.fsum(each.share for each in lacks) if lacks else -1.0


def _missing(condition: Condition, value: float, is_wanted: bool) -> Missing | None:
    if math.isnan(value):
        return Missing(condition, value, math.nan, is_wanted)
    if condition.kind == "changes":  # true in one bar only, so it is nearly always false
        return Missing(condition, value, math.nan) if is_wanted else None
    if condition.kind == "crosses":
        return Missing(condition, value, _to_cross(condition, value)) if is_wanted else None
    beyond = _beyond(condition, value)
    if (beyond > 0.0) == is_wanted:
        return None
    return Missing(condition, value, abs(beyond), is_wanted)


def _beyond(condition: Condition, value: float) -> float:
    """How far a value is inside of what the condition wants; negative outside."""
    low = condition.threshold - value
    if condition.kind == "leaves":
        return max(low, value - condition.upper)
    return low if condition.kind == "below" else -low


def _to_cross(condition: Condition, value: float) -> float:
    """The distance of the level; NaN where it has to be crossed back first."""
    is_past = {"up": value > condition.threshold, "down": value < condition.threshold}.get(condition.direction, False)
    return math.nan if is_past else abs(value - condition.threshold)
