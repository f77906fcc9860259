"""The callbacks of the look-ahead audit of the result on the page."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from dash import Dash, Input, Output, ctx

from engine.errors import PairbridgeError
from screen.components.followed import followed
from screen.pages.backtest import ids
from services.audits import AuditService
from services.errors import problem_of
from services.reports.audit import CUTS


def register_audit(app: Dash, audits: AuditService) -> None:
    """Register them."""
    app.callback(
        Output(ids.AUDIT_SAID, "children"),
        Output(ids.AUDIT, "disabled"),
        Output(ids.AUDIT_TICK, "disabled"),
        Input(ids.AUDIT, "n_clicks"),
        Input(ids.AUDIT_TICK, "n_intervals"),
        Input(ids.SHOWN, "data"),
    )(partial(_audit, audits))


async def _audit(audits: AuditService, _clicks: int | None, _polls: int | None, shown: int | None) -> tuple[Any, ...]:
    """(what is said, whether the button and the timer rest)."""
    if shown is None:
        return "", True, True
    refused = ""
    if ctx.triggered_id == ids.AUDIT:
        try:
            await asyncio.to_thread(audits.start, shown)
        except PairbridgeError as error:
            refused = f"Not started: {problem_of(error).message}."
    state = audits.state(shown)
    said = f"{state.said[:1].upper()}{state.said[1:]}." if state.said else ""
    return followed(state.phase, refused or said, f"computing again without the bars after {CUTS} moments …")
