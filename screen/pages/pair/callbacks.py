"""The callbacks: each reads its controls, asks the desk, and says what happened. Live data does not pass here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError, SettingsError
from engine.market.ticks import read_symbol
from engine.pairs.settings import PairSettings
from screen.components import ids
from screen.components.fields import at_fault, error_id, plain
from screen.components.formatting import WORKING
from screen.pages.pair.frames import Frame
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
)

_WATCH = Output(ids.WATCH, "data", allow_duplicate=True)
_SAY = (
    Output(ids.MESSAGE, "children", allow_duplicate=True),
    Output(ids.UNDO, "data", allow_duplicate=True),
    Output(ids.UNDO_BUTTON, "style", allow_duplicate=True),
)
_WORKING = [  # a run over a long history takes seconds to begin
    *((Output(button, "disabled"), True, False) for button in (ids.ADD, ids.REMOVE, ids.APPLY, ids.UNDO_BUTTON)),
    (Output(ids.ADD, "children"), WORKING, WATCH_PAIR),
    (Output(ids.APPLY, "children"), WORKING, APPLY),
]
_HIDDEN, _SHOWN = {"display": "none"}, {"display": "inline"}


class Desk(Protocol):
    """What the screen asks of the monitor. Called from worker threads."""

    def symbols(self) -> dict[str, list[str]]:
        """By market, what has traded."""

    def watched(self, watch_id: int) -> tuple[str, str, str, PairSettings] | None:
        """(market, y, x, settings) of a watched pair."""

    def first_watch(self) -> int | None:
        """The pair to show when none is chosen."""

    def watch(self, market: str, y: str, x: str, settings: PairSettings) -> int:
        """Follow a pair, or follow it with other settings."""

    def unwatch(self, watch_id: int) -> None:
        """Follow it no more."""

    def new_pair_settings(self) -> PairSettings:
        """The settings a new pair starts with."""

    def whole_frame(self, watch_id: int | None) -> Frame:
        """Everything a screen needs at once, for polling."""


def register(app: Dash, desk: Desk) -> None:
    """Wire the page to the desk and to the asset script."""
    _register_choices(app, desk)
    _register_changes(app, desk)
    _register_script(app, desk)


def _register_choices(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output(ids.MARKET, "options"),
        Output(ids.MARKET, "value"),
        Output(ids.Y, "options"),
        Output(ids.X, "options"),
        Output(ids.WATCH, "data"),
        Input(ids.OPTIONS, "n_intervals"),
        Input(ids.MARKET, "value"),
        State(ids.MARKET, "options"),
        State(ids.Y, "options"),
        State(ids.WATCH, "data"),
    )
    async def offer(
        _: int | None, market: str | None, markets: Any, symbols: Any, watch_id: int | None
    ) -> tuple[Any, ...]:
        found = await asyncio.to_thread(desk.symbols)
        chosen = market or next(iter(found), None)
        offered = _options(found.get(chosen or "", []))
        is_same = offered == symbols and _options(list(found)) == markets
        first = await asyncio.to_thread(desk.first_watch) if watch_id is None else None
        names = (
            (no_update, no_update, no_update, no_update)
            if is_same
            else (_options(list(found)), chosen, offered, offered)
        )
        return *names, no_update if first is None else first

    @app.callback(
        Output(ids.INTERVAL, "options"),
        *(Output(name, "value", allow_duplicate=True) for name in FORM),
        Output(ids.EXPORT, "href"),
        Output(ids.PRESET, "value"),
        Input(ids.WATCH, "data"),
        prevent_initial_call="initial_duplicate",
    )
    async def show_settings(watch_id: int | None) -> tuple[Any, ...]:
        watched = await asyncio.to_thread(desk.watched, watch_id) if watch_id is not None else None
        settings = watched[3] if watched else desk.new_pair_settings()
        export = f"/api/signals.csv?watch={watch_id}" if watched else None
        return interval_options(settings), *form_values(settings), export, None

    @app.callback(
        *(Output(name, "value", allow_duplicate=True) for name in FORM),
        Input(ids.PRESET, "value"),
        State(ids.INTERVAL, "value"),
        State(ids.ESTIMATOR, "value"),
        prevent_initial_call=True,
    )
    async def fill_preset(name: str | None, interval: str | None, estimator: str | None) -> list[Any]:
        if name is None:
            return [no_update] * len(FORM)
        values = form_values(PRESETS[name](estimator=estimator or "kalman"))
        return [interval or values[0], *values[1:]]

    @app.callback(
        *(Output(error_id(name), "children") for name in FORM),
        Output(ids.MORE, "open"),
        *(Input(name, "value") for name in FORM),
        State(ids.MORE, "open"),
    )
    async def check(*values: Any) -> list[Any]:
        *given, is_open = values
        errors = at_fault(FIELDS, _error_in(dict(zip(FORM, given, strict=True))))
        is_hidden = any(error and name in MORE_FORM for name, error in zip(FORM, errors, strict=True))
        return [*errors, True if is_hidden else is_open]

    @app.callback(_WATCH, Input(ids.LEADERS, "cellClicked"), prevent_initial_call=True)
    async def choose(clicked: dict[str, Any] | None) -> Any:
        return int(clicked["rowId"]) if clicked and clicked.get("rowId") else no_update

    @app.callback(
        Output(ids.HELP, "is_open"),
        Input(ids.HELP_OPEN, "n_clicks"),
        State(ids.HELP, "is_open"),
        prevent_initial_call=True,
    )
    async def help_me(_: int, is_open: bool) -> bool:
        return not is_open


def _register_changes(app: Dash, desk: Desk) -> None:
    @app.callback(
        _WATCH,
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
    )
    async def change(
        _add: int, _remove: int, _apply: int, _undo: int, watch_id: int | None, undo: list[Any] | None,
        market: str | None, y: str | None, x: str | None, preset: str | None, *values: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        actions: dict[str, Callable[[], tuple[Any, ...]]] = {
            ids.ADD: lambda: _add_pair(desk, market, y, x),
            ids.REMOVE: lambda: _remove_pair(desk, watch_id),
            ids.APPLY: lambda: _apply_form(desk, watch_id, preset, dict(zip(FORM, values, strict=True))),
            ids.UNDO_BUTTON: lambda: _take_back(desk, undo),
        }
        try:
            return await asyncio.to_thread(actions[str(ctx.triggered_id)])
        except SettingsError as error:
            return no_update, f"Not done. {plain(FIELDS, error)}", no_update, no_update
        except PairbridgeError as error:
            return no_update, f"Not done: {error}.", no_update, no_update


def _error_in(values: dict[str, Any]) -> SettingsError | None:
    """What is wrong with a form, if anything is."""
    try:
        settings_from(values, PairSettings())
    except SettingsError as error:
        return error
    return None


def _add_pair(desk: Desk, market: str | None, y: str | None, x: str | None) -> tuple[Any, ...]:
    if not (market and y and x):
        return no_update, "Choose a market, Y and X first.", None, _HIDDEN
    if y == x:
        return no_update, f"{y} against itself has no spread; choose two symbols.", None, _HIDDEN
    read_symbol(market.upper())  # a market's name is made of the same letters, in lower case
    y, x = read_symbol(y), read_symbol(x)
    watch_id = desk.watch(market, y, x, desk.new_pair_settings())
    return watch_id, f"Watching {y} ~ {x}.", None, _HIDDEN


def _remove_pair(desk: Desk, watch_id: int | None) -> tuple[Any, ...]:
    watched = desk.watched(watch_id) if watch_id is not None else None
    if watched is None or watch_id is None:
        return no_update, "No pair is chosen.", None, _HIDDEN
    desk.unwatch(watch_id)
    market, y, x, settings = watched
    return desk.first_watch(), f"{y} ~ {x} removed; its log stays stored.", [market, y, x, settings.to_json()], _SHOWN


def _apply_form(desk: Desk, watch_id: int | None, preset: str | None, values: dict[str, Any]) -> tuple[Any, ...]:
    watched = desk.watched(watch_id) if watch_id is not None else None
    if watched is None:
        return no_update, "No pair is chosen.", None, _HIDDEN
    market, y, x, before = watched
    settings = settings_from(values, PRESETS[preset]() if preset else before)
    if settings == before:
        return no_update, "These are its settings already.", None, _HIDDEN
    fresh = desk.watch(market, y, x, settings)
    return fresh, "A new run has begun with these settings.", [market, y, x, before.to_json()], _SHOWN


def _take_back(desk: Desk, undo: list[Any] | None) -> tuple[Any, ...]:
    if undo is None:
        return no_update, "Nothing to take back.", None, _HIDDEN
    market, y, x, text = undo
    return desk.watch(market, y, x, PairSettings.from_json(text)), f"{y} ~ {x} is as it was.", None, _HIDDEN


def _register_script(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output(ids.FRAME, "data"), Input(ids.POLL, "n_intervals"), State(ids.WATCH, "data"), prevent_initial_call=True
    )
    async def poll(_: int, watch_id: int | None) -> Frame:
        return await asyncio.to_thread(desk.whole_frame, watch_id)

    for component, prop, function in (
        (ids.FRAME, "data", "polled"),
        (ids.WATCH, "data", "follow"),
        (ids.PRICE_LEG, "value", "showLeg"),
        (ids.LOG_FILTER, "value", "filterLog"),
        (ids.TAB, "value", "showTab"),
    ):
        wire: Any = app.clientside_callback  # has no types of its own
        wire(ClientsideFunction("pairbridge", function), Input(component, prop), prevent_initial_call=True)


def _options(names: list[str]) -> list[dict[str, str]]:
    return [{"label": name, "value": name} for name in names]
