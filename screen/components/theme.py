"""Colours of Plotly's figures; assets/theme.css has the same colours for the page and the charts."""

from __future__ import annotations

from typing import Any

INK = "#d5dee8"
MUTED = "#8494a6"
GRID = "rgba(132,148,166,0.14)"
CYAN = "#22d3ee"
GREEN = "#34d399"
RED = "#f87171"
AMBER = "#fbbf24"
VIOLET = "#a78bfa"

Figure = dict[str, Any]

# Of ag-grid, as a JavaScript expression; assets/theme.css has the same colours.
GRID_THEME = {
    "function": "themeQuartz.withParams({backgroundColor: '#0f1620', foregroundColor: '#d5dee8',"
    " headerBackgroundColor: '#131c28', headerTextColor: '#8494a6', borderColor: 'rgba(132, 148, 166, 0.16)',"
    " oddRowBackgroundColor: '#111924', rowHoverColor: 'rgba(34, 211, 238, 0.08)', accentColor: '#22d3ee',"
    " selectedRowBackgroundColor: 'rgba(34, 211, 238, 0.16)', fontSize: 12, spacing: 4, wrapperBorderRadius: 7,"
    " fontFamily: 'inherit', headerFontWeight: 500, browserColorScheme: 'dark'})"
}


def axis(**more: Any) -> Figure:
    """One axis, dark."""
    return {
        "gridcolor": GRID, "zeroline": False, "linecolor": GRID, "tickfont": {"color": MUTED, "size": 11},
        "automargin": True, **more,
    }  # fmt: skip


def layout(**more: Any) -> Figure:
    """The layout that all figures share."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 12, "family": "system-ui, sans-serif"},
        "margin": {"l": 8, "r": 8, "t": 6, "b": 6},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#0d131c", "bordercolor": GRID, "font": {"color": INK}},
        "dragmode": "zoom",
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 11, "color": MUTED}},
        "xaxis": axis(
            type="date",
            hoverformat="%Y-%m-%d %H:%M:%S UTC",
            nticks=6,
            tickformatstops=[
                {"dtickrange": [None, 60_000], "value": "%H:%M:%S"},
                {"dtickrange": [60_000, 86_400_000], "value": "%H:%M"},
                {"dtickrange": [86_400_000, None], "value": "%b %d"},
            ],
        ),
        **more,
    }
