"""The callbacks of files for a backtest: looked through, shown, corrected, discarded."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError
from screen.components.fields import options
from screen.pages.backtest import ids, source
from screen.pages.data.tables import preview
from services.errors import problem_of
from services.uploads import UploadMissing, UploadService, UploadState


def register_files(app: Dash, uploads: UploadService) -> None:
    """Register the callbacks of the files."""
    app.callback(
        Output(ids.UPLOAD_STAGE, "children"),
        Output(ids.UPLOAD_POLL, "disabled"),
        Output(ids.UPLOAD, "data"),
        Output(ids.UPLOAD_SEEN, "data"),
        Input(ids.UPLOAD, "data"),
        Input(ids.LOOK, "n_clicks"),
        Input(ids.DISCARD_FILES, "n_clicks"),
        State(ids.TOLD_INTERVAL, "value"),
        State(ids.TOLD_ZONE, "value"),
        prevent_initial_call=True,
    )(partial(_act, uploads))
    app.callback(
        Output(ids.PREVIEW, "children"),
        Output(ids.UPLOAD_STAGE, "children", allow_duplicate=True),
        Output(ids.FILE_Y, "options"),
        Output(ids.FILE_X, "options"),
        Output(ids.FILE_Y, "value"),
        Output(ids.FILE_X, "value"),
        Output(ids.LOOK, "disabled"),
        Output(ids.DISCARD_FILES, "disabled"),
        Output(ids.UPLOAD_POLL, "disabled", allow_duplicate=True),
        Output(ids.UPLOAD_SEEN, "data", allow_duplicate=True),
        Input(ids.UPLOAD_POLL, "n_intervals"),
        Input(ids.UPLOAD, "data"),
        State(ids.UPLOAD_SEEN, "data"),
        State(ids.FILE_Y, "value"),
        State(ids.FILE_X, "value"),
        prevent_initial_call=True,
    )(partial(_follow, uploads))


async def _act(
    uploads: UploadService, upload: str | None, _look: int | None, _discard: int | None, interval: Any, zone: Any
) -> tuple[Any, ...]:
    """(message, whether following is off, the upload, what is on the screen of it)."""
    if not upload:
        return "", True, no_update, None
    told = {"interval": str(interval or "").strip(), "zone": str(zone or "").strip()}
    try:
        if ctx.triggered_id == ids.DISCARD_FILES:
            await asyncio.to_thread(uploads.drop, upload)
            return "", True, None, None
        await asyncio.to_thread(uploads.look, upload, told)
    except UploadMissing as error:
        return problem_of(error).message, True, None, None
    except PairbridgeError as error:
        return problem_of(error).message, no_update, no_update, no_update
    return "", False, no_update, None


async def _follow(
    uploads: UploadService, _: int | None, upload: str | None, seen: Any, y: str | None, x: str | None
) -> tuple[Any, ...]:
    nothing: tuple[Any, ...] = ("", "", [], [], None, None, True, True, True, None)
    if not upload:
        return nothing
    try:
        state = await asyncio.to_thread(uploads.state, upload)
    except UploadMissing as error:
        return ("", problem_of(error).message, *nothing[2:])
    now = [state.phase, state.stage]
    if seen == now:
        return (no_update,) * 10
    is_running = state.phase == "looking"
    return (*shown_of(state, y, x), is_running, False, not is_running and state.phase != "received", now)


def shown_of(state: UploadState, y: str | None, x: str | None) -> tuple[Any, ...]:
    """(preview, line, symbols, symbols, Y, X): the legs stay where the files have them, else the first two."""
    if state.phase == "failed":
        return "", f"Not looked through: {state.problem}.", [], [], None, None
    if state.found is None:
        return no_update, "Looking through the files …", *(no_update,) * 4
    symbols = source.symbols_of(state.found)
    legs = options(tuple((name, name) for name in symbols))
    first, second = (symbols[0], symbols[1]) if len(symbols) > 1 else (None, None)
    is_known = y in symbols and x in symbols
    chosen = (no_update, no_update) if is_known else (first, second)
    return preview(state.found), source.files_said(state.found), legs, legs, *chosen
