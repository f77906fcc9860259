"""The journal's page: filter, decisions, reasons for no entry, closed trades, parity."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components.fields import Choices, error_id, options
from screen.pages.signals import ids, labels

POLL_MS = 3_000
_LIVE_REGION: Any = {"aria-live": "polite"}
_TIME = "UTC, such as 2026-01-31 or 2026-01-31T12:00; empty: no limit"
_HELP = {
    ids.PAIR: "Decisions of one pair, or of all",
    ids.SHOWN: "Which decisions are listed",
    ids.REASON: "Why an entry was not taken, or why a position was closed",
    ids.FROM: f"Bars that close at this time or later: {_TIME}",
    ids.TO: f"Bars that close before this time: {_TIME}",
}


def signals_page() -> html.Main:
    """The whole page, without data."""
    return html.Main(
        [
            html.H1("Signals", className="sheet-title"),
            _filter(),
            html.Div(
                [_journal(), html.Div([_reasons(), _parity()], className="signals-side")], className="signals-grid"
            ),
            _trades(),
            _machinery(),
        ],
        className="sheet signals-page",
    )


def _filter() -> html.Section:
    controls = [
        _choice(ids.PAIR, "Pair", ((labels.ANY, "all pairs"),)),
        _choice(ids.SHOWN, "Show", labels.SHOWN),
        _choice(ids.REASON, "Reason", labels.REASON_CHOICES),
        _time(ids.FROM, "From (UTC)", "beginning"),
        _time(ids.TO, "To (UTC)", "now"),
        dbc.Button("Reset", id=ids.RESET, color="secondary", outline=True, size="sm", title="Show everything again"),
    ]
    named: Any = {"aria-label": "Filter"}
    message = html.Div("", id=ids.MESSAGE, className="message", role="alert")
    return html.Section([html.Div(controls, className="signals-filter"), message], className="panel", **named)


def _choice(name: str, label: str, choices: Choices) -> html.Div:
    control = dbc.Select(id=name, options=options(choices), value=choices[0][0], size="sm")
    return _control(name, label, control)


def _time(name: str, label: str, empty: str) -> html.Div:
    return _control(name, label, dbc.Input(id=name, type="text", size="sm", debounce=True, placeholder=empty))


def _control(name: str, label: str, control: Any) -> html.Div:
    error = html.Div("", id=error_id(name), className="field-error", role="alert")
    return html.Div([dbc.Label(label, html_for=name, size="sm"), control, error], title=_HELP[name])


def _journal() -> html.Section:
    exports = [
        html.A(form.upper() if form != "parquet" else "Parquet", id=name, className="btn btn-outline-info btn-sm",
               download="", title=f"All rows of this filter as {form}, not only this page")
        for form, name in ids.EXPORTS.items()
    ]  # fmt: skip
    head = [
        html.H2("Decisions"),
        html.Span("", id=ids.RANGE, className="panel-head", **_LIVE_REGION),
        html.Div(
            [
                _pager(ids.NEWEST, "Newest", "The first page"),
                _pager(ids.NEWER, "Newer", "The page before"),
                _pager(ids.OLDER, "Older", "The next page"),
            ],
            className="btn-group signals-pager",
        ),
        html.Div([html.Span("Export", className="panel-head"), *exports], className="signals-exports"),
    ]
    explanation = "Every decision of every pair, and every bar beyond the threshold with the reason for no entry."
    rows = html.Div(html.P("Reading …", className="rows-empty"), id=ids.ROWS, className="rows-scroll", tabIndex=0)
    return html.Section([html.Div(head, className="panel-top", title=explanation), rows], className="panel")


def _pager(name: str, label: str, explanation: str) -> dbc.Button:
    return dbc.Button(
        label, id=name, size="sm", color="info", outline=True, disabled=True, title=f"{explanation} of decisions"
    )


def _reasons() -> html.Section:
    head = html.Div(html.H2("Why not"), className="panel-top", title="Bars with |z| beyond the entry, by what kept"
                    " the position from being taken; of the filter's pairs and range")  # fmt: skip
    return html.Section([head, html.Div("", id=ids.COUNTS)], className="panel")


def _parity() -> html.Section:
    explanation = (
        "The stored trades of a pair's current run are replayed through the same code: equal when every value of every"
        " bar, decision and paper fill comes out the same."
    )
    head = html.Div([html.H2("Parity"), html.Span("", id=ids.PARITY_MESSAGE, role="status", className="panel-head")],
                    className="panel-top", title=explanation)  # fmt: skip
    return html.Section([head, html.Div("", id=ids.PARITY)], className="panel")


def _trades() -> html.Section:
    counted = html.Div(
        [
            dbc.Label("Counted by", html_for=ids.COUNTED, size="sm"),
            dbc.Select(id=ids.COUNTED, options=options(labels.COUNTED), value=labels.COUNTED[0][0], size="sm"),
        ],
        className="signals-counted",
        title="The paper books of the pairs, all costs charged, as the pair's money line: of the current runs, or of"
        " all. No bar counts twice: a run counts the trades that it entered after the last bar of the run before. The"
        " exported log has every trade, and says of each how it is counted.",
    )
    head = [
        html.H2("Closed paper trades"),
        html.Span("", id=ids.TOTALS, className="panel-head", **_LIVE_REGION),
        counted,
    ]
    rows = html.Div("", id=ids.TRADES, className="rows-scroll", tabIndex=0)
    return html.Section([html.Div(head, className="panel-top"), rows], className="panel signals-part")


def _machinery() -> html.Div:
    stores = [dcc.Store(id=name) for name in (ids.VIEW, ids.SEEN, ids.OLDER_PLACE, ids.TRADES_SEEN, ids.PARITY_SEEN)]
    return html.Div([*stores, dcc.Interval(id=ids.POLL, interval=POLL_MS)], hidden=True)
