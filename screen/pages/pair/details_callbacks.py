"""The callbacks of the folds: what is closed is not computed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from dash import Dash, Input, Output, ctx, no_update

from engine.errors import PairbridgeError
from screen.components import ids
from screen.components.followed import followed
from screen.pages.pair import details
from services.pair_details import PairDetailService
from services.pair_reports import PairReportService


def register_details(app: Dash, found: PairDetailService, reports: PairReportService) -> None:
    """Register the callbacks of the folds."""
    app.callback(
        Output(ids.LEGS, "children"),
        Output(ids.TOGETHER, "children"),
        Output(ids.DETAILS_TICK, "disabled"),
        Input(ids.LEGS_FOLD, "n_clicks"),
        Input(ids.TOGETHER_FOLD, "n_clicks"),
        Input(ids.DETAILS_TICK, "n_intervals"),
        Input(ids.WATCH, "data"),
        prevent_initial_call=True,
    )(partial(_show_details, found))
    app.callback(
        Output(ids.TESTS, "children"),
        Output(ids.TESTS_SAID, "children"),
        Output(ids.TESTS_TICK, "disabled"),
        Output(ids.TESTS_RUN, "disabled"),
        Input(ids.TESTS_RUN, "n_clicks"),
        Input(ids.TESTS_TICK, "n_intervals"),
        Input(ids.WATCH, "data"),
        prevent_initial_call=True,
    )(partial(_show_tests, reports))


async def _show_details(
    found: PairDetailService, legs: int | None, together: int | None, _polls: int | None, watch_id: int | None
) -> tuple[Any, Any, bool]:
    """A click on a closed fold opens it, the next one closes it."""
    are_open = [(clicks or 0) % 2 == 1 for clicks in (legs, together)]
    if not any(are_open):
        return None, None, True
    if watch_id is None:
        return "No pair is chosen.", "No pair is chosen.", True
    try:
        both = details.legs_table(await asyncio.to_thread(found.legs, watch_id)) if are_open[0] else None
        moves = details.together_table(await asyncio.to_thread(found.together, watch_id)) if are_open[1] else None
    except PairbridgeError as error:
        return f"{error}.", f"{error}.", False
    return both, moves, False


async def _show_tests(
    reports: PairReportService, _clicks: int | None, _polls: int | None, watch_id: int | None
) -> tuple[Any, str, bool, bool]:
    if watch_id is None:
        return None, "No pair is chosen.", True, True
    refused = ""
    if ctx.triggered_id == ids.TESTS_RUN:
        try:
            await asyncio.to_thread(reports.start, watch_id)
        except PairbridgeError as error:
            refused = f"{error}."
    state = reports.state(watch_id)
    said, rests, tick_rests = followed(state.phase, refused or state.problem, "testing …")
    return no_update if rests else details.tests_table(state), said, tick_rests, rests
