"""The page of alerts: rules, editor, channels, history."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components.fields import Choices, options, unseen_label
from screen.pages.alerts import ids, labels
from screen.pages.alerts.channels import channels_part
from screen.pages.alerts.editor import editor
from screen.pages.alerts.templates import NAMES

LOOK_MS = 5_000  # at how far messages are
_LIVE: Any = {"aria-live": "polite"}


def alerts_page() -> html.Main:
    """The whole page, without data."""
    topics: Any = {"data-topics": "alerts"}
    return html.Main(
        [
            html.H1("Alerts", className="sheet-title"),
            _new(),
            html.Div(
                [
                    html.Span("", id=ids.MESSAGE, role="status", **_LIVE),
                    html.Button(
                        "Undo", id=ids.UNDO, type="button", hidden=True, className="btn btn-outline-info btn-sm"
                    ),
                ],
                className="alert-message",
            ),
            editor(),
            _rules(),
            _channels(),
            _history(),
            _machinery(),
        ],
        className="sheet alerts-page",
        **topics,
    )  # fmt: skip


def _new() -> html.Section:
    buttons = [
        dbc.Button(text, id=ids.template(name), size="sm", color="info", outline=name != "worth-entering", title=title)
        for name, (text, title) in NAMES.items()
    ]
    named: Any = {"aria-label": "New rule"}
    blank = dbc.Button("Empty rule", id=ids.NEW, size="sm", color="secondary", outline=True, title="z crosses 2")
    return html.Section(
        [html.Span("New rule", className="alert-kind"), *buttons, blank], className="alert-templates", **named
    )


def _rules() -> html.Section:
    title = "What is looked at on every bar, its state now and how far it is from firing"
    rows = html.Div(html.P("Reading …", className="rows-empty"), id=ids.RULES, className="rows-scroll", tabIndex=0)
    return html.Section([html.Div(html.H2("Rules"), className="panel-top", title=title), rows], className="panel")


def _channels() -> html.Section:
    return html.Section(
        [html.Div(html.H2("Channels"), className="panel-top"), _here(), *channels_part()],
        className="panel alerts-part",
    )


def _here() -> html.Div:
    """What an open page does of an alert, chosen for this browser: assets/alert_notices.js."""
    needs = "While a page of Pairbridge is open in this browser"
    return html.Div(
        [
            html.Span("In this browser", className="alert-kind"),
            *_notice("notify", "Notification", f"{needs}, each new alert is a notification of the browser"),
            *_notice("sound", "Sound", f"{needs}, each new alert is heard"),
            html.Span("", id=ids.NOTICES_SAID, role="status", className="message"),
        ],
        className="alert-here",
    )


def _notice(what: str, label: str, title: str) -> tuple[Any, Any]:
    state: Any = {"aria-checked": "false", "aria-labelledby": f"alerts-{what}-label", "data-notice": what}
    dot = html.Span(className="switch-dot")
    return (
        html.Button(dot, type="button", role="switch", className="rule-switch", title=title, **state),
        html.Span(label, id=f"alerts-{what}-label"),
    )


def _history() -> html.Section:
    head = [
        html.H2("History"),
        html.Span("", id=ids.RANGE, className="panel-head", **_LIVE),
        html.Div(
            [
                dbc.Button("Newest", id=ids.NEWEST, size="sm", color="info", outline=True, disabled=True),
                dbc.Button("Older", id=ids.OLDER, size="sm", color="info", outline=True, disabled=True),
            ],
            className="btn-group",
        ),
        html.Div(
            [
                *_filter(ids.FILTER_RULE, "Rule", ((labels.ANY, "any rule"),)),
                *_filter(ids.FILTER_SEVERITY, "Severity", labels.SEVERITIES),
            ],
            className="alert-filter",
        ),
    ]
    rows = html.Div(html.P("Reading …", className="rows-empty"), id=ids.HISTORY, className="rows-scroll", tabIndex=0)
    return html.Section([html.Div(head, className="panel-top"), rows], className="panel alerts-part")


def _filter(name: str, label: str, choices: Choices) -> tuple[Any, Any]:
    chosen = dbc.Select(id=name, options=options(choices), value=labels.ANY, size="sm")
    return unseen_label(name, f"{label} of the alerts listed"), chosen


def _machinery() -> html.Div:
    names = (ids.NEWS, ids.PRESSED, ids.CHANGED, ids.SHAPE, ids.EDITED, ids.UNDO_STORE, ids.OLDER_PLACE, ids.RULES_SEEN,
             ids.SENT_SEEN)  # fmt: skip
    look = dcc.Interval(id=ids.SENT_LOOK, interval=LOOK_MS)
    return html.Div([*(dcc.Store(id=name) for name in names), look], hidden=True)
