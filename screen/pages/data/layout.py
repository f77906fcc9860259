"""The data's page: what flows in, what is stored, what is missing, and ways in and out."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components.fields import Choices, options
from screen.pages.data import ids, labels
from screen.pages.data.forms import backup_panel, export_panel, import_panel, settings_panel

POLL_MS = 3_000
IMPORT_POLL_MS = 500
_LIVE_REGION: Any = {"aria-live": "polite"}


def data_page() -> html.Main:
    """The whole page, without data."""
    return html.Main(
        [
            html.H1("Data", className="sheet-title"),
            _feeds(),
            _stock(),
            _gaps(),
            _history(),
            html.Div([import_panel(), export_panel()], className="data-pair"),
            backup_panel(),
            settings_panel(),
            _machinery(),
        ],
        className="sheet data-page",
    )


def _feeds() -> html.Section:
    head = [html.H2("Feeds"), html.Span("Looking for the bridge server …", id=ids.SERVER, className="panel-head",
                                        **_LIVE_REGION)]  # fmt: skip
    explanation = (
        "Counts since the bridge server started. Exchange → stored: from the exchange's time of a trade to its commit,"
        " over the last minute; the clocks' difference is in it."
    )
    return _panel(
        head,
        explanation,
        [
            html.Div("", id=ids.FEEDS, className="rows-scroll", tabIndex=0),
            html.P(
                ["Exchange → painted in this browser, p50 / p95: ", html.Span("", id=ids.PAINTED)],
                className="panel-head",
                title="By the clocks of the exchange and of this device",
            ),
            html.Div("", id=ids.FINDINGS),
        ],
    )


def _stock() -> html.Section:
    head = [
        html.H2("Stored"),
        html.Span("", id=ids.STOCK_HEAD, className="panel-head"),
        html.Div(
            [
                html.Span("", id=ids.COUNTED, className="panel-head", **_LIVE_REGION),
                dbc.Button("Count rows", id=ids.COUNT, size="sm", color="info", outline=True,
                           title="Counts every row: seconds to minutes for a store of many gigabytes"),
            ],
            className="data-right",
        ),
    ]  # fmt: skip
    parts = [
        html.Div("", id=ids.STOCK, className="rows-scroll", tabIndex=0),
        html.H3("Candles, imported bars, funding"),
        html.Div("", id=ids.SOURCED, className="rows-scroll", tabIndex=0),
        html.H3("Retention"),
        html.P("", id=ids.ARCHIVE, className="panel-head"),
    ]
    return _panel(head, "Trades and bars by symbol", parts)


def _gaps() -> html.Section:
    head = [
        html.H2("Gaps"),
        html.Span("", id=ids.GAPS_HEAD, className="panel-head", **_LIVE_REGION),
        html.Div(
            [
                *_choice(ids.GAP_SYMBOL, "Symbol", ((labels.ANY, "all symbols"),), "Gaps of one symbol, or of all"),
                *_choice(ids.GAP_STATUS, "State", labels.GAP_CHOICES, "Gaps in this state"),
                dbc.Button("Newest", id=ids.GAPS_NEWEST, size="sm", color="info", outline=True, title="First page"),
                dbc.Button("Older", id=ids.GAPS_OLDER, size="sm", color="info", outline=True, title="Next page"),
            ],
            className="data-right",
        ),
    ]
    explanation = "Trades that the exchange numbered and that did not arrive, until they are fetched or given up"
    return _panel(head, explanation, [html.Div("", id=ids.GAPS, className="rows-scroll", tabIndex=0)])


def _choice(name: str, label: str, choices: Choices, explanation: str) -> list[Any]:
    select = dbc.Select(id=name, options=options(choices), value=choices[0][0], size="sm")
    return [dbc.Label(label, html_for=name, size="sm"), html.Div(select, title=explanation)]


def _history() -> html.Section:
    head = [html.H2("History fetch"), html.Span("", id=ids.HISTORY_HEAD, className="panel-head", **_LIVE_REGION)]
    explanation = "The exchange's candles that watched pairs and scans want, and how much of them is stored"
    return _panel(head, explanation, [html.Div("", id=ids.HISTORY, className="rows-scroll", tabIndex=0)])


def _panel(head: list[Any], explanation: str, parts: list[Any]) -> html.Section:
    return html.Section([html.Div(head, className="panel-top", title=explanation), *parts], className="panel data-part")


def _machinery() -> html.Div:
    names = (
        ids.FEEDS_SEEN,
        ids.STOCK_SEEN,
        ids.GAPS_PLACE,
        ids.GAPS_SEEN,
        ids.UPLOAD,
        ids.IMPORT_SEEN,
        ids.BACKUPS_SEEN,
    )
    polls = [
        dcc.Interval(id=ids.POLL, interval=POLL_MS),
        dcc.Interval(id=ids.IMPORT_POLL, interval=IMPORT_POLL_MS, disabled=True),
    ]
    return html.Div([*(dcc.Store(id=name) for name in names), *polls], hidden=True)
