"""The callbacks: each reads its controls, calls a service, and shows the result. Live data does not pass through
here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError, SettingsError
from engine.pairs.settings import PairSettings
from screen.components import ids
from screen.components.addresses import PAIR, pair_path
from screen.components.fields import at_fault, error_id, not_done
from screen.components.formatting import WORKING
from screen.pages.pair.settings_form import (
    APPLY,
    FIELDS,
    FORM,
    MORE_FORM,
    PRESETS,
    WATCH_PAIR,
    form_values,
    interval_options,
    settings_from,
    with_possible_deviation,
)
from services.pairs import Pair, PairService

_ADDRESS = Output(ids.ADDRESS, "pathname", allow_duplicate=True)
_SAY = (
    Output(ids.MESSAGE, "children", allow_duplicate=True),
    Output(ids.UNDO, "data", allow_duplicate=True),
    Output(ids.UNDO_BUTTON, "style", allow_duplicate=True),
)
_WORKING = [  # a run over a long history takes seconds to start
    *((Output(button, "disabled"), True, False) for button in (ids.ADD, ids.REMOVE, ids.APPLY, ids.UNDO_BUTTON)),
    (Output(ids.ADD, "children"), WORKING, WATCH_PAIR),
    (Output(ids.APPLY, "children"), WORKING, APPLY),
]
_HIDDEN, _SHOWN = {"display": "none"}, {"display": "inline"}


def register_pair(app: Dash, pairs: PairService) -> None:
    """Register the callbacks that connect the page to the services and the asset script."""
    _register_choices(app, pairs)
    _register_form(app)
    _register_changes(app, pairs)
    for component, function in ((ids.PRICE_LEG, "showLeg"), (ids.LOG_FILTER, "filterLog")):
        wire: Any = app.clientside_callback  # untyped
        wire(ClientsideFunction("pairbridge", function), Input(component, "value"), prevent_initial_call=True)


def _register_choices(app: Dash, pairs: PairService) -> None:
    app.callback(
        Output(ids.MARKET, "options"),
        Output(ids.MARKET, "value"),
        Output(ids.Y, "options"),
        Output(ids.X, "options"),
        _ADDRESS,
        Input(ids.OPTIONS, "n_intervals"),
        Input(ids.MARKET, "value"),
        State(ids.MARKET, "options"),
        State(ids.Y, "options"),
        State(ids.WATCH, "data"),
        prevent_initial_call="initial_duplicate",
    )(partial(_offer, pairs))
    app.callback(
        Output(ids.INTERVAL, "options"),
        *(Output(name, "value", allow_duplicate=True) for name in FORM),
        Output(ids.EXPORT, "href"),
        Output(ids.PRESET, "value"),
        Input(ids.WATCH, "data"),
        Input(ids.UNDO, "data"),
        prevent_initial_call="initial_duplicate",
    )(partial(_show_settings, pairs))


def _register_form(app: Dash) -> None:
    app.callback(
        *(Output(name, "value", allow_duplicate=True) for name in FORM),
        Input(ids.PRESET, "value"),
        State(ids.INTERVAL, "value"),
        State(ids.ESTIMATOR, "value"),
        prevent_initial_call=True,
    )(_fill_preset)
    app.callback(
        Output(ids.Z_SCALE, "value", allow_duplicate=True),
        Input(ids.ESTIMATOR, "value"),
        prevent_initial_call=True,
    )(_fit_deviation)
    app.callback(
        *(Output(error_id(name), "children") for name in FORM),
        Output(ids.MORE, "open"),
        *(Input(name, "value") for name in FORM),
        State(ids.MORE, "open"),
    )(_check)


def _register_changes(app: Dash, pairs: PairService) -> None:
    app.callback(
        _ADDRESS,
        *_SAY,
        Input(ids.ADD, "n_clicks"),
        Input(ids.REMOVE, "n_clicks"),
        Input(ids.APPLY, "n_clicks"),
        Input(ids.UNDO_BUTTON, "n_clicks"),
        State(ids.WATCH, "data"),
        State(ids.UNDO, "data"),
        State(ids.MARKET, "value"),
        State(ids.Y, "value"),
        State(ids.X, "value"),
        State(ids.PRESET, "value"),
        *(State(name, "value") for name in FORM),
        running=_WORKING,
        prevent_initial_call=True,
    )(partial(_change, pairs))


async def _offer(
    pairs: PairService, _: int | None, market: str | None, markets: Any, symbols: Any, watch_id: int | None
) -> tuple[Any, ...]:
    found = await asyncio.to_thread(pairs.symbols)
    chosen = market or next(iter(found), None)
    offered = _options(found.get(chosen or "", []))
    is_same = offered == symbols and _options(list(found)) == markets
    has_pair = watch_id is not None or await asyncio.to_thread(pairs.first) is None
    names = (
        (no_update, no_update, no_update, no_update) if is_same else (_options(list(found)), chosen, offered, offered)
    )
    return *names, no_update if has_pair else PAIR


async def _show_settings(pairs: PairService, watch_id: int | None, _: Any = None) -> tuple[Any, ...]:
    pair = await asyncio.to_thread(pairs.pair, watch_id)
    settings = pair.settings if pair else pairs.new_pair
    export = f"/api/signals.csv?watch={watch_id}" if pair else None
    return interval_options(settings), *form_values(settings), export, None


async def _fill_preset(name: str | None, interval: str | None, estimator: str | None) -> list[Any]:
    if name is None:
        return [no_update] * len(FORM)
    values = form_values(PRESETS[name](estimator=estimator or "kalman"))
    return [interval or values[0], *values[1:]]


async def _fit_deviation(estimator: str | None) -> Any:
    return no_update if estimator == "kalman" else "rolling"


async def _check(*values: Any) -> list[Any]:
    *given, is_open = values
    errors = at_fault(FIELDS, _error_in(with_possible_deviation(dict(zip(FORM, given, strict=True)))))
    is_hidden = any(error and name in MORE_FORM for name, error in zip(FORM, errors, strict=True))
    return [*errors, True if is_hidden else is_open]


async def _change(
    pairs: PairService, _add: int, _remove: int, _apply: int, _undo: int, watch_id: int | None, undo: list[Any] | None,
    market: str | None, y: str | None, x: str | None, preset: str | None, *values: Any,
) -> tuple[Any, ...]:  # fmt: skip
    actions: dict[str, Callable[[], tuple[Any, ...]]] = {
        ids.ADD: lambda: _add_pair(pairs, market, y, x),
        ids.REMOVE: lambda: _remove_pair(pairs, watch_id),
        ids.APPLY: lambda: _apply_form(
            pairs, watch_id, preset, with_possible_deviation(dict(zip(FORM, values, strict=True)))
        ),
        ids.UNDO_BUTTON: lambda: _take_back(pairs, undo),
    }
    try:
        return await asyncio.to_thread(actions[str(ctx.triggered_id)])
    except PairbridgeError as error:
        return no_update, not_done(FIELDS, error), no_update, no_update


def _error_in(values: dict[str, Any]) -> SettingsError | None:
    """The errors of a form, if any."""
    try:
        settings_from(values, PairSettings())
    except SettingsError as error:
        return error
    return None


def _add_pair(pairs: PairService, market: str | None, y: str | None, x: str | None) -> tuple[Any, ...]:
    if not (market and y and x):
        return no_update, "Choose a market, Y and X first.", no_update, no_update
    if y == x:
        return no_update, f"{y} against itself has no spread; choose two symbols.", no_update, no_update
    pairs.watch(Pair(market, y, x, pairs.new_pair))
    return pair_path(market, y, x), f"Watching {y} ~ {x}.", None, _HIDDEN


def _remove_pair(pairs: PairService, watch_id: int | None) -> tuple[Any, ...]:
    pair = pairs.unwatch(watch_id)
    if pair is None:
        return no_update, "No pair is chosen.", no_update, no_update
    return PAIR, f"{pair.y} ~ {pair.x} removed; its log stays stored.", _to_undo(pair), _SHOWN


def _apply_form(
    pairs: PairService, watch_id: int | None, preset: str | None, values: dict[str, Any]
) -> tuple[Any, ...]:
    pair = pairs.pair(watch_id)
    if pair is None:
        return no_update, "No pair is chosen.", None, _HIDDEN
    settings = settings_from(values, PRESETS[preset]() if preset else pair.settings)
    if settings == pair.settings:
        return no_update, "These are its settings already.", no_update, no_update
    pairs.watch(replace(pair, settings=settings))
    return no_update, "A new run has begun with these settings.", _to_undo(pair), _SHOWN


def _take_back(pairs: PairService, undo: list[str] | None) -> tuple[Any, ...]:
    if undo is None:
        return no_update, "Nothing to undo.", None, _HIDDEN
    market, y, x, text = undo
    pairs.watch(Pair(market, y, x, PairSettings.from_json(text)))
    return pair_path(market, y, x), f"{y} ~ {x} is as it was.", None, _HIDDEN


def _to_undo(pair: Pair) -> list[str]:
    """The page's data of a removed or changed pair, for undo."""
    return [pair.market, pair.y, pair.x, pair.settings.to_json()]


def _options(names: list[str]) -> list[dict[str, str]]:
    return [{"label": name, "value": name} for name in names]
