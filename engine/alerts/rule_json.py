"""Rules as plain JSON values, for the store and for programs, and in words."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from engine.alerts.metrics import METRICS
from engine.alerts.rules import DAY_MINUTES, AlertRule, Condition, Expression, Group, Schedule, Scope, check_rule
from engine.errors import SettingsError

Json = dict[str, Any]
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LISTS = {"days", "channels"}


def rule_to_json(rule: AlertRule) -> Json:
    """A group is ``{"all": [...]}``, ``{"any": [...]}`` or ``{"not": [...]}``; everything else has the names of the
    fields, without those at their default.

    >>> rule_to_json(AlertRule("far", Condition("z", "above", 2.0)))
    {'name': 'far', 'when': {'metric': 'z', 'kind': 'above', 'threshold': 2.0}}
    """
    found = _fields(rule)
    found["when"] = _expression_to_json(rule.when)
    for name, part in (("scope", rule.scope), ("schedule", rule.schedule)):
        if name in found:
            found[name] = _fields(part)
    return found


def rule_from_json(found: Mapping[str, Any]) -> AlertRule:
    """The rule of ``rule_to_json``, checked. Raises SettingsError."""
    values = _known(AlertRule, found)
    if "when" not in values or "name" not in values:
        raise SettingsError(f"a rule with {sorted(found)}; expected a name and when")
    values["when"] = _expression_from_json(values["when"], 0)
    for name, kind in (("scope", Scope), ("schedule", Schedule)):
        if name in values:
            values[name] = kind(**_known(kind, values[name]))
    return check_rule(AlertRule(**values))


def text_of(rule: AlertRule) -> str:
    """Canonical text: equal rules have equal ones."""
    return json.dumps(rule_to_json(rule), sort_keys=True, separators=(",", ":"), allow_nan=False)


def rule_of(text: str) -> AlertRule:
    """The rule of ``text_of``. Raises SettingsError."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"a rule that is no JSON ({error}); expected JSON") from error
    return rule_from_json(found)


def in_words(expression: Expression) -> str:
    """A sentence of a rule's conditions.

    >>> gate = Condition("gate", "above", 0.5)
    >>> in_words(Group("all", (Condition("z", "crosses", 2.1), Group("not", (gate,)))))
    'z crosses 2.1 and not (gate is above 0.5)'
    """
    if isinstance(expression, Condition):
        return _condition_in_words(expression)
    parts = [in_words(part) if isinstance(part, Condition) else f"({in_words(part)})" for part in expression.parts]
    if expression.kind == "not":
        return f"not ({in_words(expression.parts[0])})"
    bare = [part[1:-1] if part.startswith("(not (") else part for part in parts]
    return (" and " if expression.kind == "all" else " or ").join(bare)


def _condition_in_words(leaf: Condition) -> str:
    metric = METRICS[leaf.metric]
    feature, unit = leaf.feature, f" {metric.unit}" if metric.unit else ""
    of = f" of {leaf.leg.upper()}" if feature.leg else ""
    over = f" over {feature.window} bars" if feature.window else ""
    what = f"{metric.title}{of}{over}"
    if leaf.kind == "leaves":
        return f"{what} leaves {leaf.threshold:g} to {leaf.upper:g}{unit}"
    if leaf.kind == "changes":
        return f"{what} changes" + (f" by more than {leaf.threshold:g}{unit}" if leaf.threshold else "")
    way = "" if leaf.kind != "crosses" or leaf.direction == "either" else f" {leaf.direction}"
    verb = "crosses" if leaf.kind == "crosses" else f"is {leaf.kind}"
    return f"{what} {verb} {leaf.threshold:g}{unit}{way}"


def hours_in_words(schedule: Schedule) -> str:
    """When a rule may fire; nothing where always.

    >>> hours_in_words(Schedule("Europe/Berlin", (0, 1), 480, 1_080))
    'Mon Tue 08:00 to 18:00 Europe/Berlin'
    """
    days = "" if len(schedule.days) == 7 else " ".join(_DAYS[day] for day in sorted(schedule.days))
    is_whole = (schedule.from_minute, schedule.to_minute) == (0, DAY_MINUTES)
    hours = "" if is_whole else f"{_clock(schedule.from_minute)} to {_clock(schedule.to_minute)}"
    return " ".join(filter(None, (days, hours, schedule.zone))) if days or hours else ""


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _fields(found: Any) -> Json:
    values: Json = {}
    for each in dataclasses.fields(found):
        value = getattr(found, each.name)
        default = each.default_factory() if each.default_factory is not dataclasses.MISSING else each.default
        if value != default:
            values[each.name] = list(value) if isinstance(value, tuple) else value
    return values


def _expression_to_json(expression: Expression) -> Json:
    if isinstance(expression, Condition):
        return _fields(expression)
    return {expression.kind: [_expression_to_json(part) for part in expression.parts]}


def _expression_from_json(found: Any, depth: int) -> Expression:
    if depth > 100:
        raise SettingsError(f"groups in groups, {depth} deep; expected far fewer")
    if isinstance(found, Mapping) and len(found) == 1:
        ((kind, parts),) = found.items()
        if isinstance(parts, list):
            return Group(str(kind), tuple(_expression_from_json(part, depth + 1) for part in parts))
    values = _known(Condition, found)
    if "metric" not in values or "kind" not in values:
        raise SettingsError(f"a condition with {sorted(values)}; expected a metric and a kind, or a group")
    return Condition(**values)


def _known(kind: type, found: Any) -> Json:
    """The fields of a record with values of their types. Raises SettingsError."""
    if not isinstance(found, Mapping):
        raise SettingsError(f"{found!r} for a {kind.__name__}; expected an object")
    types = {each.name: str(each.type) for each in dataclasses.fields(kind)}
    values: Json = {}
    for name, value in found.items():
        if name not in types:
            raise SettingsError(f"{kind.__name__} has no {name!r}; expected some of {', '.join(types)}")
        values[name] = _value(name, types[name], value)
    return values


def _value(name: str, kind: str, value: Any) -> Any:
    if kind in ("Expression", "Scope", "Schedule"):
        return value
    if name in _LISTS:
        inner = str if name == "channels" else int
        if isinstance(value, (list, tuple)) and all(type(each) is inner for each in value):
            return tuple(value)
    elif value is None and "None" in kind:
        return None
    elif kind.startswith("float"):
        if type(value) in (int, float) and not math.isnan(value):
            return float(value)
    elif type(value).__name__ == kind.split(" ")[0]:
        return value
    raise SettingsError(f"{name} is {value!r}; expected {kind}")
