"""The scan's page: the form on the left, the results on the right."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components import ids
from screen.components.fields import unseen_label
from screen.components.tables import table
from screen.components.theme import GRID_THEME
from screen.pages.scan.form import scan_form
from screen.pages.scan.heatmap import empty_map
from screen.pages.scan.labels import excluded_rows

_RIGHT = {"type": "rightAligned"}
_STATUS: Any = {"role": "status", "aria-live": "polite"}
_NUMBER, _SHARE = "pairbridgeNumber(params.value, {})", "pairbridgeShare(params.value)"
NUMBERS = (
    ("statistic", "Statistic", 80, _NUMBER.format(2), "Engle-Granger; lower is evidence"),
    ("pvalue", "p", 76, _SHARE, "Of this test alone, at this number of bars"),
    ("q_value", "q BH", 76, _SHARE, "Benjamini-Hochberg: the share of false finds, were this the last one"),
    ("q_value_by", "q BY", 76, _SHARE, "Benjamini-Yekutieli: the same under any dependence"),
    ("half_life_bars", "Half-life", 78, _NUMBER.format(1), "Of the residual, in bars; –: no reversion"),
    ("half_life_null_bars", "Noise", 66, _NUMBER.format(1), "Bars; 1 of 20 unrelated pairs shows fewer"),
    ("crossings", "Crossings", 84, _NUMBER.format(0), "How often the residual crosses its mean"),
    ("hurst", "Hurst", 62, _NUMBER.format(2), "Of the residual; below 0.5 it reverts"),
    ("beta", "β", 72, _NUMBER.format(4), "Dollars of X per dollar of Y"),
    ("holdout_pvalue", "p held out", 92, _SHARE, "Of the same line on bars that it has not seen; survived: below 5 %"),
    ("hedge_pvalue", "p hedge", 82, _SHARE,
     "Of finds: how often a leg with random signs keeps the held-out spread as close; survived: at most 2 %"),
    ("wild_pvalue", "p wild", 76, _SHARE,
     "Of finds: the statistic against the variance that the legs really have (wild bootstrap); survived: at most 5 %"),
)  # fmt: skip


def scan_page() -> html.Div:
    """The whole page, without a result."""
    return html.Div([scan_form(), html.Main([_found(), _map(), _excluded()]), _machinery()], className="body")


def _found() -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Result"),
                    unseen_label(ids.SCAN_CHOSEN, "Earlier scans"),
                    dbc.Select(
                        id=ids.SCAN_CHOSEN, options=[], size="sm", placeholder="no scan yet", className="earlier"
                    ),
                    html.A(
                        "Export CSV", id=ids.SCAN_EXPORT, className="btn btn-outline-info btn-sm", download=""
                    ),
                ],
                className="panel-top",
            ),
            html.Div(
                [html.Strong("No scan yet.", id=ids.SCAN_VERDICT), html.Span("", id=ids.SCAN_DETAIL)],
                className="verdict", **_STATUS,
            ),
            _pairs_grid(),
            html.Div(
                [
                    dbc.Button(
                        "Watch this pair", id=ids.SCAN_WATCH, color="info", outline=True, size="sm", disabled=True
                    ),
                    html.Span("Choose a row with the mouse, or with the arrow keys and the space bar."),
                ],
                className="below",
            ),
        ],
        className="panel",
    )  # fmt: skip


def _pairs_grid() -> dag.AgGrid:
    return dag.AgGrid(
        id=ids.SCAN_PAIRS,
        rowData=[],
        columnDefs=_pair_columns(),
        defaultColDef={"sortable": True, "resizable": True, "filter": True},
        dashGridOptions={
            "rowHeight": 28,
            "headerHeight": 30,
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "rowClassRules": {"is-survivor": "params.data.verdict === 'survived'"},
            "localeText": {"noRowsToShow": "No pair was tested yet. Choose a market and start a scan."},
            "theme": GRID_THEME,
        },
        getRowId="params.data.id",
        className="grid",
        style={"height": "330px"},
    )


def _pair_columns() -> list[dict[str, Any]]:
    names = [
        {"field": "y", "headerName": "Y", "width": 98, "pinned": "left", "headerTooltip": "The dependent leg"},
        {"field": "x", "headerName": "X", "width": 98, "pinned": "left", "headerTooltip": "The more liquid leg"},
        {
            "field": "verdict", "headerName": "Verdict", "width": 92,
            "headerTooltip": "found: q is small enough and neither leg has a stronger find; explained: one has;"
            " survived: found, and its p held out, p hedge and p wild are small enough",
        },
        {
            "field": "reason", "headerName": "Why", "width": 190, "tooltipField": "reason",
            "headerTooltip": "explained by Y ~ X: that find is stronger and has one of the legs. A leg with noise of"
            " its own distorts all its tests, so its strongest find stands for all. Of a find: what it did not pass",
        },
    ]  # fmt: skip
    numbers = [
        {
            "field": field, "headerName": name, "width": width, "headerTooltip": tip, **_RIGHT,
            "valueFormatter": {"function": function}, "filter": False,
        }
        for field, name, width, function, tip in NUMBERS
    ]  # fmt: skip
    return [*names, *numbers]


def _map() -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Correlation of returns"),
                    html.Span(
                        "similar symbols adjacent; the 60 most liquid at most; a cell opens its pair",
                        className="panel-head",
                    ),
                    dbc.RadioItems(
                        id=ids.SCAN_MAP_KIND, value="pearson", inline=True, className="leg-choice",
                        options=[
                            {"label": "Pearson", "value": "pearson"},
                            {"label": "Hayashi-Yoshida", "value": "hayashi_yoshida"},
                        ],
                    ),
                ],
                className="panel-top",
                title="Pearson over bars, missing ones carried, is too low if symbols trade at different times;"
                " Hayashi-Yoshida is over each symbol's own bars, and equals it where every bar has trades of both.",
            ),
            html.Div(
                [
                    dcc.Graph(
                        id=ids.SCAN_MAP, figure=empty_map(), className="graph", responsive=True,
                        config={"displaylogo": False, "displayModeBar": False, "responsive": True},
                    ),
                    html.Div("The map comes with a scan.", id=ids.note(ids.SCAN_MAP), className="graph-note"),
                ],
                className="map-box",
            ),
        ],
        className="panel scan-part",
    )  # fmt: skip


def _excluded() -> html.Section:
    return html.Section(
        [
            html.Div(
                [html.H2("Left out"), html.Span("", id=ids.SCAN_EXCLUDED_HEAD, className="panel-head")],
                className="panel-top",
            ),
            html.Div(excluded_table(None), id=ids.SCAN_EXCLUDED, className="rows-scroll scan-excluded", tabIndex=0),
        ],
        className="panel scan-part",
    )


def excluded_table(result: Any) -> Any:
    """What a scan left out; None without a scan."""
    empty = "Exclusions of a scan are listed here with the reason."
    rows = [] if result is None else excluded_rows(result)
    return table("What was left out", rows, [""] * len(rows), empty if result is None else "Nothing was left out.")


def _machinery() -> html.Div:
    poll = dcc.Interval(id=ids.SCAN_POLL, interval=500)
    return html.Div([dcc.Store(id=ids.SCAN_NEWEST), dcc.Store(id=ids.SCAN_FRESH), poll], hidden=True)
