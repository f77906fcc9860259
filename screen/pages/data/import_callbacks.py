"""The callbacks of the import: what was sent is looked through, shown, corrected, and stored on request."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError, SettingsError
from screen.components.formatting import UNKNOWN
from screen.pages.data import ids, labels, tables
from services.errors import problem_of
from services.uploads import UploadMissing, UploadService, UploadState

_Out = tuple[Any, ...]
_TOLD = dict(zip(ids.TOLD, ("symbol", "interval", "zone", "decimal"), strict=False))


def register_import(app: Dash, uploads: UploadService) -> None:
    """Register the callbacks of the import."""
    app.callback(
        Output(ids.IMPORT_SAID, "children"),
        Output(ids.IMPORT_POLL, "disabled"),
        Output(ids.UPLOAD, "data"),
        Output(ids.IMPORT_SEEN, "data"),
        Input(ids.UPLOAD, "data"),
        Input(ids.LOOK, "n_clicks"),
        Input(ids.STORE, "n_clicks"),
        Input(ids.DISCARD, "n_clicks"),
        *(State(name, "value") for name in ids.TOLD),
        State(ids.IMPORT_MARKET, "value"),
        prevent_initial_call=True,
    )(partial(_act, uploads))
    app.callback(
        Output(ids.PREVIEW, "children"),
        Output(ids.IMPORT_STAGE, "children"),
        Output(ids.IMPORT_BAR, "value"),
        Output(ids.LOOK, "disabled"),
        Output(ids.STORE, "disabled"),
        Output(ids.DISCARD, "disabled"),
        Output(ids.IMPORT_POLL, "disabled", allow_duplicate=True),
        Output(ids.IMPORT_SEEN, "data", allow_duplicate=True),
        Input(ids.IMPORT_POLL, "n_intervals"),
        Input(ids.UPLOAD, "data"),
        State(ids.IMPORT_SEEN, "data"),
        prevent_initial_call=True,
    )(partial(_follow, uploads))


def read_corrections(values: dict[str, Any]) -> dict[str, Any]:
    """Corrections as ``services.uploads`` takes them, from the controls by id.

    >>> read_corrections({ids.SYMBOL: " BTCUSDT ", ids.DECIMAL: "any", ids.COLUMNS: "quantity = volume, time=ts"})
    {'symbol': 'BTCUSDT', 'columns': {'quantity': 'volume', 'time': 'ts'}}

    Raises SettingsError for columns that are no pairs.
    """
    texts = {name: str(values.get(control) or "").strip() for control, name in _TOLD.items()}
    told: dict[str, Any] = {name: text for name, text in texts.items() if text and text != labels.ANY}
    columns = {}
    for part in str(values.get(ids.COLUMNS) or "").split(","):
        meaning, sign, column = (each.strip() for each in part.partition("="))
        if part.strip() and not (meaning and sign and column):
            raise SettingsError(f"columns are {part.strip()[:40]!r}; expected meaning = name of the column")
        if meaning:
            columns[meaning] = column
    return told | ({"columns": columns} if columns else {})


async def _act(
    uploads: UploadService, upload: str | None, _look: int, _store: int, _discard: int, *values: Any
) -> _Out:  # fmt: skip
    """(message, whether following is off, the upload, what is on the screen of it)."""
    *told, market = values
    if not upload:
        return "", True, no_update, None
    try:
        if ctx.triggered_id == ids.DISCARD:
            await asyncio.to_thread(uploads.drop, upload)
            return "", True, None, None
        corrections = read_corrections(dict(zip(ids.TOLD, told, strict=True)))
        if ctx.triggered_id == ids.STORE:
            await asyncio.to_thread(uploads.store, upload, corrections, (market or "").strip())
        else:
            await asyncio.to_thread(uploads.look, upload, corrections)
    except UploadMissing as error:
        return problem_of(error).message, True, None, None
    except PairbridgeError as error:
        return problem_of(error).message, no_update, no_update, no_update
    return "", False, no_update, None


async def _follow(uploads: UploadService, _: int | None, upload: str | None, seen: Any) -> _Out:
    if not upload:
        return "", "", 0, True, True, True, True, None
    try:
        state = await asyncio.to_thread(uploads.state, upload)
    except UploadMissing as error:
        return "", problem_of(error).message, 0, True, True, True, True, None
    is_running = state.phase in ("looking", "storing")
    now = [state.phase, state.stage, state.done, state.total]
    if seen == now:
        return (no_update,) * 8
    asked = bool(state.found and state.found["questions"])
    is_storable = state.phase == "looked" and not asked
    share = 100.0 * state.done / state.total if state.total else (0.0 if is_running else 100.0)
    return (
        shown_of(state), stage_of(state), share, is_running or state.phase == "stored", not is_storable,
        state.phase == "stored", not is_running, now,
    )  # fmt: skip


def stage_of(state: UploadState) -> str:
    """The line below the progress bar."""
    if state.phase in ("looking", "storing"):
        counted = f" {state.done:,} of {state.total:,} rows" if state.total else ""
        return f"{state.stage}{counted} …"
    said = {"looked": "Looked through; nothing is stored yet.", "stored": outcome_of(state),
            "cancelled": "Cancelled; rows that were acknowledged are stored.",
            "failed": f"Not done: {state.problem}."}  # fmt: skip
    return said.get(state.phase, "")


def outcome_of(state: UploadState) -> str:
    """What became of the rows."""
    if state.outcome is None:
        return UNKNOWN
    of, bars = state.outcome, state.outcome["bars"]
    again = sum(of["again"].values())
    counts = {
        "trades stored": of["stored"], "known before": of["known"], "in conflict with stored ones": of["conflicts"],
        "bars stored": bars["stored"], "bars known before": bars["known"], "bars in conflict": bars["conflicts"],
        "rows refused": of["refused"], "rows twice in the files": again,
    }  # fmt: skip
    parts = [f"{count:,} {what}" for what, count in counts.items() if count]
    return f"Stored in market {of['market']}: {', '.join(parts) or 'no row'}."


def shown_of(state: UploadState) -> Any:
    """What is shown of the files; after storing nothing is left to correct."""
    if state.phase == "stored" or state.found is None:
        return "" if state.phase != "looking" else no_update
    return tables.preview(state.found)
