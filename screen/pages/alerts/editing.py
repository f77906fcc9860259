"""What the editor's callbacks do, without Dash: open a rule, keep it, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from engine.alerts.rule_json import rule_to_json
from engine.alerts.rules import AlertRule, Feature, leaves_of
from screen.pages.alerts.editor import tree_panel
from screen.pages.alerts.fields import ALL as FIELDS
from screen.pages.alerts.form import FormFaults, controls_of, form_of, subject_of
from screen.pages.alerts.sentences import FLAGS, condition_words, subject_words
from screen.pages.alerts.templates import first_symbol, of_template
from screen.pages.alerts.tree import Node, shape_of
from services.alert_channels import Channel
from services.alerts import AlertService


def opened(alerts: AlertService, pressed: Mapping[str, str]) -> tuple[Any, ...]:
    """The editor with a rule that is changed, or a new one of a template; empty name: without one. A new one goes to
    every channel, as far as its ticks are not taken away."""
    subjects, rule_id = alerts.board.subjects(), pressed.get("rule")
    if rule_id is None:
        symbol = first_symbol(subjects)
        price = alerts.board.value(symbol, Feature("price", "y"))
        rule = of_template(pressed["name"], subjects, price)
    else:
        rule = alerts.rule(rule_id).rule
    form = form_of(rule)
    channels = channel_options(alerts, rule)
    ticked = list(rule.channels) if rule_id else [each["value"] for each in channels]
    return (
        False, f"Edit {rule.name}" if rule_id else "New rule", tree_panel(form.tree, rule.scope.kind == "symbol"),
        shape(form.tree, subject_of(rule.scope)), subject_options(subjects, rule), channels, ticked,
        no_channel(channels), {"rule_id": rule_id, "rule": rule_to_json(rule)}, "", "", "", *controls_of(form),
    )  # fmt: skip


def subject_options(subjects: Sequence[str], rule: AlertRule) -> list[dict[str, str]]:
    """What a rule can be for: all watched pairs, those of one market, each pair, each symbol, and what it is for."""
    markets = sorted({each.split("|")[1] for each in subjects})
    values = ["watched", *(f"watched|{each}" for each in markets if len(markets) > 1)]
    values += [each for kind in ("pair|", "symbol|") for each in subjects if each.startswith(kind)]
    own = subject_of(rule.scope)
    values += [own] if own not in values else []
    return [{"label": _subject_label(each, len(markets) > 1), "value": each} for each in values]


def _subject_label(value: str, is_many: bool) -> str:
    kind, *rest = value.split("|")
    if kind == "watched":
        return "all watched pairs" + (f" of {rest[0]}" if rest else "")
    market = f" · {rest[0]}" if is_many else ""
    return f"{'pair ' if kind == 'pair' else 'symbol '}{subject_words(value)}{market}"


def channel_options(alerts: AlertService, rule: AlertRule) -> list[dict[str, str]]:
    """The channels, and those that the rule names though they are set up no more."""
    return options_of(alerts.channels.channels(), rule.channels)


def options_of(channels: Sequence[Channel], ticked: Sequence[str]) -> list[dict[str, str]]:
    """The channels, and those that are ticked though they are set up no more."""
    found = [{"label": each.name, "value": each.channel_id} for each in channels]
    known = {each["value"] for each in found}
    return found + [{"label": f"{each} (not set up)", "value": each} for each in ticked if each not in known]


def no_channel(choices: Sequence[Mapping[str, str]]) -> str:
    """What stands for the choice of channels where there is none to choose."""
    return "" if choices else "None is set up: it goes to this screen only. Add one below, under Channels."


def shape(tree: Node, subject: str) -> list[Any]:
    """What decides which controls are drawn."""
    return [shape_of(tree), subject.split("|")[0] == "symbol"]


def summary(faults: FormFaults) -> str:
    """Above the buttons: what is to be changed."""
    if not len(faults):
        return ""
    names = [each.label for each in FIELDS if each.id in faults.fields]
    names += ["the conditions"] if faults.tree else []
    return f"{len(faults)} to change: {', '.join(names)}."


def solvable(rule: AlertRule) -> list[dict[str, str]]:
    """The conditions whose level a budget can move."""
    return [
        {"label": condition_words(each, rule.scope), "value": str(number)}
        for number, each in enumerate(leaves_of(rule.when))
        if each.kind != "changes" and each.metric not in FLAGS
    ]


def saved(alerts: AlertService, rule: AlertRule, edited: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Keep a rule; (what was done, what takes it back). Raises PairbridgeError."""
    rule_id = edited["rule_id"]
    if rule_id is None:
        alerts.create(rule_to_json(rule))
        return f"{rule.name} is added, and looks at every bar from now on.{_unheard(rule)}", None
    was = alerts.rule(rule_id).rule
    alerts.change(rule_id, whole_json(rule))
    return f"{rule.name} is changed.{_unheard(rule)}", {"kind": "change", "rule": rule_id, "was": rule_to_json(was)}


def _unheard(rule: AlertRule) -> str:
    return "" if rule.channels else " It goes to this screen only: no channel is ticked in it."


def whole_json(rule: AlertRule) -> dict[str, Any]:
    """A rule with every field, those at their default too: as a change it leaves nothing of what was before."""
    plain = rule_to_json(rule)
    return {each.name: plain.get(each.name, _json(getattr(rule, each.name))) for each in fields(rule)}


def _json(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: _json(getattr(value, each.name)) for each in fields(value)}
    return list(value) if isinstance(value, tuple) else value
