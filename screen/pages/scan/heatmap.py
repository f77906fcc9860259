"""The correlation map as a figure."""

from __future__ import annotations

from typing import Any

from screen.components.theme import CYAN, MIDDLE, MUTED, VIOLET, Figure, layout

LABELLED = 14  # symbols up to which each cell shows its number
_SCALE = [[0.0, VIOLET], [0.5, MIDDLE], [1.0, CYAN]]


def empty_map() -> Figure:
    """An empty figure on the page's background; the text over it gives the reason."""
    return {"data": [], "layout": layout(xaxis={"visible": False}, yaxis={"visible": False})}


def short_name(symbol: str) -> str:
    """As the axes have it.

    >>> short_name("ETHUSDT"), short_name("ETHBTC")
    ('ETH', 'ETHBTC')
    """
    return symbol.removesuffix("USDT") or symbol


def correlation_map(correlation: dict[str, Any], kind: str) -> Figure:
    """``kind``: pearson or hayashi_yoshida. Cells without a number stay empty; the scale is from -1 to 1."""
    names = [short_name(symbol) for symbol in correlation["symbols"]]
    cells: Figure = {
        "type": "heatmap", "z": correlation[kind], "x": names, "y": names, "zmin": -1, "zmax": 1, "xgap": 1, "ygap": 1,
        "colorscale": _SCALE,
        "hovertemplate": "%{y} ~ %{x}: %{z:.3f}<br>a click watches the pair and opens it<extra></extra>",
        "colorbar": {"thickness": 10, "tickfont": {"color": MUTED}, "outlinewidth": 0, "nticks": 5},
    }  # fmt: skip
    if len(names) <= LABELLED:
        cells |= {"texttemplate": "%{z:.2f}", "textfont": {"size": 12}}
    ticks = {"tickfont": {"color": MUTED}, "type": "category", "showgrid": False, "automargin": True}
    figure = layout(showlegend=False, hovermode="closest", dragmode=False)
    figure["xaxis"] = {**ticks, "tickangle": -60 if len(names) > LABELLED else 0, "fixedrange": True}
    figure["yaxis"] = {**ticks, "autorange": "reversed", "fixedrange": True}
    return {"data": [cells], "layout": figure}
