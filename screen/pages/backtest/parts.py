"""Panels, facts and graphs of results. Pure."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from screen.components.theme import Figure


def fact(name: str, value: str, note: str, tone: str) -> html.Div:
    """One figure with its name above and a note below; ``tone``: up, down or none."""
    data: Any = {"data-tone": tone}
    return html.Div(
        [
            html.Div(name, className="card-title"),
            html.Div(value, className="card-value", **data),
            html.Div(note, className="card-note"),
        ],
        className="metric",
    )


def graph(name: str, figure: Figure, height: int) -> dcc.Graph:
    """A figure of Plotly that fits its panel, ``height`` pixels high."""
    config: Any = {"displaylogo": False, "displayModeBar": False, "responsive": True}
    return dcc.Graph(id=name, figure=figure, config=config, responsive=True, style={"height": f"{height}px"})


def panel(title: str, lead: str, parts: list[Any], name: str = "") -> html.Section:
    """A panel with a title, what it shows in a line, and its parts; ``name``: another class."""
    head = html.Div([html.H2(title), html.Span(lead, className="panel-head")], className="panel-top")
    return html.Section([head, *parts], className=f"panel backtest-part {name}".strip())
