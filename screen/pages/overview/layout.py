"""The page of everything: the watched pairs and the symbols, as tables that ``assets/overview.js`` keeps current."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components.addresses import BACKTEST, GLOSSARY, PAIR, SCAN
from screen.components.live_table import LiveColumn, live_table
from screen.components.saved import watch_lists
from screen.components.theme import GRID_THEME

PAIRS, SYMBOLS, GUIDE, BRIDGE = "overview-pairs", "overview-symbols", "overview-start", "overview-bridge"
TOUR, TOUR_CLOSE = "overview-tour", "overview-tour-close"
_RIGHT: dict[str, Any] = {"type": "rightAligned"}
_SYMBOL_COLUMNS = (
    LiveColumn("symbol", "Symbol", 130),
    LiveColumn("market", "Market", 90),
    *(
        LiveColumn(field, head, width, is_number=True, explanation=explanation)
        for field, head, width, explanation in (
            ("price", "Last price", 120, "Of the last trade, in quote currency"),
            ("change", "Change %", 100, "Since a day ago, or since the first stored second"),
            ("over", "Over", 84, "The time of the change"),
            ("rate", "Trades/s", 94, "Received over the last half minute"),
            ("gaps", "Open gaps", 100, "Missing trades that are still being fetched, or were given up"),
            ("age", "Last trade, s ago", 136, "By the market's clock; amber beyond 10 s"),
        )
    ),
)


def overview_page() -> html.Main:
    """The page without data."""
    shows: Any = {"data-topics": "overview"}
    return html.Main(
        [
            html.H1("Overview", className="visually-hidden"),
            _guide(),
            _tour(),
            _section(
                "Watched pairs",
                "A row opens its pair. PnL: the paper position, what the signals would have earned after costs.",
                PAIRS, _pair_grid(), watch_lists(),
            ),
            _section(
                "Symbols", "Every symbol with stored trades, by the last print.", SYMBOLS,
                live_table(SYMBOLS, "Symbols", _SYMBOL_COLUMNS, "No trades yet.", 60),
            ),
        ],
        className="sheet", **shows,
    )  # fmt: skip


def _guide() -> html.Section:
    """Shown while there is no trade at all."""
    steps = (
        (
            "Open the bridge page",
            html.A("the bridge page", id="overview-bridge", href="", target="_blank", rel="noopener"),
        ),
        ("Choose symbols, or keep those that are there", "Two are enough for a pair."),
        ("Click Start Bridge", "Trades arrive within seconds; the first pair appears here by itself."),
    )
    items = [html.Li([html.Strong(f"{what}. "), html.Span(how)]) for what, how in steps]
    return html.Section(
        [html.H2("Three steps to the first pair"), html.Ol(items)], id=GUIDE, className="panel start", hidden=True
    )


def _tour() -> html.Section:
    """Shown while only the simulated exchange trades, until it is dismissed (assets/overview.js)."""
    steps: tuple[tuple[str, Any], ...] = (
        ("Watched pairs", "A row below is a pair: z is how far its spread is from the mean, To entry what is missing."),
        ("The pair", ["Open ", dcc.Link("its page", href=PAIR), ": its first line says what the rule does, and why."]),
        ("Evidence", "Further down: how far each figure can be trusted. Point at a line, or tap it, for its meaning."),
        ("Luck", ["A ", dcc.Link("backtest", href=BACKTEST), " or a ", dcc.Link("scan", href=SCAN), " tells what chance"
         " would do as well; the ", dcc.Link("glossary", href=GLOSSARY), " has the trap of each figure."]),
    )  # fmt: skip
    items = [html.Li([html.Strong(f"{what}. "), html.Span(how)]) for what, how in steps]
    close = html.Button("Dismiss", id=TOUR_CLOSE, type="button", className="choice")
    head = html.Div([html.H2("This is a demo: a simulated exchange, in four steps"), close], className="panel-top")
    return html.Section([head, html.Ol(items)], id=TOUR, className="panel start", hidden=True)


def _section(title: str, lead: str, name: str, table: Any, *above: Any) -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.H2(title),
                    html.Span(lead, className="panel-head"),
                    *above,
                    html.Span("More columns: swipe sideways →", className="panel-head swipe-hint"),
                    dbc.Input(
                        id=f"{name}-filter",
                        type="search",
                        size="sm",
                        placeholder="Filter …",
                        className="table-filter",
                        autocomplete="off",
                    ),
                ],
                className="panel-top",
            ),
            table,
        ],
        className="panel sheet-part",
    )


def _pair_grid() -> dag.AgGrid:
    empty = "No pair is watched yet: the first appears with the trades of two symbols."
    return dag.AgGrid(
        id=PAIRS,
        rowData=[],
        columnDefs=_pair_columns(),
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True},
        dashGridOptions={
            "rowHeight": 30,
            "headerHeight": 30,
            "domLayout": "autoHeight",
            "loading": True,  # until the dashboard's first message (assets/overview.js)
            "localeText": {"noRowsToShow": empty, "loadingOoo": "Loading …"},
            "rowClassRules": {"is-stale": "params.data.stale"},
            "theme": GRID_THEME,
        },
        getRowId="params.data.id",
        className="grid overview-grid",
        style={"height": None},
    )


def _pair_columns() -> list[dict[str, Any]]:
    return [
        {"field": "pair", "headerName": "Pair", "width": 150, "minWidth": 140, "pinned": "left", "cellClass": "opens"},
        {"field": "width", "headerName": "Bars", "width": 52},
        _number("z", "z", 58, 2, "Distance of the spread from its mean, in deviations")
        | {"valueFormatter": {"function": "pairbridgeSigned(params.value, 2)"}},
        {
            "field": "trail", "headerName": "Last 60 bars", "width": 92, "sortable": False,
            "cellRenderer": "PairbridgeTrail", "cellDataType": False,
        },
        _number("distance", "To entry", 74, 2, "|z| still missing to the entry that is in force, costs included"),
        {"field": "gate", "headerName": "Gate", "width": 64},
        _share("p", "p", 78, "Of the gate's latest test"),
        _estimate("half_life", "Half-life, bars", 118, "Of the tested residual, with its 95 % interval"),
        _estimate("edge", "Edge, bps a day", 170, "Expected net bps of the Y leg a day, after costs, if the"
                  " spread goes on as it did; with its range"),
        {"field": "position", "headerName": "Position", "width": 72},
        _money("open", "Open"),
        _money("realised", "Realised"),
        _number("today", "Entries", 66, 0, "Since midnight UTC"),
        {"field": "status", "headerName": "Status", "minWidth": 200, "flex": 1, "tooltipField": "status"},
    ]  # fmt: skip


def _share(field: str, name: str, width: int, help_text: str) -> dict[str, Any]:
    return {
        **_number(field, name, width, 4, help_text),
        "valueFormatter": {"function": "pairbridgeShare(params.value)"},
    }


def _number(field: str, name: str, width: int, digits: int, help_text: str) -> dict[str, Any]:
    return {
        "field": field, "headerName": name, "width": width, "headerTooltip": help_text, **_RIGHT,
        "valueFormatter": {"function": f"pairbridgeNumber(params.value, {digits})"},
    }  # fmt: skip


def _estimate(field: str, name: str, width: int, help_text: str) -> dict[str, Any]:
    """A number with its interval, as text, sorted by the number."""
    return {
        "field": f"{field}_text", "headerName": name, "width": width, "headerTooltip": help_text, **_RIGHT,
        "comparator": {"function": "pairbridgeByNumber"}, "tooltipField": f"{field}_range",
    }  # fmt: skip


def _money(field: str, name: str) -> dict[str, Any]:
    rules = {"profit": "params.value > 0", "loss": "params.value < 0"}
    return {**_number(field, name, 76, 2, "In quote currency, after costs"), "cellClassRules": rules}
