"""The tables of a result: trades, and the cells of a search. Pure."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag

from screen.components.theme import GRID_THEME
from screen.pages.backtest import labels
from screen.pages.backtest.labels import Record

MOST_CELLS = 200  # shown
_COSTS = ("fees", "half_spread", "slippage", "funding")
_RIGHT: dict[str, Any] = {"type": "rightAligned"}


def trades_grid(record: Record, path: str = "") -> dag.AgGrid:
    """The trades of a record, the oldest first. ``path`` of the pair's page, if it has one: a row opens its chart at
    the bar that gave the entry, which closed when the bar of the fill opened."""
    rows = [
        {
            "id": str(place),
            **trade,
            "why": labels.EXITS.get(trade["reason"], trade["reason"]),
            "costs": sum(trade[name] for name in _COSTS),
            "path": path,
        }
        for place, trade in enumerate(record["trade_list"])
    ]
    empty = "No trade: the verdict says why."
    grid = _grid("backtest-trades", rows, _trade_columns(), min(420, 70 + 28 * max(len(rows), 2)), empty)
    grid.eventListeners = {"rowClicked": ["pairbridgeOpenTrade(params)"]}
    return grid


def cells_grid(search: Record) -> dag.AgGrid:
    """The cells of a search, the best first."""
    ranked = sorted(search["cells"], key=lambda cell: -(cell["score"] if cell["score"] is not None else -1e9))
    rows = [
        {"id": str(place), "rank": place + 1, **cell, "what": labels.changes(cell["changes"])}
        for place, cell in enumerate(ranked[:MOST_CELLS])
    ]
    return _grid("backtest-cells-grid", rows, _cell_columns(), min(380, 70 + 28 * len(rows)), "No cell.")


def _grid(name: str, rows: list[dict[str, Any]], columns: list[dict[str, Any]], height: int, empty: str) -> dag.AgGrid:
    return dag.AgGrid(
        id=name,
        rowData=rows,
        columnDefs=columns,
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True},
        dashGridOptions={
            "rowHeight": 28,
            "headerHeight": 30,
            "theme": GRID_THEME,
            "localeText": {"noRowsToShow": empty},
        },
        getRowId="params.data.id",
        className="grid backtest-grid",
        style={"height": f"{height}px"},
    )


def _trade_columns() -> list[dict[str, Any]]:
    return [
        _time("entry_time", "Entered (UTC)", "The bar of the fill, one after the signal's, at its open"),
        _time("exit_time", "Left (UTC)", "The bar of the fill"),
        {
            "field": "side",
            "headerName": "Side",
            "width": 78,
            "filter": True,
            "headerTooltip": "Of the spread: long holds Y, short sells it",
        },
        {"field": "why", "headerName": "Exit because", "width": 138, "filter": True, "tooltipField": "reason"},
        _figure("entry_z", "Entry z", 80, 2, "z of the bar that gave the signal, in deviations"),
        _figure("exit_z", "Exit z", 76, 2, "z of the bar that gave the exit"),
        _figure("hold_bars", "Bars", 66, 0, "Bars held"),
        _figure("value", "Value", 100, 0, "Both legs at the entry, in quote currency"),
        _money("gross", "Gross", "Before costs"),
        _figure("costs", "Costs", 86, 2, "Fees, half-spread, slippage and funding; negative: paid"),
        _money("net", "Net", "After all costs"),
        _money("mae", "MAE", "Maximum adverse excursion: the worst it stood from the entry on, 0 or less"),
        _money("mfe", "MFE", "Maximum favourable excursion: the best it stood from the entry on, 0 or more"),
        _figure("convergence", "Converged", 96, 2, "Of the gross: from the spread moving back"),
        _figure("beta_drift", "β drift", 84, 2, "Of the gross: from the hedge changing while held"),
        _figure("alpha_drift", "Mean drift", 92, 2, "Of the gross: from the mean changing while held"),
    ]


def _cell_columns() -> list[dict[str, Any]]:
    return [
        _figure("rank", "#", 60, 0, "By the Sharpe ratio of a period"),
        {"field": "what", "headerName": "Cell", "minWidth": 240, "flex": 1},
        _figure("score", "Sharpe", 90, 4, "Of a period"),
        _figure("trades", "Trades", 80, 0, "Closed trades"),
        _figure("wins", "Wins", 76, 0, "Of them with a profit after costs"),
        _money("gross", "Gross", "Before costs"),
        _figure("costs", "Costs", 90, 2, "In quote currency"),
        _money("net", "Net", "After all costs"),
        _figure("drawdown_percent", "Drawdown, %", 104, 2, "Largest fall from a peak of equity"),
    ]


def _time(field: str, name: str, tip: str) -> dict[str, Any]:
    show = {"function": "params.value ? pairbridgeMoment(params.value) : '–'"}
    return {"field": field, "headerName": name, "width": 146, "headerTooltip": tip, "valueFormatter": show}


def _figure(field: str, name: str, width: int, digits: int, tip: str) -> dict[str, Any]:
    return {
        "field": field, "headerName": name, "width": width, "headerTooltip": tip, **_RIGHT,
        "valueFormatter": {"function": f"pairbridgeNumber(params.value, {digits})"},
    }  # fmt: skip


def _money(field: str, name: str, tip: str) -> dict[str, Any]:
    rules = {"profit": "params.value > 0", "loss": "params.value < 0"}
    return {**_figure(field, name, 86, 2, f"{tip}, in quote currency"), "cellClassRules": rules}
