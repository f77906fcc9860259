"""The callbacks of the money line."""

from __future__ import annotations

import asyncio
from functools import partial

from dash import Dash, Input, Output, State

from engine.errors import PairbridgeError
from screen.components import ids
from services.parity import ParityService


def register_money(app: Dash, parity: ParityService) -> None:
    """Register the callbacks of the money line's buttons."""
    app.callback(
        Output(ids.MONEY_MESSAGE, "children"),
        Input(ids.PARITY_CHECK, "n_clicks"),
        State(ids.WATCH, "data"),
        running=[(Output(ids.PARITY_CHECK, "disabled"), True, False)],
        prevent_initial_call=True,
    )(partial(_check_parity, parity))


async def _check_parity(parity: ParityService, _: int, watch_id: int | None) -> str:
    if watch_id is None:
        return "No pair is chosen."
    try:
        has_begun = await asyncio.to_thread(parity.check, watch_id)
    except PairbridgeError as error:
        return str(error)
    return "" if has_begun else "The run has no bar yet."
