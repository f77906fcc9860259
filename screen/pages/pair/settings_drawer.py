"""The drawer with a pair's settings: it slides over the page from the right, and ``assets/settings.js`` opens it. With
half of the page's components in it, it is made when it is opened first."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from engine.pairs.settings import PairSettings
from screen.components import ids
from screen.components.fields import Field, error_id
from screen.pages.pair.settings_fields import FORM, QUESTIONS, Question
from screen.pages.pair.settings_form import form_values
from screen.pages.pair.settings_tables import preset_table

APPLY, ASK_TRIAL = "Apply", "What would have changed?"
POLL_MS = 400
_VIEWS = (("form", "Settings"), ("presets", "Presets"), ("runs", "Earlier runs"))
_LIVE: Any = {"aria-live": "polite"}


def settings_button() -> dbc.Button:
    """Opens the drawer; so does the key ``s``."""
    expands: Any = {"aria-expanded": "false", "aria-controls": ids.DRAWER}
    return html.Button(
        "Settings", id=ids.DRAWER_OPEN, n_clicks=0, title="Settings of this pair (key: s)", type="button",
        className="btn btn-outline-info btn-sm", **expands,
    )  # fmt: skip


def settings_place() -> html.Div:
    """Where the drawer will be."""
    return html.Div([html.Div(id=ids.DRAWER_PLACE), dcc.Store(id=ids.DRAWER_WANTED)])


def settings_drawer(settings: PairSettings) -> html.Aside:
    """The drawer, closed; its form initially has the settings of a new pair."""
    dialog: Any = {"aria-labelledby": ids.DRAWER_TITLE}
    drawer = html.Aside(
        [_head(), html.Div([_form(), _presets(settings), _runs()], className="drawer-body"), _foot(), *_stores()],
        id=ids.DRAWER, role="dialog", tabIndex="-1", hidden=True, className="drawer", **dialog,
    )  # fmt: skip
    for name, value in zip(FORM, form_values(settings), strict=True):
        drawer[name].value = value
    return drawer


def _head() -> html.Div:
    views = dbc.RadioItems(
        id=ids.DRAWER_VIEW,
        options=[{"label": text, "value": value} for value, text in _VIEWS],
        value="form",
        inline=True,
        className="tabs btn-group",
        inputClassName="btn-check",
        labelClassName="btn btn-outline-info btn-sm",
    )
    label: Any = {"aria-label": "Close the settings"}
    close = html.Button("×", id=ids.DRAWER_CLOSE, type="button", className="drawer-close", title="Close (Esc)", **label)
    return html.Div([html.H2("Settings", id=ids.DRAWER_TITLE), close, views], className="drawer-head")


def _form() -> html.Div:
    return html.Div([_question(each) for each in QUESTIONS], id=ids.view_of("form"), className="drawer-form")


def _question(question: Question) -> html.Section:
    heading = f"question-{question.name.lower()}"
    label: Any = {"aria-labelledby": heading}
    more = html.Details([html.Summary("More"), *map(settings_row, question.more)], className="more")
    title = html.H3([f"{question.name}: ", html.Span(question.asks)], id=heading)
    return html.Section([title, *map(settings_row, question.fields), more], className="question", **label)


def settings_row(field: Field) -> html.Div:
    """A control with its label, its unit, what it was before a change, its error, and its help behind a button."""
    help_id = f"{field.id}-help"
    opens: Any = {"aria-label": f"Help: {field.label}", "aria-expanded": "false", "aria-controls": help_id}
    label = [] if field.is_switch else [dbc.Label(field.label, html_for=field.id, size="sm")]
    return html.Div(
        [
            html.Button("?", type="button", className="help-dot", **opens),
            *label,
            field.control(),
            html.Span(field.unit, className="unit"),
            html.Span("", id=f"{field.id}-was", className="was"),
            html.Div("", id=error_id(field.id), className="field-error"),
            html.Div(field.explanation, id=help_id, className="field-help", hidden=True),
        ],
        id=f"{field.id}-row",
        className="setting is-switch" if field.is_switch else "setting",
    )


def _presets(settings: PairSettings) -> html.Div:
    table = html.Div(preset_table(settings), id=ids.PRESET_TABLE, className="preset-table")
    return html.Div(table, id=ids.view_of("presets"), hidden=True)


def _runs() -> html.Div:
    return html.Div(html.Div(id=ids.RUNS), id=ids.view_of("runs"), hidden=True)


def _foot() -> html.Div:
    return html.Div(
        [
            html.Div("", id=ids.SETTINGS_ERRORS, className="error-summary", role="alert"),
            html.Div("", id=ids.TRIAL_RESULT, className="trial-result", role="status", **_LIVE),
            html.Div(
                [
                    html.Span("", id=ids.DRAFT_NOTE, className="unsaved", role="status", **_LIVE),
                    html.Span("", id=ids.SETTINGS_MESSAGE, role="status", **_LIVE),
                ],
                className="drawer-said",
            ),
            html.Div(
                [
                    _button(APPLY, ids.APPLY, "Ends this run and starts another over the same history (Enter)", "info"),
                    _button("Undo edits", ids.DRAFT_UNDO, "Back to the settings in force", "secondary"),
                    _button("Undo last change", ids.SETTINGS_UNDO, "Back to the settings before", "secondary"),
                    _button(ASK_TRIAL, ids.TRIAL, "Both settings over the bars of the last day", "secondary"),
                ],
                className="drawer-buttons",
            ),
        ],
        className="drawer-foot",
    )


def _button(text: str, name: str, title: str, colour: str) -> dbc.Button:
    is_main = colour == "info"
    return dbc.Button(text, id=name, color=colour, outline=not is_main, size="sm", title=title)


def _stores() -> tuple[Any, ...]:
    return (
        dcc.Store(id=ids.BASE),
        dcc.Store(id=ids.FILLED),
        dcc.Store(id=ids.APPLIED, storage_type="session"),
        dcc.Store(id=ids.TRIAL_JOB),
        dcc.Interval(id=ids.TRIAL_POLL, interval=POLL_MS, disabled=True),
    )
