"""The callbacks of "What would have changed?": they start a comparison and follow it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State, html, no_update

from engine.errors import PairbridgeError
from screen.components import ids
from screen.components.clicks import was_clicked
from screen.components.fields import not_done
from screen.pages.pair.settings_fields import FIELDS, FORM
from screen.pages.pair.settings_form import given, settings_from
from screen.pages.pair.settings_tables import trial_view
from services.pairs import PairService
from services.settings_trial import SettingsTrialService

_STATES = tuple(State(name, "value") for name in FORM)


def register_trials(app: Dash, pairs: PairService, trials: SettingsTrialService) -> None:
    """Register the callbacks of the comparison."""
    shown = Output(ids.TRIAL_RESULT, "children", allow_duplicate=True)
    app.callback(
        shown,
        Output(ids.TRIAL_JOB, "data"),
        Output(ids.TRIAL_POLL, "disabled", allow_duplicate=True),
        Input(ids.TRIAL, "n_clicks"),
        State(ids.WATCH, "data"),
        *_STATES,
        prevent_initial_call=True,
    )(partial(_ask_trial, pairs, trials))
    app.callback(
        shown,
        Output(ids.TRIAL_POLL, "disabled", allow_duplicate=True),
        Input(ids.TRIAL_POLL, "n_intervals"),
        State(ids.TRIAL_JOB, "data"),
        *_STATES,
        prevent_initial_call=True,
    )(partial(_follow_trial, trials))


async def _ask_trial(
    pairs: PairService, trials: SettingsTrialService, _: int, watch_id: int | None, *values: Any
) -> tuple[Any, ...]:  # fmt: skip
    if not was_clicked():
        return no_update, no_update, no_update
    pair = await asyncio.to_thread(pairs.pair, watch_id)
    settings = settings_from(given(values))[0]
    if pair is None or settings is None:
        return html.P("No pair is chosen." if pair is None else "Mend what stands above first."), None, True
    if settings == pair.settings:
        return html.P("Nothing is changed: the draft would have done what was done."), None, True
    try:
        job_id = await asyncio.to_thread(trials.start, pair, settings)
    except PairbridgeError as error:
        return html.P(not_done(FIELDS, error)), None, True
    return trial_view(trials.state(job_id), settings), job_id, False


async def _follow_trial(trials: SettingsTrialService, _: int, job_id: int | None, *values: Any) -> tuple[Any, ...]:
    state = None if job_id is None else await asyncio.to_thread(trials.state, job_id)
    if state is not None and state.phase == "running":
        return no_update, False
    return trial_view(state, settings_from(given(values))[0]), True
