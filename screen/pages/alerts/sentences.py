"""Rules in plain sentences. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from engine.alerts.distance import Missing
from engine.alerts.metrics import METRICS
from engine.alerts.rule_json import hours_in_words
from engine.alerts.rules import AlertRule, Condition, Expression, Scope
from screen.components.formatting import clock, duration

HALF = 0.5  # between the two values of a metric that is 0 or 1
# Metrics that are 0 or 1: what has the state, and (it is 1, it is 0, it becomes 1, it becomes 0)
FLAGS = {
    "gate": ("the gate", ("is open", "is closed", "opens", "closes")),
    "bridge": ("the bridge", ("is connected", "is disconnected", "connects", "disconnects")),
    "break_alarm": ("the break alarm", ("is raised", "is not raised", "goes off", "ends")),
    "parity": ("the parity check", ("finds no difference", "finds a difference", "comes good", "comes to differ")),
}
FLAG_KINDS = {"on": ("above", "either"), "off": ("below", "either"), "turns-on": ("crosses", "up"),
              "turns-off": ("crosses", "down")}  # fmt: skip
_JOINS = {"all": " and ", "any": " or "}


def flag_kind(condition: Condition) -> str:
    """``on``, ``off``, ``turns-on`` or ``turns-off`` for a plain condition on a metric that is 0 or 1; else nothing."""
    if condition.metric not in FLAGS:
        return ""
    for name, (kind, direction) in FLAG_KINDS.items():
        if condition == Condition(condition.metric, kind, HALF, direction=direction):
            return name
    return ""


def subject_words(subject: str) -> str:
    """What a rule is evaluated on, for display.

    >>> subject_words("pair|usdm|ETHUSDT|BTCUSDT"), subject_words("symbol|usdm|ETHUSDT")
    ('ETHUSDT ~ BTCUSDT', 'ETHUSDT')
    """
    return " ~ ".join(subject.split("|")[2:])


def scope_words(scope: Scope) -> str:
    """Whose bars a rule reads.

    >>> scope_words(Scope()), scope_words(Scope("pair", "usdm", "ETHUSDT", "BTCUSDT"))
    ('any watched pair', 'ETHUSDT ~ BTCUSDT')
    """
    if scope.kind == "watched":
        return "any watched pair" + (f" of {scope.market}" if scope.market else "")
    return f"{scope.y} ~ {scope.x}" if scope.kind == "pair" else scope.y


def sentence(rule: AlertRule) -> str:
    """The conditions of a rule.

    >>> from engine.alerts.rules import Group
    >>> both = Group("all", (Condition("z", "crosses", 2.1), Condition("gate", "above", 0.5)))
    >>> sentence(AlertRule("far", both, Scope("pair", "usdm", "ETHUSDT", "BTCUSDT")))
    'When z of ETHUSDT ~ BTCUSDT crosses 2.1 and the gate is open'
    """
    return "When " + _words(rule.when, rule.scope, [scope_words(rule.scope)])


def terms(rule: AlertRule) -> str:
    """How often and when a rule fires.

    >>> terms(AlertRule("far", Condition("z", "above", 2.0), dwell_bars=3, cooldown_s=1_800.0, cap_per_day=5))
    'true for 3 bars · 30 min between alerts · at most 5 a day'
    """
    pause = f"{duration(rule.cooldown_s)} between alerts" if rule.cooldown_s else ""
    return " · ".join(
        filter(
            None,
            (
                f"true for {rule.dwell_bars} bars" if rule.dwell_bars > 1 else "",
                f"{pause}, again while true" if rule.repeat else pause,
                f"at most {rule.cap_per_day} a day" if rule.cap_per_day else "",
                f"solved for {rule.budget_per_day:g} a day" if rule.budget_per_day else "",
                hours_in_words(rule.schedule),
                "" if rule.expires_ms is None else f"until {clock(rule.expires_ms)}",
            ),
        )
    )


def goes_to(channels: Sequence[str], names: Mapping[str, str]) -> str:
    """Where the alerts of a rule are told, beside open pages. ``names`` of the channels by id.

    >>> goes_to(("a", "b"), {"a": "my phone"}), goes_to((), {})
    ('goes to: my phone, a deleted channel', 'goes to: this screen only')
    """
    return "goes to: " + (", ".join(names.get(each, "a deleted channel") for each in channels) or "this screen only")


def condition_words(condition: Condition, scope: Scope, of: str = "") -> str:
    """One condition; ``of``: whose value it is, where that has to be said.

    >>> condition_words(Condition("z", "leaves", -2.0, 2.0), Scope())
    '|z| goes beyond 2'
    >>> condition_words(Condition("price", "crosses", 68_000.5, direction="up"), Scope("symbol", "usdm", "BTCUSDT"))
    'price of BTCUSDT rises through 68000.5'
    """
    flag = flag_kind(condition)
    if flag:
        noun, verbs = FLAGS[condition.metric]
        return f"{noun}{f' of {of}' if of else ''} {verbs[tuple(FLAG_KINDS).index(flag)]}"
    found, metric = condition, METRICS[condition.metric]
    if found.metric == "beyond_entry" and found.kind == "above" and found.threshold >= 0.0:
        by = f"{amount(found.threshold)} σ " if found.threshold else ""
        return f"|z|{f' of {of}' if of else ''} is {by}beyond the entry that pays"
    what = f"{_noun(found, scope, of)}{f' over {found.feature.window} bars' if metric.window else ''}"
    level, unit = amount(found.threshold), f" {metric.unit}" if metric.unit else ""
    if found.kind == "leaves" and found.threshold == -found.upper:
        return f"|{what.split(' ')[0]}|{what[len(what.split(' ')[0]) :]} goes beyond {amount(found.upper)}{unit}"
    verbs_of = {
        "above": f"is above {level}{unit}", "below": f"is below {level}{unit}",
        "leaves": f"leaves {level} to {amount(found.upper)}{unit}",
        "changes": f"changes by more than {level}{unit}" if found.threshold else "changes",
        "crosses": {"either": "crosses", "up": "rises through", "down": "falls through"}[found.direction]
        + f" {level}{unit}",
    }  # fmt: skip
    return f"{what} {verbs_of[found.kind]}"


def missing_words(missing: tuple[Missing, ...], scope: Scope) -> str:
    """What the newest bar lacks.

    >>> missing_words((Missing(Condition("z", "above", 2.0), 1.5, 0.5),), Scope())
    'z is 1.5, 0.5 to go'
    """
    return "; ".join(_lack(each, scope) for each in missing)


def _lack(lack: Missing, scope: Scope) -> str:
    found, metric = lack.condition, METRICS[lack.condition.metric]
    flag = FLAGS.get(found.metric)
    if flag and not math.isnan(lack.value):
        return f"{flag[0]} {flag[1][0 if lack.value > HALF else 1]}"
    noun, unit = flag[0] if flag else _noun(found, scope, ""), f" {metric.unit}" if metric.unit else ""
    if math.isnan(lack.value):
        return f"{noun} is not known yet"
    now = f"{noun} is {amount(lack.value, 4 if abs(lack.value) < 1_000 else 7)}{unit}"
    if found.kind == "changes":
        return now
    if math.isnan(lack.by):
        return f"{now}, past the level: it has to come back first"
    return f"{now}, {amount(lack.by, 3)}{unit} to go"


def amount(value: float, digits: int = 10) -> str:
    """A number as it was typed.

    >>> amount(2.0), amount(68_123.45), amount(0.123456, 3)
    ('2', '68123.45', '0.123')
    """
    return f"{value:.{digits}g}"


def _noun(condition: Condition, scope: Scope, of: str) -> str:
    metric = METRICS[condition.metric]
    if metric.of != "leg":
        return f"{metric.title}{f' of {of}' if of else ''}"
    if scope.kind == "watched":
        return f"{metric.title} of {condition.leg.upper()}" + (f" in {of}" if of else "")
    symbol = scope.y if scope.kind == "symbol" or condition.leg == "y" else scope.x
    return f"{metric.title} of {symbol}"


def _words(expression: Expression, scope: Scope, unsaid: list[str]) -> str:
    """``unsaid``: the subject, until it was said."""
    if isinstance(expression, Condition):
        return condition_words(expression, scope, unsaid.pop() if unsaid else "")
    parts = [
        _words(part, scope, unsaid) if isinstance(part, Condition) else f"({_words(part, scope, unsaid)})"
        for part in expression.parts
    ]
    if expression.kind == "not":
        return f"it is not so that {parts[0]}"
    return _JOINS[expression.kind].join(parts)
