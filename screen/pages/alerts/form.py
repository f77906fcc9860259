"""The editor's values and the rule that they make, with all errors at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.alerts.rules import DAY_MINUTES, AlertRule, Condition, Expression, Schedule, Scope, check_rule
from engine.errors import SettingsError
from screen.components.formatting import utc
from screen.pages.alerts.fields import ALL, BY_NAME, FORM
from screen.pages.alerts.tree import ROOT, Faults, Node, expression_from, tree_of
from services.alerts import check_zone
from services.export.request import read_when

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SPAN = re.compile(r"([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*(s|m|min|h|d)?", re.IGNORECASE)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_WHOLE = re.compile(r"[0-9]{1,12}")
# What the first words of a refusal speak of: the field at which it is shown, and what is checked on instead
_SPEAKS_OF: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("a name", "name", {"name": "a rule"}), ("severity", "severity", {"severity": "warning"}),
    ("dwell_bars", "dwell_bars", {"dwell_bars": 1}), ("cooldown_s", "cooldown", {"cooldown_s": 0.0}),
    ("repeat", "repeat", {"repeat": False}), ("cap_per_day", "cap_per_day", {"cap_per_day": 0}),
    ("days", "days", {"schedule": Schedule()}), ("from_minute", "from", {"schedule": Schedule()}),
    ("to_minute", "to", {"schedule": Schedule()}), ("both hours", "to", {"schedule": Schedule()}),
)  # fmt: skip
_SHOWN = {"dwell_bars": BY_NAME["dwell_bars"].label, "cooldown_s": "a pause", "a cool-down": "a pause",
          "cap_per_day": "The cap"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """Everything in the editor: the terms by control, and the conditions. ``budget``: what the conditions were solved
    for, which holds while they stay as they are; ``channels`` of the rule."""

    values: Mapping[str, Any]
    tree: Node
    channels: tuple[str, ...] = ()
    budget: tuple[float, Expression] | None = None


@dataclass(frozen=True, slots=True)
class FormFaults:
    """What is wrong: by control, and in the tree by path and part."""

    fields: dict[str, str] = field(default_factory=dict)
    tree: Faults = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.fields) + len(self.tree)


def form_of(rule: AlertRule) -> Form:
    """A rule in the editor."""
    schedule = rule.schedule
    own: dict[str, Any] = {
        "name": rule.name, "subject": subject_of(rule.scope), "severity": rule.severity, "enabled": rule.enabled,
        "dwell_bars": str(rule.dwell_bars), "cooldown": span_text(rule.cooldown_s), "repeat": rule.repeat,
        "cap_per_day": str(rule.cap_per_day) if rule.cap_per_day else "", "days": [str(day) for day in schedule.days],
        "from": clock_text(schedule.from_minute), "to": clock_text(schedule.to_minute), "zone": schedule.zone,
        "expires": "" if rule.expires_ms is None else utc(rule.expires_ms),
    }  # fmt: skip
    budget = None if rule.budget_per_day is None else (rule.budget_per_day, rule.when)
    return Form({each.id: own[each.name] for each in ALL}, tree_of(rule.when), rule.channels, budget)


def rule_from(form: Form) -> tuple[AlertRule | None, FormFaults]:
    """The rule, or all that is wrong with it."""
    faults = FormFaults()
    given = {each.name: form.values.get(each.id) for each in ALL}
    scope = scope_from(str(given["subject"] or "watched"))
    when = expression_from(form.tree, scope, faults.tree)
    terms = _terms(given, faults.fields)
    rule = AlertRule(
        when=when or Condition("z" if scope.kind != "symbol" else "price", "above", 2.0), scope=scope,
        channels=form.channels, **terms,
    )  # fmt: skip
    if form.budget is not None and form.budget[1] == when:
        rule = replace(rule, budget_per_day=form.budget[0])
    _check(rule, faults)
    return (None, faults) if len(faults) else (rule, faults)


def _check(rule: AlertRule, faults: FormFaults) -> None:
    """Note what the rule's own check refuses, each at its field."""
    tried = rule
    for _ in _SPEAKS_OF:
        try:
            check_rule(tried)
            return
        except SettingsError as error:
            text = str(error)
            said = next((each for each in _SPEAKS_OF if text.startswith(each[0])), None)
            if said is None:
                faults.tree.setdefault((ROOT, "join"), f"{text[:1].upper()}{text[1:]}.")
                return
            for name, shown in _SHOWN.items():
                text = text.replace(name, shown)
            faults.fields.setdefault(BY_NAME[said[1]].id, f"{text[:1].upper()}{text[1:]}.")
            tried = replace(tried, **said[2])


def _terms(given: Mapping[str, Any], faults: dict[str, str]) -> dict[str, Any]:
    """The terms that can be read; the others are noted, and left at their default."""
    found: dict[str, Any] = {
        "name": str(given["name"] or "").strip(), "severity": str(given["severity"] or ""),
        "enabled": bool(given["enabled"]), "repeat": bool(given["repeat"]),
    }  # fmt: skip
    readers = {
        "dwell_bars": lambda text: _whole(text, "True for", 1), "cap_per_day": lambda text: _whole(text, "The cap", 0),
        "cooldown": read_span, "from": lambda text: read_clock(text, 0), "to": lambda text: read_clock(text, 1_440),
        "zone": _zone, "expires": lambda text: read_when(text, "The expiry", 0) or None,
    }  # fmt: skip
    read: dict[str, Any] = {}
    for name, reader in readers.items():
        try:
            read[name] = reader(str(given[name] if given[name] is not None else "").strip())  # type: ignore[no-untyped-call]
        except SettingsError as error:
            faults[BY_NAME[name].id] = f"{error}."
    found |= {name: read[name] for name in ("dwell_bars", "cap_per_day") if name in read}
    found |= {"cooldown_s": read.get("cooldown", 1.0), "expires_ms": read.get("expires")}  # 1: repeat is not blamed too
    begin, end = read.get("from", 0), read.get("to", DAY_MINUTES)
    days = tuple(int(day) for day in given["days"] or ())
    found["schedule"] = Schedule(read.get("zone", "UTC"), days, begin, end)
    return found


def _whole(text: str, name: str, otherwise: int) -> int:
    if not text:
        return otherwise
    if not _WHOLE.fullmatch(text):
        raise SettingsError(f"{name} is {text[:20]!r}; expected a whole number")
    return int(text)


def _zone(text: str) -> str:
    check_zone(text or "UTC")
    return text or "UTC"


def read_span(text: str) -> float:
    """Seconds. Raises SettingsError.

    >>> read_span("30m"), read_span("1.5 h"), read_span("")
    (1800.0, 5400.0, 0.0)
    """
    found = _SPAN.fullmatch(text)
    if text and not found:
        raise SettingsError(f"The pause is {text[:20]!r}; expected such as 90s, 30m, 2h or 1d")
    return float(found[1]) * _UNITS[(found[2] or "m")[0].lower()] if found else 0.0


def span_text(seconds: float) -> str:
    """A text that reads as the same seconds.

    >>> span_text(1800.0), span_text(90.0), span_text(0.0)
    ('30m', '90s', '')
    """
    for unit in ("d", "h", "m"):
        if seconds and (seconds / _UNITS[unit]).is_integer():
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:.0f}s" if seconds and seconds.is_integer() else f"{seconds!r}s" if seconds else ""


def read_clock(text: str, otherwise: int) -> int:
    """The minute of the day. Raises SettingsError.

    >>> read_clock("08:30", 0), read_clock("24:00", 0)
    (510, 1440)
    """
    found = _CLOCK.fullmatch(text)
    minute = int(found[1]) * 60 + int(found[2]) if found else -1
    if text and not (0 <= minute <= DAY_MINUTES and found and int(found[2]) < 60):
        raise SettingsError(f"The time is {text[:20]!r}; expected such as 08:30, up to 24:00")
    return minute if found else otherwise


def clock_text(minute: int) -> str:
    """A minute of the day.

    >>> clock_text(510)
    '08:30'
    """
    return f"{minute // 60:02}:{minute % 60:02}"


def subject_of(scope: Scope) -> str:
    """A scope as the value of a choice.

    >>> subject_of(Scope()), subject_of(Scope("symbol", "usdm", "ETHUSDT"))
    ('watched', 'symbol|usdm|ETHUSDT')
    """
    return "|".join(filter(None, (scope.kind, scope.market, scope.y, scope.x)))


def scope_from(value: str) -> Scope:
    """The scope of a choice."""
    kind, *rest = value.split("|")
    return Scope(kind, *rest)


def controls_of(form: Form) -> list[Any]:
    """The values of the controls in the order of ``FORM``."""
    return [form.values[name] for name in FORM]
