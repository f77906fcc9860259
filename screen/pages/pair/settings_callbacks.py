"""The callbacks of the settings drawer. What is shown and kept in the browser alone is in ``assets/settings.js``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update

from engine.errors import PairbridgeError
from engine.pairs.settings import PairSettings
from screen.components import ids
from screen.components.addresses import pair_path
from screen.components.clicks import was_clicked
from screen.components.fields import error_id, not_done
from screen.components.formatting import WORKING
from screen.pages.pair.settings_drawer import APPLY, settings_drawer
from screen.pages.pair.settings_fields import FIELDS, FORM
from screen.pages.pair.settings_form import (
    PRESETS,
    Errors,
    form_values,
    given,
    interval_options,
    preset,
    settings_from,
)
from screen.pages.pair.settings_tables import preset_table, run_list
from screen.pages.pair.settings_trial_callbacks import register_trials
from services.pairs import Pair, PairService
from services.run_history import RunHistoryService
from services.settings_trial import SettingsTrialService

_VALUES = tuple(Output(name, "value", allow_duplicate=True) for name in FORM)
_STATES = tuple(State(name, "value") for name in FORM)
_WIDTHS = Output(ids.INTERVAL, "options", allow_duplicate=True)
_VIEW = Output(ids.DRAWER_VIEW, "value", allow_duplicate=True)
_SAID = Output(ids.SETTINGS_MESSAGE, "children", allow_duplicate=True)
_AS_IT_WAS = [no_update] * len(FORM)
_BUSY = [  # a run over a long history takes seconds to start
    *((Output(button, "disabled"), True, False) for button in (ids.APPLY, ids.SETTINGS_UNDO)),
    (Output(ids.APPLY, "children"), WORKING, APPLY),
]


def register_settings(
    app: Dash, pairs: PairService, runs: RunHistoryService, trials: SettingsTrialService
) -> None:  # fmt: skip
    """Register the callbacks of the drawer."""
    _register_form(app, pairs)
    _register_sources(app, pairs, runs)
    _register_changes(app, pairs)
    register_trials(app, pairs, trials)
    _register_browser(app)


def _register_form(app: Dash, pairs: PairService) -> None:
    app.callback(Output(ids.DRAWER_PLACE, "children"), Input(ids.DRAWER_WANTED, "data"), prevent_initial_call=True)(
        partial(_make, pairs)
    )
    app.callback(
        Output(ids.BASE, "data"),
        Output(ids.PRESET_TABLE, "children"),
        Input(ids.WATCH, "data"),
        Input(ids.APPLIED, "data"),
        Input(ids.DRAWER_OPEN, "n_clicks"),
    )(partial(_base, pairs))
    app.callback(
        Output(ids.Z_SCALE, "value", allow_duplicate=True),
        Input(ids.ESTIMATOR, "value"),
        prevent_initial_call=True,
    )(_fit_deviation)
    app.callback(
        *(Output(error_id(name), "children") for name in FORM),
        Output(ids.SETTINGS_ERRORS, "children"),
        *(Input(name, "value") for name in FORM),
    )(_check)


def _register_sources(app: Dash, pairs: PairService, runs: RunHistoryService) -> None:
    """What fills the form: a preset, an earlier run."""
    app.callback(
        *_VALUES,
        _VIEW,
        _SAID,
        *(Input(ids.take(name), "n_clicks") for name in PRESETS),
        State(ids.INTERVAL, "value"),
        State(ids.ESTIMATOR, "value"),
        prevent_initial_call=True,
    )(_take_preset)
    app.callback(
        Output(ids.RUNS, "children"),
        Input(ids.DRAWER_VIEW, "value"),
        Input(ids.BASE, "data"),
        State(ids.WATCH, "data"),
        prevent_initial_call=True,
    )(partial(_list_runs, pairs, runs))
    app.callback(
        *_VALUES,
        _WIDTHS,
        _VIEW,
        _SAID,
        Input({"type": ids.RETURN_TO, "run": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )(partial(_return_to, runs))


def _register_changes(app: Dash, pairs: PairService) -> None:
    app.callback(
        _SAID,
        Output(ids.APPLIED, "data"),
        Input(ids.APPLY, "n_clicks"),
        Input(ids.SETTINGS_UNDO, "n_clicks"),
        State(ids.WATCH, "data"),
        State(ids.APPLIED, "data"),
        *_STATES,
        running=_BUSY,
        prevent_initial_call=True,
    )(partial(_change, pairs))


def _register_browser(app: Dash) -> None:
    wire: Any = app.clientside_callback  # untyped
    wire(
        ClientsideFunction("pairbridgeSettings", "fill"), *_VALUES, Output(ids.FILLED, "data"), _WIDTHS, _SAID,
        Input(ids.BASE, "data"), prevent_initial_call=True,
    )  # fmt: skip
    wire(
        ClientsideFunction("pairbridgeSettings", "mark"),
        Output(ids.DRAFT_NOTE, "children"),
        Output(ids.DRAFT_UNDO, "disabled"),
        Output(ids.DRAFT_UNDO, "style"),
        Output(ids.SETTINGS_UNDO, "style"),
        Output(ids.TRIAL_RESULT, "children", allow_duplicate=True),
        Input(ids.FILLED, "data"),  # set together with the values: never another pair's
        Input(ids.APPLIED, "data"),
        *(Input(name, "value") for name in FORM),
        prevent_initial_call=True,
    )
    wire(
        ClientsideFunction("pairbridgeSettings", "undo"), *_VALUES, _SAID, Input(ids.DRAFT_UNDO, "n_clicks"),
        State(ids.FILLED, "data"), prevent_initial_call=True,
    )  # fmt: skip
    wire(ClientsideFunction("pairbridgeSettings", "show"), Input(ids.DRAWER_VIEW, "value"), prevent_initial_call=True)
    wire(
        ClientsideFunction("pairbridgeSettings", "blame"),
        *(Input(error_id(name), "children") for name in FORM),
        prevent_initial_call=True,
    )


async def _make(pairs: PairService, wanted_ms: int | None) -> Any:
    return settings_drawer(pairs.new_pair) if wanted_ms else no_update


async def _base(pairs: PairService, watch_id: int | None, _: Any = None, __: Any = None) -> tuple[Any, ...]:
    """The pair and its settings in force, as the form shows them; without a pair those of a new one."""
    pair = await asyncio.to_thread(pairs.pair, watch_id)
    settings = pair.settings if pair else pairs.new_pair
    base = {
        "key": _key(pair) if pair else "",
        "title": f"Settings of {pair.y} ~ {pair.x}" if pair else "Settings of a new pair",
        "values": dict(zip(FORM, form_values(settings), strict=True)),
        "widths": interval_options(settings),
    }
    return base, preset_table(settings)


async def _fit_deviation(estimator: str | None) -> Any:
    return no_update if estimator == "kalman" else "rolling"


async def _check(*values: Any) -> list[Any]:
    _, errors = settings_from(given(values))
    return [*(errors.get(name, "") for name in FORM), summary(errors)]


def summary(errors: Errors) -> list[Any]:
    """All errors, each a button that goes to its field; empty without one."""
    if not errors:
        return []
    head = "One setting needs a change:" if len(errors) == 1 else f"{len(errors)} settings need a change:"
    jumps: list[Any] = []
    for control, text in errors.items():
        field: Any = {"data-field": control}
        jumps.append(html.Button(text, type="button", className="error-jump", **field))
    return [html.Strong(head), *jumps]


async def _take_preset(*values: Any) -> list[Any]:
    *_, width, estimator = values
    if not was_clicked():
        return [*_AS_IT_WAS, no_update, no_update]
    name = next(name for name in PRESETS if ids.take(name) == ctx.triggered_id)
    return [*preset(name, width, estimator), "form", f"The {name} preset is in the form."]


async def _list_runs(
    pairs: PairService, runs: RunHistoryService, view: str, _: Any, watch_id: int | None
) -> Any:  # fmt: skip
    if view != "runs":
        return no_update
    try:
        return await asyncio.to_thread(_listed, pairs, runs, watch_id)
    except PairbridgeError as error:
        return not_done(FIELDS, error)


def _listed(pairs: PairService, runs: RunHistoryService, watch_id: int | None) -> list[Any]:
    pair = pairs.pair(watch_id)
    return run_list(runs.runs(pair.market, pair.y, pair.x) if pair else [])


async def _return_to(runs: RunHistoryService, _: list[int | None]) -> list[Any]:
    if not was_clicked():
        return [*_AS_IT_WAS, no_update, no_update, no_update]
    try:
        settings = await asyncio.to_thread(runs.settings_of, ctx.triggered_id["run"])
    except PairbridgeError as error:
        return [*_AS_IT_WAS, no_update, no_update, not_done(FIELDS, error)]
    return [*form_values(settings), interval_options(settings), "form", "The settings of that run are in the form."]


async def _change(
    pairs: PairService, _apply: int, _undo: int, watch_id: int | None, applied: dict[str, str] | None, *values: Any
) -> tuple[Any, ...]:  # fmt: skip
    if not was_clicked():
        return no_update, no_update
    actions: dict[str, Callable[[], tuple[Any, ...]]] = {
        ids.APPLY: lambda: apply_form(pairs, watch_id, applied or {}, given(values)),
        ids.SETTINGS_UNDO: lambda: take_back(pairs, watch_id, applied or {}),
    }
    try:
        return await asyncio.to_thread(actions[str(ctx.triggered_id)])
    except PairbridgeError as error:
        return not_done(FIELDS, error), no_update


def apply_form(
    pairs: PairService, watch_id: int | None, applied: dict[str, str], values: dict[str, Any]
) -> tuple[Any, ...]:  # fmt: skip
    """Begin a run with the form's settings; (message, the settings before by pair)."""
    pair = pairs.pair(watch_id)
    if pair is None:
        return "No pair is chosen.", no_update
    settings, errors = settings_from(values)
    if settings is None:
        return f"Not applied: {'one setting needs' if len(errors) == 1 else 'settings need'} a change.", no_update
    if settings == pair.settings:
        return "These are its settings already.", no_update
    pairs.watch(replace(pair, settings=settings))
    return "A new run has begun with these settings.", applied | {_key(pair): pair.settings.to_json()}


def take_back(pairs: PairService, watch_id: int | None, applied: dict[str, str]) -> tuple[Any, ...]:
    """Begin a run with the settings before the last change; as ``apply_form``."""
    pair = pairs.pair(watch_id)
    before = applied.get(_key(pair)) if pair else None
    if pair is None or before is None:
        return "Nothing to undo.", no_update
    pairs.watch(replace(pair, settings=PairSettings.from_json(before)))
    left = {key: text for key, text in applied.items() if key != _key(pair)}
    return f"{pair.y} ~ {pair.x} is as it was.", left


def _key(pair: Pair) -> str:
    return pair_path(pair.market, pair.y, pair.x)
