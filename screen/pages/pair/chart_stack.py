"""The pair's chart: one stack of panes on one time axis, drawn by ``assets/draw*.js``; its controls and texts."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from screen.components import ids
from screen.components.markup import markup
from screen.components.saved import saved_box

# Of the newest bars: the label, its meaning, and ms. "now" follows them again, in the range that was chosen.
_RANGES = (
    ("now", "Follow the newest bars again: as the key f, a double click, or a double tap", "now"),
    ("15 m", "The last 15 minutes", 900_000),
    ("1 h", "The last hour", 3_600_000),
    ("4 h", "The last 4 hours", 14_400_000),
    ("1 d", "The last day", 86_400_000),
    ("all", "Everything of this run and its history", "all"),
)
_TITLE = (
    "One time axis and one cross-hair. Drag or swipe to the side to move, wheel or pinch to zoom, double click, double"
    " tap or f to follow the newest bars. A value of the legend hides or shows its line. Hatched: bars in which a leg"
    " did not trade; amber: gaps in the data; dotted amber: where candles and ticks meet."
)
_NOTICE = "TradingView Lightweight Charts™ © TradingView, Inc."  # as its licence asks
_CANVAS: Any = {"aria-label": "Chart of the pair; arrow keys move it, + and - zoom", "role": "application"}


def chart_stack() -> html.Section:
    """The stack without data; ``ids.CHARTS`` are its panes, each with a text for when it is empty."""
    share = 100 / len(ids.CHARTS)  # until the panes are there
    notes = [
        html.Div(
            "Waiting for the dashboard …",
            id=ids.note(chart),
            className="graph-note",
            style={"top": f"{at * share}%", "height": f"{share}%"},
        )
        for at, chart in enumerate(ids.CHARTS)
    ]
    legends = html.Div(id=ids.CHART_LEGENDS, className="legends")
    canvas = html.Div(id=ids.CHART_CANVAS, className="stack-canvas", tabIndex=0, **_CANVAS)
    return html.Section(
        [
            _controls(),
            markup(html.Div([canvas, legends, *notes], className="stack-box")),
            html.A(
                _NOTICE, href="https://www.tradingview.com/", target="_blank", rel="noopener", className="stack-notice"
            ),
        ],
        id=ids.CHART_STACK,
        className="panel charts",
    )


def _controls() -> html.Div:
    ranges = [html.Button(label, type="button", title=meaning, **_range(value)) for label, meaning, value in _RANGES]
    return html.Div(
        [
            html.H2("Chart"),
            markup(html.Div(ranges, className="ranges", role="group", **_label("Range"))),
            html.Span("", id=ids.live(f"{ids.SPREAD}-head"), className="panel-head"),
            html.Span("", id=ids.SEEK_NOTE, className="seek-note", role="status"),
            dbc.RadioItems(
                id=ids.PRICE_LEG,
                value="y",
                inline=True,
                className="leg-choice",
                options=[{"label": each, "value": each.lower()} for each in ("Y", "X", "Both")],
            ),
            saved_box(
                "layouts",
                "Layout",
                "Which panes and parts are shown, in which order; layouts under names, kept in this browser.",
            ),
        ],
        className="panel-top",
        title=_TITLE,
    )


def _range(value: int | str) -> dict[str, Any]:
    return {"data-range": str(value), "aria-pressed": "false"}


def _label(text: str) -> dict[str, Any]:
    return {"aria-label": text}
