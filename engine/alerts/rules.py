"""What an alert rule is: conditions on metrics, combined, and when and how often it may fire.

A rule is a value: a changed rule is another one. ``check_rule`` refuses what contradicts itself. The words are defined
in ``docs/alerts.md``; ``program`` turns a rule into what ``kernel`` runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.alerts.metrics import METRICS
from engine.errors import SettingsError

KINDS = ("above", "below", "crosses", "leaves", "changes")
DIRECTIONS = ("either", "up", "down")
GROUPS = ("all", "any", "not")
SCOPES = ("pair", "symbol", "watched")
SEVERITIES = ("info", "warning", "critical")
PULSES = ("crosses", "changes")  # true in one bar only
DAY_MINUTES = 1_440
MAX_DEPTH = 8  # of groups in groups
MAX_LEAVES = 32
MAX_NAME = 100
MAX_WINDOW = 5_000


@dataclass(frozen=True, slots=True)
class Condition:
    """One metric against one or two levels.

    ``kind``: ``above`` and ``below`` a ``threshold``; ``crosses`` it, in a ``direction``; ``leaves`` the range from
    ``threshold`` to ``upper``; ``changes``, by more than ``threshold``. ``hysteresis``, in the metric's unit: how far
    the value has to come back before the condition can be true anew. ``leg``: whose value a metric of one leg has.
    ``window`` in bars, for a metric over a window; 0: the metric's own.
    """

    metric: str
    kind: str
    threshold: float = 0.0
    upper: float = math.inf
    direction: str = "either"
    hysteresis: float = 0.0
    leg: str = "y"
    window: int = 0

    @property
    def feature(self) -> Feature:
        """What it reads of a bar."""
        metric = METRICS[self.metric]
        window = (self.window or metric.window) if metric.window else 0
        return Feature(self.metric, self.leg if metric.of == "leg" else "", window)


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of values: a metric, of a leg where it belongs to one, over a window of bars where it has one."""

    metric: str
    leg: str = ""
    window: int = 0

    @property
    def label(self) -> str:
        """As it is named in an alert's values.

        >>> Feature("correlation", window=100).label, Feature("price", "y").label
        ('correlation_100', 'price_y')
        """
        return "_".join([self.metric, *filter(None, (self.leg, str(self.window or "")))])


@dataclass(frozen=True, slots=True)
class Group:
    """``all`` of the parts, ``any`` of them, or ``not`` the one part."""

    kind: str
    parts: tuple[Expression, ...]


Expression: TypeAlias = Condition | Group


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose bars a rule is evaluated on: of one ``pair``, of one ``symbol`` (in ``y``), or of every ``watched`` pair
    (of one market, if ``market`` is given)."""

    kind: str = "watched"
    market: str = ""
    y: str = ""
    x: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a rule may fire: on these days (0 is Monday), from one minute of the day up to another, in this zone. With
    ``from_minute`` above ``to_minute`` the hours go over midnight, and belong to the day on which they begin."""

    zone: str = "UTC"
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    from_minute: int = 0
    to_minute: int = DAY_MINUTES


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule. ``dwell_bars``: it has to be true at this many evaluated bars in a row. ``cooldown_s``: between two
    alerts on the same pair or symbol. ``repeat``: again after each cool-down while it stays true. ``cap_per_day``:
    never more alerts a day, all pairs together; 0: no cap. ``budget_per_day``: what the threshold was solved for, for
    display. ``expires_ms``: no alert from then on. ``channels``: the ids of where its alerts are sent."""

    name: str
    when: Expression
    scope: Scope = field(default_factory=Scope)
    severity: str = "warning"
    enabled: bool = True
    schedule: Schedule = field(default_factory=Schedule)
    expires_ms: int | None = None
    dwell_bars: int = 1
    cooldown_s: float = 0.0
    repeat: bool = False
    cap_per_day: int = 0
    budget_per_day: float | None = None
    channels: tuple[str, ...] = ()


def leaves_of(expression: Expression) -> Iterator[Condition]:
    """The conditions, from left to right."""
    if isinstance(expression, Condition):
        yield expression
    else:
        for part in expression.parts:
            yield from leaves_of(part)


def features_of(rule: AlertRule) -> tuple[Feature, ...]:
    """What a rule reads of a bar, each once."""
    return tuple(dict.fromkeys(leaf.feature for leaf in leaves_of(rule.when)))


def check_rule(rule: AlertRule) -> AlertRule:
    """The rule. Raises SettingsError with what was found and what was expected."""
    _require(0 < len(rule.name.strip()) <= MAX_NAME, f"a name of {len(rule.name)} characters", f"1 to {MAX_NAME}")
    _known("severity", rule.severity, SEVERITIES)
    _check_scope(rule.scope)
    _check_expression(rule.when, rule.scope, 1)
    leaves = list(leaves_of(rule.when))
    _require(len(leaves) <= MAX_LEAVES, f"{len(leaves)} conditions", f"at most {MAX_LEAVES}")
    _check_schedule(rule.schedule)
    _require(1 <= rule.dwell_bars <= MAX_WINDOW, f"dwell_bars is {rule.dwell_bars}", f"1 to {MAX_WINDOW}")
    pulses = [leaf.kind for leaf in leaves if leaf.kind in PULSES]
    if rule.dwell_bars > 1:
        _require(
            not pulses,
            f"dwell_bars is {rule.dwell_bars} with a condition that {pulses[:1]}",
            "1, as it is true in one bar only",
        )
    _require(0.0 <= rule.cooldown_s < math.inf, f"cooldown_s is {rule.cooldown_s}", "0 or more")
    _require(not rule.repeat or rule.cooldown_s > 0.0, "repeat without a cool-down", "cooldown_s above 0")
    _require(0 <= rule.cap_per_day <= 100_000, f"cap_per_day is {rule.cap_per_day}", "0 (no cap) to 100,000")
    budget = rule.budget_per_day
    _require(budget is None or 0.0 < budget < math.inf, f"budget_per_day is {budget}", "above 0")
    return rule


def _check_expression(expression: Expression, scope: Scope, depth: int) -> None:
    if isinstance(expression, Condition):
        _check_condition(expression, scope)
        return
    _known("group", expression.kind, GROUPS)
    _require(depth <= MAX_DEPTH, "more groups in groups", f"a depth of at most {MAX_DEPTH}")
    parts = len(expression.parts)
    most = 1 if expression.kind == "not" else MAX_LEAVES
    _require(1 <= parts <= most, f"{expression.kind!r} of {parts} parts", f"1 to {most}" if most > 1 else "1")
    for part in expression.parts:
        _check_expression(part, scope, depth + 1)


def _check_condition(found: Condition, scope: Scope) -> None:
    _known("metric", found.metric, tuple(METRICS))
    _known("kind", found.kind, KINDS)
    _known("direction", found.direction, DIRECTIONS)
    _known("leg", found.leg, ("y", "x"))
    metric = METRICS[found.metric]
    if scope.kind == "symbol":
        _require(metric.of != "pair", f"{found.metric} of a symbol", "a metric of a symbol, or a pair in the scope")
    _require(math.isfinite(found.threshold), f"threshold is {found.threshold}", "a finite number")
    _require(0.0 <= found.hysteresis < math.inf, f"hysteresis is {found.hysteresis}", "0 or more")
    if found.kind == "leaves":
        width = found.upper - found.threshold
        _require(width > 0.0 and math.isfinite(width), f"upper is {found.upper}", f"above {found.threshold}, finite")
        _require(found.hysteresis < width / 2.0, f"hysteresis is {found.hysteresis}", "below half of the range")
    if found.kind == "changes":
        _require(found.threshold >= 0.0, f"threshold is {found.threshold}", "0 or more for a change")
    allowed = f"{metric.least_window} to {MAX_WINDOW} bars, or 0"
    if found.window:
        _require(metric.window > 0, f"a window of {found.window} bars for {found.metric}", "0, as it has none")
        _require(metric.least_window <= found.window <= MAX_WINDOW, f"window is {found.window}", allowed)


def _check_scope(scope: Scope) -> None:
    _known("scope", scope.kind, SCOPES)
    named = {"pair": (scope.market, scope.y, scope.x), "symbol": (scope.market, scope.y), "watched": ()}[scope.kind]
    _require(all(named), f"a scope {scope.kind!r} of {named}", "its market and symbols")
    _require(scope.kind == "pair" or not scope.x, f"x is {scope.x!r}", "none but for a pair")
    _require(scope.kind != "pair" or scope.y != scope.x, f"{scope.y} on itself", "two symbols")


def _check_schedule(found: Schedule) -> None:
    days = found.days
    _require(
        len(days) > 0 and set(days) <= set(range(7)) and len(set(days)) == len(days),
        f"days are {days}",
        "some of 0 to 6, each once",
    )
    for name, minute in (("from_minute", found.from_minute), ("to_minute", found.to_minute)):
        _require(0 <= minute <= DAY_MINUTES, f"{name} is {minute}", f"0 to {DAY_MINUTES}")
    _require(found.from_minute != found.to_minute, f"both hours are at minute {found.to_minute}", "two different ones")


def _known(name: str, found: str, allowed: tuple[str, ...]) -> None:
    _require(found in allowed, f"{name} is {found!r}", f"one of {', '.join(allowed)}")


def _require(is_met: bool, found: str, expected: str) -> None:
    if not is_met:
        raise SettingsError(f"{found}; expected {expected}")
