"""The callbacks of the scan's page: start, follow, cancel, show, watch."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError, SettingsError
from screen.components import ids
from screen.components.addresses import pair_path
from screen.components.fields import at_fault, error_id, not_done
from screen.pages.scan import labels as texts
from screen.pages.scan.form import FIELDS, FORM, first_scan, fitting_span, request_from
from screen.pages.scan.heatmap import correlation_map, empty_map, short_name
from screen.pages.scan.layout import excluded_table
from services.pairs import PairService
from services.scans import ScanService


def register_scan(app: Dash, scans: ScanService, pairs: PairService) -> None:
    """Register the callbacks of the page."""
    _register_run(app, scans, pairs)
    _register_progress(app, scans)
    _register_result(app, scans)
    _register_watch(app, scans, pairs)


def _register_run(app: Dash, scans: ScanService, pairs: PairService) -> None:
    app.callback(
        Output(ids.SCAN_MARKET, "options"),
        Output(ids.SCAN_MARKET, "value"),
        Input(ids.SCAN_POLL, "n_intervals"),
        State(ids.SCAN_MARKET, "options"),
        State(ids.SCAN_MARKET, "value"),
    )(partial(_offer, pairs))
    app.callback(
        Output(ids.SCAN_SAID, "children"),
        Output(ids.SCAN_CANCEL, "disabled", allow_duplicate=True),
        Input(ids.SCAN_START, "n_clicks"),
        Input(ids.SCAN_CANCEL, "n_clicks"),
        State(ids.SCAN_MARKET, "value"),
        *(State(name, "value") for name in FORM),
        prevent_initial_call=True,
    )(partial(_act, scans))
    app.callback(
        Output(ids.SCAN_SPAN, "value"),
        Input(ids.SCAN_INTERVAL, "value"),
        State(ids.SCAN_SPAN, "value"),
        prevent_initial_call=True,
    )(_fit)
    app.callback(
        Output(ids.SCAN_INTERVAL, "value"),
        Output(ids.SCAN_SPAN, "value", allow_duplicate=True),
        Output(ids.SCAN_FETCH, "value"),
        Input(ids.SCAN_USUAL, "n_clicks"),
        prevent_initial_call=True,
    )(_set_first_scan)
    app.callback(
        *(Output(error_id(name), "children") for name in FORM),
        Input(ids.SCAN_MARKET, "value"),
        *(Input(name, "value") for name in FORM),
    )(_check)


def _register_progress(app: Dash, scans: ScanService) -> None:
    app.callback(
        Output(ids.SCAN_STAGE, "children"),
        Output(ids.SCAN_BAR, "value"),
        Output(ids.SCAN_BAR, "data-running"),
        Output(ids.SCAN_START, "disabled"),
        Output(ids.SCAN_CANCEL, "disabled"),
        Output(ids.SCAN_NEWEST, "data"),
        Input(ids.SCAN_POLL, "n_intervals"),
        prevent_initial_call=True,
    )(partial(_follow, scans))
    # Polls overlap on a slow machine: only a new number may change the selection.
    wire: Any = app.clientside_callback  # untyped
    wire(
        ClientsideFunction("pairbridge", "freshScan"),
        Output(ids.SCAN_FRESH, "data"),
        Input(ids.SCAN_NEWEST, "data"),
        State(ids.SCAN_FRESH, "data"),
        prevent_initial_call=True,
    )
    app.callback(
        Output(ids.SCAN_CHOSEN, "options"),
        Output(ids.SCAN_CHOSEN, "value"),
        Input(ids.SCAN_FRESH, "data"),
        prevent_initial_call=True,
    )(partial(_choose, scans))


def _register_result(app: Dash, scans: ScanService) -> None:
    app.callback(
        Output(ids.SCAN_VERDICT, "children"),
        Output(ids.SCAN_VERDICT, "className"),
        Output(ids.SCAN_DETAIL, "children"),
        Output(ids.SCAN_PAIRS, "rowData"),
        Output(ids.SCAN_PAIRS, "selectedRows"),
        Output(ids.SCAN_EXCLUDED, "children"),
        Output(ids.SCAN_EXCLUDED_HEAD, "children"),
        Output(ids.SCAN_EXPORT, "href"),
        Input(ids.SCAN_CHOSEN, "value"),
        prevent_initial_call=True,
    )(partial(_show, scans))
    app.callback(
        Output(ids.SCAN_MAP, "figure"),
        Output(ids.note(ids.SCAN_MAP), "children"),
        Input(ids.SCAN_CHOSEN, "value"),
        Input(ids.SCAN_MAP_KIND, "value"),
        prevent_initial_call=True,
    )(partial(_draw, scans))


def _register_watch(app: Dash, scans: ScanService, pairs: PairService) -> None:
    app.callback(
        Output(ids.SCAN_WATCH, "disabled"),
        Output(ids.SCAN_WATCH, "children"),
        Input(ids.SCAN_PAIRS, "selectedRows"),
    )(_name_button)
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Output(ids.SCAN_SAID, "children", allow_duplicate=True),
        Input(ids.SCAN_WATCH, "n_clicks"),
        State(ids.SCAN_PAIRS, "selectedRows"),
        State(ids.SCAN_CHOSEN, "value"),
        running=[(Output(ids.SCAN_WATCH, "disabled"), True, False)],
        prevent_initial_call=True,
    )(partial(_watch_found, scans, pairs))
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Output(ids.SCAN_SAID, "children", allow_duplicate=True),
        Output(ids.SCAN_MAP, "clickData"),  # so that the same cell can be clicked again
        Input(ids.SCAN_MAP, "clickData"),
        State(ids.SCAN_PAIRS, "rowData"),
        State(ids.SCAN_CHOSEN, "value"),
        prevent_initial_call=True,
    )(partial(_open_cell, scans, pairs))


async def _offer(pairs: PairService, _: int | None, known: Any, chosen: str | None) -> tuple[Any, Any]:
    found = await asyncio.to_thread(pairs.symbols)
    offered = [{"label": f"{market} ({len(symbols)} symbols)", "value": market} for market, symbols in found.items()]
    if offered == known:
        return no_update, no_update
    return offered, chosen or next(iter(found), None)


async def _act(scans: ScanService, _start: int, _cancel: int, market: str | None, *values: Any) -> tuple[Any, Any]:
    try:
        if ctx.triggered_id == ids.SCAN_CANCEL:
            await asyncio.to_thread(scans.cancel)
            return "", True
        await asyncio.to_thread(scans.start, request_from(market, dict(zip(FORM, values, strict=True))))
    except PairbridgeError as error:
        return not_done(FIELDS, error), no_update
    return "", False


async def _fit(interval: str | None, span: str | None) -> Any:
    fitting = fitting_span(interval, span)
    return no_update if fitting in (None, span) else fitting


async def _set_first_scan(_: int) -> tuple[str, str, str]:
    return first_scan()


async def _check(market: str | None, *values: Any) -> list[str]:
    try:
        request_from(market, dict(zip(FORM, values, strict=True)))
    except SettingsError as error:
        return at_fault(FIELDS, error)
    return at_fault(FIELDS, None)


async def _follow(scans: ScanService, _: int) -> tuple[Any, ...]:
    state = scans.state()
    stage, share = texts.progress(state)
    is_running = state.phase == "running"
    newest = await asyncio.to_thread(scans.earlier, 1)
    return (
        stage,
        share,
        is_running and share == 100.0,
        is_running,
        not is_running,
        newest[0].scan_id if newest else None,
    )


async def _choose(scans: ScanService, newest: int | None) -> tuple[Any, Any]:
    earlier = await asyncio.to_thread(scans.earlier)
    return [{"label": texts.summary(scan), "value": str(scan.scan_id)} for scan in earlier], str(newest)


async def _show(scans: ScanService, chosen: str | None) -> tuple[Any, ...]:
    result = await asyncio.to_thread(scans.result, int(chosen)) if chosen else None
    if result is None:
        return "No scan yet.", "", "", [], [], excluded_table(None), "", None
    said = texts.verdict(result)
    return (
        said.value,
        f"tone-{said.tone}",
        f"{said.note} {texts.detail(result)}",
        texts.rows(result),
        [],
        excluded_table(result),
        texts.excluded_head(result),
        f"/api/scan.csv?scan={chosen}",
    )


async def _draw(scans: ScanService, chosen: str | None, kind: str) -> tuple[Any, str]:
    result = await asyncio.to_thread(scans.result, int(chosen)) if chosen else None
    if result is None:
        return empty_map(), "The map comes with a scan."
    if result["correlation"] is None:
        return empty_map(), "Fewer than two symbols passed the filters: there is nothing to correlate."
    return correlation_map(result["correlation"], kind), ""


async def _name_button(rows: list[dict[str, Any]] | None) -> tuple[bool, str]:
    return (False, f"Watch {rows[0]['id']}") if rows else (True, "Watch this pair")


async def _watch_found(
    scans: ScanService, pairs: PairService, _: int, rows: list[dict[str, Any]] | None, chosen: str | None
) -> tuple[Any, ...]:
    return await _watched(scans, pairs, rows[0], chosen) if rows else (no_update, no_update)


async def _watched(scans: ScanService, pairs: PairService, row: dict[str, Any], chosen: str | None) -> tuple[Any, Any]:
    """Watch the pair of a row; its address, and what was wrong."""
    result = await asyncio.to_thread(scans.result, int(chosen)) if chosen else None
    if result is None:
        return no_update, no_update
    y, x = row["y"], row["x"]
    try:
        await asyncio.to_thread(pairs.watch_found, result["market"], y, x, result["interval_ms"])
    except PairbridgeError as error:
        return no_update, not_done(FIELDS, error)
    return pair_path(result["market"], y, x), ""


async def _open_cell(
    scans: ScanService,
    pairs: PairService,
    clicked: dict[str, Any] | None,
    rows: list[dict[str, Any]] | None,
    chosen: str | None,
) -> tuple[Any, ...]:
    """The pair of a cell of the map, as the table has it: which of the legs is Y, the scan has found."""
    if not clicked:
        return no_update, no_update, no_update
    cell = clicked["points"][0]
    first, second = cell["y"], cell["x"]
    if first == second:
        return no_update, f"{first} on itself is no pair: click a cell beside the diagonal.", None
    found = [row for row in rows or [] if {short_name(row["y"]), short_name(row["x"])} == {first, second}]
    if not found:
        return no_update, f"{first} and {second} were not tested: the list of what was left out has the reason.", None
    return *await _watched(scans, pairs, found[0], chosen), None
