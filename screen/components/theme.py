"""Colours of Plotly's figures and of the tables.

The page's colours are custom properties (``assets/colours.css``), one set for each theme. Tables name them. A Plotly
figure can't: its lines and cells have the colours below, which can be told from the grounds of both themes (contrast 3
or more, measured by ``tests/screen/test_theme.py``), its text, grid and hover labels are coloured by
``assets/plots.css``, so that a change of the theme needs no new figure.
"""

from __future__ import annotations

from typing import Any

MUTED = "#75879a"
GRID = "rgba(117,135,154,0.22)"
CYAN = "#0891b2"
GREEN = "#0d9d8f"
RED = "#e5483a"
AMBER = "#c27803"
VIOLET = "#8b5cf6"
MIDDLE = "rgba(117,135,154,0.08)"  # of a scale with two ends: nearly the ground

Figure = dict[str, Any]

# Of ag-grid, as a JavaScript expression.
GRID_THEME = {
    "function": "themeQuartz.withParams({backgroundColor: 'var(--grid)', foregroundColor: 'var(--ink)',"
    " headerBackgroundColor: 'var(--head)', headerTextColor: 'var(--muted)', borderColor: 'var(--line)',"
    " oddRowBackgroundColor: 'var(--stripe)', accentColor: 'var(--cyan)',"
    " rowHoverColor: 'color-mix(in srgb, var(--cyan) 8%, transparent)',"
    " selectedRowBackgroundColor: 'color-mix(in srgb, var(--cyan) 16%, transparent)', fontSize: '0.75rem', spacing: 4,"
    " wrapperBorderRadius: 7, fontFamily: 'inherit', headerFontWeight: 500, browserColorScheme: 'inherit'})"
}


def axis(**more: Any) -> Figure:
    """One axis."""
    return {
        "gridcolor": GRID, "zeroline": False, "linecolor": GRID, "tickfont": {"color": MUTED},
        "automargin": True, **more,
    }  # fmt: skip


def layout(**more: Any) -> Figure:
    """The layout that all figures share; ``assets/font_size.js`` makes its type larger with the page's."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": MUTED, "size": 12, "family": "system-ui, sans-serif"},
        "margin": {"l": 8, "r": 8, "t": 6, "b": 6},
        "hovermode": "x unified",
        "dragmode": "zoom",
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"color": MUTED}},
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
