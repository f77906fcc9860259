"""The callbacks of the money line."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError
from engine.market.position_lock import PositionLock
from screen.components import ids
from services.parity import ParityService
from services.position_locks import PositionLockService

_HIDDEN, _SHOWN = {"display": "none"}, {"display": "inline"}
_Said = tuple[Any, ...]  # the message, the data for undo, the style of its button


def register_money(app: Dash, parity: ParityService, locks: PositionLockService) -> None:
    """Register the callbacks of the money line's buttons."""
    app.callback(
        Output(ids.MONEY_MESSAGE, "children"),
        Input(ids.PARITY_CHECK, "n_clicks"),
        State(ids.WATCH, "data"),
        running=[(Output(ids.PARITY_CHECK, "disabled"), True, False)],
        prevent_initial_call=True,
    )(partial(_check_parity, parity))
    app.callback(
        Output(ids.MONEY_MESSAGE, "children", allow_duplicate=True),
        Output(ids.MONEY_UNDO, "data"),
        Output(ids.MONEY_UNDO_BUTTON, "style"),
        Input(ids.LOCK, "n_clicks"),
        Input(ids.UNLOCK, "n_clicks"),
        Input(ids.MONEY_UNDO_BUTTON, "n_clicks"),
        State(ids.WATCH, "data"),
        State(ids.MONEY_UNDO, "data"),
        prevent_initial_call=True,
    )(partial(_change_lock, locks))


async def _check_parity(parity: ParityService, _: int, watch_id: int | None) -> str:
    if watch_id is None:
        return "No pair is chosen."
    try:
        has_begun = await asyncio.to_thread(parity.check, watch_id)
    except PairbridgeError as error:
        return str(error)
    return "" if has_begun else "The run has no bar yet."


async def _change_lock(
    locks: PositionLockService, _lock: int, _unlock: int, _undo: int, watch_id: int | None, undo: list[Any] | None
) -> _Said:  # fmt: skip
    actions: dict[str, Callable[[], _Said]] = {
        ids.LOCK: lambda: _locked(locks, watch_id),
        ids.UNLOCK: lambda: _unlocked(locks, watch_id),
        ids.MONEY_UNDO_BUTTON: lambda: _undone(locks, undo),
    }
    try:
        return await asyncio.to_thread(actions[str(ctx.triggered_id)])
    except PairbridgeError as error:
        return str(error), no_update, no_update


def _locked(locks: PositionLockService, watch_id: int | None) -> _Said:
    lock = None if watch_id is None else locks.lock(watch_id)
    if lock is None:
        return "The pair has no hedge yet.", None, _HIDDEN
    return "Locked.", ["remove", dataclasses.asdict(lock)], _SHOWN


def _unlocked(locks: PositionLockService, watch_id: int | None) -> _Said:
    lock = None if watch_id is None else locks.unlock(watch_id)
    if lock is None:
        return "There is no lock.", None, _HIDDEN
    return "The lock is removed.", ["restore", dataclasses.asdict(lock)], _SHOWN


def _undone(locks: PositionLockService, undo: list[Any] | None) -> _Said:
    if undo is None:
        return "Nothing to undo.", None, _HIDDEN
    action, values = undo
    {"remove": locks.remove, "restore": locks.restore}[action](PositionLock(**values))
    return "As it was.", None, _HIDDEN
