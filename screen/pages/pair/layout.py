"""The page of a pair: controls on the left, the pair on the right. ``assets/pair.js`` fills the live texts."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components import ids
from screen.components.fields import unseen_label
from screen.components.live_table import LiveColumn, live_table
from screen.components.markup import Markup, markup
from screen.components.saved import watch_lists
from screen.pages.pair.chart_stack import chart_stack
from screen.pages.pair.details import details_panel
from screen.pages.pair.evidence_panel import evidence_panel
from screen.pages.pair.money_line import as_of, money_line
from screen.pages.pair.settings_drawer import settings_button, settings_place
from screen.pages.pair.signal_log import signal_log

_CARDS = (
    ("prices", "Last prices", "Last prints of Y and X. Statistics run on the trade-side mid."),
    ("z", "z-score", "Distance of the spread from its mean, in deviations, both without the current bar."),
    ("beta", "Hedge ratio β", "Of the line that defines the spread: fitted up to the previous bar."),
    (
        "half-life",
        "Half-life at calibration",
        "Of the spread, estimated once per run, with the value for two unrelated walks.",
    ),
    (
        "gate",
        "Cointegration gate",
        "Engle-Granger on one fixed line: it opens at its level and closes at 20 %, so that it does not flip with every"
        " small change. One opening is no proof.",
    ),
    ("position", "Signal position", "The position of the rule. Signals are made at a bar's close, for the next bar."),
    (
        "cost",
        "Cost wall",
        "Cost of a round trip at this bar's half-spreads, in deviations of the spread. Below it no entry pays.",
    ),
    ("coverage", "Coverage", "Open gaps in the data, and the share of the z window's bars in which both legs traded."),
)
_LIVE_REGION: Any = {"aria-live": "polite"}
_NUMBERS_LABEL: Any = {"aria-label": "Latest numbers"}


def pair_page() -> html.Div:
    """The page of one pair, without data."""
    shows: Any = {"data-topics": "pair watch-list"}
    body = html.Div([_sidebar(), _main()], className="body")
    return html.Div([body, settings_place(), _machinery()], **shows)


def _sidebar() -> html.Aside:
    return html.Aside(
        [
            html.Div([html.H2("Watch list"), as_of()], className="watch-head"),
            _watch_list(),
            pair_picker(),
            html.Div(
                [
                    html.Span("", id=ids.MESSAGE, role="status", **_LIVE_REGION),
                    dbc.Button("Undo", id=ids.UNDO_BUTTON, color="link", size="sm", style={"display": "none"}),
                ],
                className="message",
            ),
            watch_lists(),
        ],
        className="side",
    )


def _watch_list() -> Markup:
    columns = (LiveColumn("pair", "Pair"), LiveColumn("z", "z", 58, is_number=True), LiveColumn("gate", "Gate", 70))
    empty = "No pair yet: it appears with the first trades of two symbols."
    return live_table(ids.LEADERS, "Watched pairs", columns, empty, 132)


def pair_picker() -> html.Div:
    """Choose a market and two of its symbols, and watch them."""
    return html.Div(
        [
            unseen_label(ids.MARKET, "Market"),
            dbc.Select(id=ids.MARKET, options=[], size="sm", placeholder="market"),
            html.Div(
                [
                    unseen_label(ids.Y, "Y, the dependent leg"),
                    dbc.Select(id=ids.Y, options=[], size="sm", placeholder="Y"),
                    html.Span("~"),
                    unseen_label(ids.X, "X, the more liquid leg"),
                    dbc.Select(id=ids.X, options=[], size="sm", placeholder="X"),
                ],
                className="two-legs",
                title="Y is explained by X; use the more liquid one as X, and decide before testing.",
            ),
            html.Div(
                [
                    dbc.Button("Watch pair", id=ids.ADD, color="info", outline=True, size="sm"),
                    dbc.Button("Remove", id=ids.REMOVE, color="secondary", outline=True, size="sm"),
                ],
                className="buttons",
            ),
        ],
        className="picker",
    )


def _main() -> html.Main:
    return html.Main(
        [
            _heading(),
            markup(html.Section([_card(*card) for card in _CARDS], className="cards", **_NUMBERS_LABEL)),
            money_line(),
            chart_stack(),
            html.Div([evidence_panel(), details_panel()], className="pair-more"),  # beside the chart on wide screens
            signal_log(),
        ]
    )


def _heading() -> html.Div:
    """Which pair this is, and what it amounts to now."""
    said = html.Span("", id=ids.live("verdict"), className="verdict-line", role="status")
    note = html.Span("", id=ids.live("verdict-note"), className="panel-head")
    return html.Div([html.H1("", id=ids.live("title")), said, note, as_of(), settings_button()], className="pair-head")


def _card(name: str, title: str, explanation: str) -> html.Div:
    return html.Div(
        [
            html.Div(title, className="card-title"),
            html.Div("–", id=ids.live(name), className="card-value"),
            html.Div("no pair is followed yet", id=ids.live(f"{name}-note"), className="card-note"),
        ],
        className="metric",
        title=explanation,
    )


def _machinery() -> html.Div:
    """Stores and timers shared by callbacks and scripts."""
    return html.Div([dcc.Store(id=ids.UNDO), dcc.Interval(id=ids.OPTIONS, interval=10_000)], hidden=True)
