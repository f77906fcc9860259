"""The pair's log of decisions, which ``assets/pair_log.js`` fills, with what filters it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from engine.pairs.enums import Reason
from screen.components import ids
from screen.components.live_table import LiveColumn, live_table
from screen.components.markup import Markup, markup

KINDS = ("enter_long", "enter_short", "exit", "no_entry", "withdrawn")
_COLUMNS = (
    LiveColumn("bar_close", "Bar close (UTC)", 164),
    LiveColumn("kind", "Decision", 98),
    LiveColumn("reason", "Reason", 128),
    *(
        LiveColumn(field, head, width, is_number=True)
        for field, head, width in (
            ("z", "z", 62), ("spread", "Spread", 84), ("beta", "β", 70), ("gate_pvalue", "p", 74),
            ("y_price", "Y price", 92), ("x_price", "X price", 92), ("quantity_y", "Qty Y", 84),
            ("quantity_x", "Qty X", 84), ("position", "Pos.", 52), ("revision", "Rev.", 52),
        )
    ),
    LiveColumn("given_at", "Given at (UTC)", 164),
)  # fmt: skip
_WORDS = "Every decision, and every bar beyond the threshold with the reason for no entry."


def signal_log() -> html.Section:
    """The panel without rows."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Signal log"),
                    html.Span("", id=ids.live("log-count"), className="panel-head"),
                    html.Span("", id=ids.live("run-note"), className="panel-head"),
                    dbc.Checklist(
                        id=ids.LOG_FILTER, value=["trades"], inline=True, switch=True, className="leg-choice",
                        options=[{"label": "entries and exits only", "value": "trades"}],
                    ),
                    _filter("kind", "Show one kind of decision", "every decision", KINDS),
                    _filter("reason", "Show one reason", "every reason", (each.name for each in Reason if each)),
                    html.A("Export CSV", id=ids.EXPORT, className="btn btn-outline-info btn-sm", download=""),
                ],
                className="panel-top",
                title=_WORDS,
            ),
            live_table(
                ids.LOG, "Signal log", _COLUMNS,
                "No decision to show. One is logged whenever |z| passes the threshold.", 300,
            ),
        ],
        className="panel log",
    )  # fmt: skip


def _filter(field: str, words: str, everything: str, choices: Iterable[str]) -> Markup:
    """Values of a column; the script reads it, so it is no component of a callback."""
    of: Any = {"data-log-filter": field, "aria-label": words}
    options = [html.Option(everything, value=""), *(html.Option(each, value=each) for each in choices)]
    return markup(html.Select(options, className="form-select form-select-sm", **of))
