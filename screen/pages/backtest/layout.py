"""The backtest's page: bars, questions and the run on the left, results on the right."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from engine.pairs.settings import PairSettings
from screen.components.fields import Choices, Field, error_id, field_row, options, progress_bar
from screen.pages.backtest import ids
from screen.pages.backtest.fields import AXIS_CHOICES, FORM, GROUPS, KINDS, LUCK, SEARCH, WIDTH
from screen.pages.backtest.form import axis_values, form_values, new_request
from screen.pages.backtest.portfolio import portfolio_part
from screen.pages.pair.settings_form import PRESET_COSTS
from services.reports.audit import CUTS

POLL_MS, OFFER_MS, UPLOAD_MS = 1_000, 5_000, 500
SPANS: Choices = (
    ("6", "newest 6 hours"), ("24", "newest day"), ("72", "newest 3 days"), ("168", "newest 7 days"),
    ("720", "newest 30 days"), ("2160", "newest 90 days"), ("0", "everything stored"), ("own", "from … to …"),
)  # fmt: skip
SOURCES: Choices = (("stored", "stored"), ("files", "a file"))
_LIVE: Any = {"aria-live": "polite"}
_NO_MORE = "more"


def backtest_page(settings: PairSettings) -> html.Main:
    """The whole page without a result. ``settings``: those of a new pair, of which the user's threshold is kept."""
    left = html.Aside(
        [
            html.H1("Backtest", className="sheet-title"),
            _bars(),
            *(_question(title, name, fields, more) for title, name, fields, more in GROUPS),
            _search(),
            _run(),
        ],
        className="settings backtest-form",
    )
    request = new_request()
    for name, value in zip(FORM, form_values(request), strict=True):
        left[name].value = value
    flat = [name for row in ids.AXES for name in row]
    for name, value in zip(flat, axis_values(request), strict=True):
        left[name].value = value
    return html.Main([html.Div([left, _results()], className="backtest-body"), _machinery()], className="sheet")


def _fold(title: str, name: str, parts: list[Any], is_open: bool = False) -> html.Details:
    head = html.Summary(html.H2(title))
    return html.Details([head, *parts], id=ids.group(name), open=is_open, className="panel backtest-group")


def _question(title: str, name: str, fields: tuple[Field, ...], more: tuple[Field, ...]) -> html.Details:
    parts: list[Any] = [_presets(), html.P(PRESET_COSTS, className="preset-note")] if name == "signal" else []
    parts += map(field_row, fields)
    folded = html.Details(
        [html.Summary("More"), *map(field_row, more)], className="more", id=ids.group(f"{name}-{_NO_MORE}")
    )
    return _fold(title, name, [*parts, folded])


def _presets() -> html.Div:
    choices = (("classic", "classic – textbook"), ("defended", "defended – careful"))
    select = dbc.Select(id=ids.PRESET, options=options(choices), size="sm", placeholder="choose …")
    return _row("Preset", select, ids.PRESET, "Sets every field of this question")


def _row(label: str, control: Any, name: str, explanation: str) -> html.Div:
    error = html.Div("", id=error_id(name), className="field-error", role="alert")
    return html.Div([dbc.Label(label, html_for=name, size="sm"), control, error], className="row-2", title=explanation)


def _select(name: str, label: str, explanation: str, choices: Choices = (), value: str | None = None) -> html.Div:
    chosen = dbc.Select(id=name, options=options(choices), value=value, size="sm")
    return _row(label, chosen, name, explanation)


def _text(name: str, label: str, explanation: str, empty: str) -> html.Div:
    return _row(label, dbc.Input(id=name, type="text", size="sm", debounce=True, placeholder=empty), name, explanation)


def _bars() -> html.Details:
    source = dbc.RadioItems(id=ids.SOURCE, options=options(SOURCES), value="stored", inline=True)
    parts = [
        html.Div([html.Span("Bars are"), source], className="backtest-source", role="radiogroup"),
        _stored(),
        _files(),
        *map(field_row, WIDTH),
    ]
    return _fold("Which bars?", "bars", parts, is_open=True)


def _stored() -> html.Div:
    return html.Div(
        [
            _select(ids.WATCHED, "Watched pair", "Sets market, both legs and the pair's own settings"),
            _select(ids.MARKET, "Market", "Where both symbols are stored"),
            _select(ids.Y, "Y", "The leg that is explained by X"),
            _select(ids.X, "X", "The leg it is hedged with; use the more liquid one"),
            _select(ids.SPAN, "Range", "Which of the stored bars", SPANS, "168"),
            html.Div(
                [
                    _text(ids.FROM, "From, UTC", "Included: such as 2026-01-31 or 2026-01-31T12:00", "beginning"),
                    _text(ids.TO, "To, UTC", "Not included: such as 2026-01-31 or 2026-01-31T12:00", "newest bar"),
                ],
                id=f"{ids.FROM}-part", hidden=True, className="backtest-sub",
            ),
            html.P("", id=ids.STORED_SAID, className="panel-head", **_LIVE),
        ],
        id=ids.STORED_PART, className="backtest-sub",
    )  # fmt: skip


def _files() -> html.Div:
    zone = html.Div(
        [
            html.P("Drop files with bars or trades of both legs here, funding rates too: CSV, NDJSON or Parquet,"
                   " packed or not."),
            dbc.Button("Choose files", id=ids.CHOOSE, size="sm", color="info", outline=True,
                       title="Files are sent to this dashboard and used for backtests; nothing is stored in a market"),
            html.Span("", id=ids.SENT, className="panel-head", role="status"),
        ],
        id=ids.DROP, className="data-drop",
    )  # fmt: skip
    buttons = html.Div(
        [
            dbc.Button("Look again", id=ids.LOOK, size="sm", color="info", outline=True, disabled=True,
                       title="Look through the files with this width and time zone"),
            dbc.Button("Discard", id=ids.DISCARD_FILES, size="sm", color="info", outline=True, disabled=True,
                       title="Delete what was sent"),
        ],
        className="data-buttons",
    )  # fmt: skip
    return html.Div(
        [
            zone,
            html.Div("", id=ids.UPLOAD_STAGE, className="panel-head", **_LIVE),
            _select(ids.FILE_Y, "Y", "The leg that is explained by X"),
            _select(ids.FILE_X, "X", "The leg it is hedged with"),
            _text(ids.TOLD_INTERVAL, "Width in file", "Of files that do not say it, such as 1m", "as detected"),
            _text(ids.TOLD_ZONE, "Time zone", "Of times without one, such as UTC or Europe/Berlin", "as detected"),
            buttons,
            html.Details([html.Summary("What was detected"), html.Div("", id=ids.PREVIEW, className="data-preview")],
                         open=True, className="more"),
        ],
        id=ids.FILES_PART, hidden=True, className="backtest-sub",
    )  # fmt: skip


def _search() -> html.Details:
    rows = []
    for number, (name, values) in enumerate(ids.AXES, 1):
        rows.append(
            html.Div(
                [
                    dbc.Label(f"Axis {number}", html_for=name, size="sm"),
                    html.Div(
                        [
                            dbc.Select(id=name, options=options(AXIS_CHOICES), size="sm"),
                            dbc.Label(f"Values of axis {number}", html_for=values, className="visually-hidden"),
                            dbc.Input(
                                id=values, type="text", size="sm", debounce=True, placeholder="1:3:0.5 or 1, 2, 3"
                            ),
                        ],
                        className="backtest-axis",
                    ),
                    html.Div("", id=error_id(values), className="field-error", role="alert"),
                ],
                className="row-2",
                title="A setting and its values: from:to:step with both ends, or a list; none, yes and no are words",
            )
        )
    kind = _select(ids.KIND, "Try", "One setting; every combination of the axes; or random points between their ends",
                   KINDS, "one")  # fmt: skip
    search = html.Div([*rows, *map(field_row, SEARCH), html.P("", id=ids.CELLS, className="panel-head", **_LIVE)],
                      id=ids.SEARCH_PART, hidden=True, className="backtest-sub")  # fmt: skip
    return _fold("One rule, or the best of many?", "search", [kind, search, *map(field_row, LUCK)])


def _run() -> html.Section:
    buttons = [
        dbc.Button("Run backtest", id=ids.START, color="info", size="sm"),
        dbc.Button("Cancel", id=ids.CANCEL, color="info", outline=True, size="sm", disabled=True,
                   title="Finished cells of a search are kept, and it can be continued"),
    ]  # fmt: skip
    again = html.Div(
        [
            html.P("", id=ids.INTERRUPTED_SAID),
            html.Div(
                [
                    dbc.Button("Continue", id=ids.CONTINUE, color="info", outline=True, size="sm"),
                    dbc.Button("Discard", id=ids.FORGET, color="secondary", outline=True, size="sm"),
                ],
                className="buttons",
            ),
        ],
        id=ids.INTERRUPTED,
        hidden=True,
        className="backtest-again",
    )
    return html.Section(
        [
            html.Div(buttons, className="buttons"),
            progress_bar(ids.BAR, "the backtest"),
            html.Div("", id=ids.SAID, className="message", role="alert"),
            html.Div("", id=ids.STAGE, className="panel-head", role="status"),
            again,
        ],
        className="panel backtest-run",
    )


def _results() -> html.Section:
    head = html.Div(
        [
            dbc.Label("Results", html_for=ids.CHOSEN, size="sm"),
            dbc.Select(id=ids.CHOSEN, options=[], size="sm", placeholder="no result yet", className="backtest-list"),
            dbc.Button("Use its settings", id=ids.USE, color="info", outline=True, size="sm", disabled=True,
                       title="Fill the form with what this result was asked with"),
            dbc.Button("Check for look-ahead", id=ids.AUDIT, color="info", outline=True, size="sm", disabled=True,
                       title=f"Computes it again without the bars after {CUTS} moments: nothing before may change"),
            html.Span("", id=ids.AUDIT_SAID, role="status", className="panel-head"),
        ],
        className="backtest-head",
    )  # fmt: skip
    return html.Section([head, portfolio_part(), html.Div("", id=ids.RESULT)], className="backtest-results")


def _machinery() -> html.Div:
    names = (ids.UPLOAD_SEEN, ids.STORED, ids.SEEN, ids.NEWEST, ids.SHOWN, ids.MOUNTED)
    polls = [
        dcc.Interval(id=ids.POLL, interval=POLL_MS),
        dcc.Interval(id=ids.OFFER_POLL, interval=OFFER_MS),
        dcc.Interval(id=ids.UPLOAD_POLL, interval=UPLOAD_MS, disabled=True),
        dcc.Interval(id=ids.AUDIT_TICK, interval=POLL_MS, disabled=True),
    ]
    address = dcc.Location(id=ids.ADDRESS, refresh=False)
    upload = dcc.Store(id=ids.UPLOAD, storage_type="session")  # files that were sent outlive a change of the page
    return html.Div([address, upload, *(dcc.Store(id=name) for name in names), *polls], hidden=True)
