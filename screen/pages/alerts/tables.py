"""The lists of rules, of alerts and of a preview: plain HTML, cards on a narrow screen. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from engine.alerts.rules import AlertRule
from screen.components.addresses import pair_path
from screen.components.formatting import UNKNOWN
from screen.components.tables import Cell, moment, table, table_of_parts
from screen.pages.alerts import ids, labels
from screen.pages.alerts.sentences import amount, goes_to, sentence, subject_words, terms
from services.alert_board import RuleNow
from services.alerts import AlertView, RuleView, Trial

SWITCH_ON = "Switch it on: it begins anew, and its daily limit goes on"
MOST_LISTED = 20  # alerts of a preview


def badge(severity: str) -> html.Span:
    """A severity, told by its word and its form."""
    return html.Span(severity, className=f"severity is-{severity}")


def subject_link(subject: str) -> Any:
    """A pair's name leads to its page; a symbol's to the overview's row is no page of its own."""
    kind, market, *names = subject.split("|")
    if kind != "pair":
        return f"{names[0]}"
    return html.A(f"{names[0]} ~ {names[1]}", href=pair_path(market, names[0], names[1]), title="To the pair")


def rules_table(views: Sequence[RuleView], now: Mapping[str, RuleNow], at_ms: int, names: Mapping[str, str]) -> Any:
    """Every rule. ``names`` of the channels by id."""
    rows = [_rule(each, now.get(each.rule_id, RuleNow(each.rule_id, "no bars")), at_ms, names) for each in views]
    classes = ["" if each.rule.enabled else "is-off" for each in views]
    return table_of_parts("Alert rules", rows, classes, labels.EMPTY_RULES)


def _rule(view: RuleView, now: RuleNow, at_ms: int, names: Mapping[str, str]) -> list[Cell]:
    rule, live = view.rule, _live(view.rule_id)
    asleep = labels.snoozed(view, at_ms)
    said = [
        html.Div(sentence(rule), className="rule-said"),
        html.Div(terms(rule), className="panel-head"),
        html.Div(goes_to(rule.channels, names), className="panel-head"),
    ]
    return [
        ("On", _switch(view), "rule-on"),
        ("Rule", html.Span(rule.name, title=f"Revision {view.revision}"), "pair rule-name"),
        ("Says", said, "said"),
        ("Severity", badge(rule.severity), ""),
        ("State", html.Span(labels.phase(now), title=labels.PHASES[now.phase][1], **live("phase")), "rule-state"),
        ("To firing", html.Span(labels.distance(now, rule.scope), **live("distance")), "said rule-distance"),
        ("Today", html.Span(labels.fired_today(now.today, now.held, rule.cap_per_day), **live("today")), "num"),
        ("Snoozed", asleep or UNKNOWN, ""),
        ("Change", _acts(view, bool(asleep)), "rule-acts"),
    ]


def _live(rule_id: str) -> Any:
    """Names a text that assets/alerts.js keeps up to date."""
    return lambda part: {"data-alert-rule": rule_id, "data-part": part}


def _switch(view: RuleView) -> html.Button:
    is_on = view.rule.enabled
    state: Any = {"aria-checked": str(is_on).lower(), "aria-label": f"{view.rule.name} is on"}
    return html.Button(
        html.Span(className="switch-dot"), id=ids.act("enable", view.rule_id), type="button", role="switch",
        className="rule-switch", title="Switch it off" if is_on else SWITCH_ON, **state,
    )  # fmt: skip


def _acts(view: RuleView, is_snoozed: bool) -> html.Div:
    name = view.rule.name
    if is_snoozed:
        sleep: Any = _act("Wake", "wake", view, f"Send alerts of {name} again")
    else:
        hours = [_act(text, f"snooze-{hours}", view, f"Send nothing of {name}: {text}. Its alerts are still kept")
                 for hours, text in labels.SNOOZES.items()]  # fmt: skip
        label: Any = {"aria-label": f"Snooze {name}"}
        sleep = html.Details([html.Summary("Snooze", **label), html.Div(hours, className="snooze-hours")],
                             className="rule-snooze")  # fmt: skip
    return html.Div(
        [_act("Edit", "edit", view, f"Edit {name}"), sleep, _act("Delete", "delete", view, f"Delete {name}")],
        className="row-buttons",
    )


def _act(text: str, what: str, view: RuleView, title: str) -> html.Button:
    return _small(text, ids.act(what, view.rule_id), title)


def history_table(views: Sequence[AlertView], is_filtered: bool, known: set[str], names: Mapping[str, str]) -> Any:
    """Alerts; ``known``: the rules that there are still; ``names`` of the channels by id."""
    rows = [_alert(each, each.alert.rule_id in known, names) for each in views]
    classes = ["is-seen" if each.alert.acknowledged_ms else "" for each in views]
    empty = labels.EMPTY_FILTER if is_filtered else labels.EMPTY_HISTORY
    return table_of_parts("Alerts, newest first", rows, classes, empty)


def _alert(view: AlertView, has_rule: bool, names: Mapping[str, str]) -> list[Cell]:
    alert = view.alert
    acts: list[Any] = []
    if not alert.acknowledged_ms:
        acts.append(_small("Acknowledge", ids.seen(alert.alert_id), f"Acknowledge {alert.name}"))
    if has_rule:
        acts.append(_small("Snooze rule 1 h", ids.snooze(alert.alert_id, alert.rule_id), f"Snooze {alert.name} 1 h"))
    done = [html.Span("acknowledged", title="Seen", className="panel-head")] if alert.acknowledged_ms else []
    what = alert.text.partition(": ")[2].partition(" - rule: ")[0]
    side = " ".join(alert.text.split(" ")[:2]) if alert.text.startswith(("SHORT ", "LONG ")) else ""
    return [
        ("Bar close (UTC)", moment(alert.close_ms), "when"),
        ("Severity", badge(alert.severity), ""),
        ("Rule", alert.name, ""),
        ("On", subject_link(alert.subject), "pair"),
        ("Values", html.Span(f"{side}: {what}" if side else what, title=alert.text), "said"),
        ("Delivery", labels.delivery(view, names), "said"),
        ("Done", html.Div([*done, *acts], className="row-buttons"), "rule-acts"),
    ]


def _small(text: str, name: dict[str, Any], label: str) -> html.Button:
    named: Any = {"aria-label": label.partition(".")[0]}
    return html.Button(
        text, id=name, type="button", title=label, className="btn btn-outline-secondary btn-sm", **named
    )  # fmt: skip


def preview_table(trials: Sequence[Trial], rule: AlertRule) -> Any:
    """What a rule would have done on each of several pairs, the busiest first."""
    busiest = sorted(trials, key=lambda each: -len(each.preview.alerts))
    rows: list[list[Cell]] = [
        [
            ("Pair", subject_words(each.subject), "pair"),
            ("Fired", f"{len(each.preview.alerts):,}", "num"),
            ("A day", amount(each.preview.per_day, 3) if each.preview.days else UNKNOWN, "num"),
            ("Held back", f"{each.preview.held:,}", "num"),
            ("Reverted", f"{each.preview.reverted} of {each.preview.followed}", "num"),
            ("Adverse, σ", UNKNOWN if not each.preview.followed else amount(each.preview.median_adverse, 2), "num"),
        ]
        for each in busiest
    ]
    return table("By pair", rows, [""] * len(rows), "")


def preview_alerts(trial: Trial) -> Any:
    """The newest alerts that a rule would have given on one pair or symbol."""
    after = {True: "came back", False: "did not", None: "not known"}
    newest = trial.preview.alerts[-MOST_LISTED:][::-1]
    rows: list[list[Cell]] = [
        [
            ("Bar close (UTC)", moment(each.close_ms), "when"),
            ("z", UNKNOWN if math.isnan(each.z) else f"{each.z:+.2f}", "num"),
            ("Within two half-lives", after[each.reverted], ""),
            ("Further before that, σ", UNKNOWN if math.isnan(each.adverse) else amount(each.adverse, 2), "num"),
        ]
        for each in newest
    ]
    count = len(trial.preview.alerts)
    which = f"the newest {len(newest)} of {count:,}" if count > len(newest) else "newest first"
    return table(f"Alerts that it would have given, {which}", rows, [""] * len(rows), "")
