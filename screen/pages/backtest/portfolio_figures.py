"""The figures of a portfolio: equity with drawdown, contributions, correlation. Pure."""

from __future__ import annotations

from typing import Any

from screen.components.theme import GREEN, MIDDLE, MUTED, RED, Figure, axis, layout
from screen.pages.backtest import figures


def name_of(pair: dict[str, Any]) -> str:
    """A pair with the number of its backtest.

    >>> name_of({"backtest_id": "3", "y": "ETHUSDT", "x": "BTCUSDT"})
    '3: ETHUSDT ~ BTCUSDT'
    """
    return f"{pair['backtest_id']}: {pair['y']} ~ {pair['x']}"


def equity(record: dict[str, Any]) -> Figure:
    """As that of one backtest, without a band."""
    metrics = {"Capital [quote]": record["capital"]}
    return figures.equity({"curve": record["curve"] | {"band": None}, "metrics": metrics})


def contributions(record: dict[str, Any]) -> Figure:
    """Net by pair and their total."""
    parts = [(name_of(pair), pair["net"]) for pair in record["pairs"]]
    return figures.money_bars([*parts, ("Total", record["net"])])


def correlation(record: dict[str, Any]) -> Figure:
    """Of the pairs' profits, each cell with its number; columns by the number of the backtest."""
    rows = [name_of(pair) for pair in record["pairs"]]
    columns = [f"no. {pair['backtest_id']}" for pair in record["pairs"]]
    cells = {
        "type": "heatmap", "z": record["correlation"], "x": columns, "y": rows, "zmin": -1, "zmax": 1,
        "colorscale": [[0.0, RED], [0.5, MIDDLE], [1.0, GREEN]], "xgap": 1, "ygap": 1, "showscale": False,
        "texttemplate": "%{z:+.2f}", "textfont": {"size": 12}, "hoverongaps": False,
        "hovertemplate": "%{y} and %{x}: %{z:+.3f}<extra></extra>",
    }  # fmt: skip
    figure = layout(showlegend=False, hovermode="closest", dragmode=False)
    figure["xaxis"] = axis(type="category", fixedrange=True, showgrid=False, side="top")
    figure["yaxis"] = axis(type="category", autorange="reversed", fixedrange=True, showgrid=False)
    figure["annotations"] = [
        {"x": column, "y": row, "text": "none", "showarrow": False, "font": {"color": MUTED}}
        for row, values in zip(rows, record["correlation"], strict=True)
        for column, value in zip(columns, values, strict=True)
        if value is None
    ]
    return {"data": [cells], "layout": figure}
