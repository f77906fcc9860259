"""The callbacks: each reads its controls, calls a service, and shows the result. Live data does not pass through
here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError
from engine.pairs.settings import PairSettings
from screen.components import ids
from screen.components.addresses import PAIR, pair_path
from screen.components.clicks import was_clicked
from screen.components.fields import not_done
from screen.components.formatting import WORKING
from screen.pages.pair.settings_fields import FIELDS
from services.pairs import Pair, PairService

WATCH_PAIR = "Watch pair"
_ADDRESS = Output(ids.ADDRESS, "pathname", allow_duplicate=True)
_SAY = (
    Output(ids.MESSAGE, "children", allow_duplicate=True),
    Output(ids.UNDO, "data", allow_duplicate=True),
    Output(ids.UNDO_BUTTON, "style", allow_duplicate=True),
)
_WORKING = [  # a run over a long history takes seconds to start
    *((Output(button, "disabled"), True, False) for button in (ids.ADD, ids.REMOVE, ids.UNDO_BUTTON)),
    (Output(ids.ADD, "children"), WORKING, WATCH_PAIR),
]
_HIDDEN, _SHOWN = {"display": "none"}, {"display": "inline"}


def register_pair(app: Dash, pairs: PairService) -> None:
    """Register the callbacks that connect the page to the services and the asset script."""
    _register_choices(app, pairs)
    _register_changes(app, pairs)
    app.callback(Output(ids.EXPORT, "href"), Input(ids.WATCH, "data"))(partial(_export, pairs))
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


def _register_changes(app: Dash, pairs: PairService) -> None:
    app.callback(
        _ADDRESS,
        *_SAY,
        Input(ids.ADD, "n_clicks"),
        Input(ids.REMOVE, "n_clicks"),
        Input(ids.UNDO_BUTTON, "n_clicks"),
        State(ids.WATCH, "data"),
        State(ids.UNDO, "data"),
        State(ids.MARKET, "value"),
        State(ids.Y, "value"),
        State(ids.X, "value"),
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


async def _export(pairs: PairService, watch_id: int | None) -> str | None:
    pair = await asyncio.to_thread(pairs.pair, watch_id)
    return None if pair is None else f"/api/signals.csv?watch={watch_id}"


async def _change(
    pairs: PairService, _add: int, _remove: int, _undo: int, watch_id: int | None, undo: list[Any] | None,
    market: str | None, y: str | None, x: str | None,
) -> tuple[Any, ...]:  # fmt: skip
    if not was_clicked():
        return no_update, no_update, no_update, no_update
    actions: dict[str, Callable[[], tuple[Any, ...]]] = {
        ids.ADD: lambda: _add_pair(pairs, market, y, x),
        ids.REMOVE: lambda: _remove_pair(pairs, watch_id),
        ids.UNDO_BUTTON: lambda: _take_back(pairs, undo),
    }
    try:
        return await asyncio.to_thread(actions[str(ctx.triggered_id)])
    except PairbridgeError as error:
        return no_update, not_done(FIELDS, error), no_update, no_update


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


def _take_back(pairs: PairService, undo: list[str] | None) -> tuple[Any, ...]:
    if undo is None:
        return no_update, "Nothing to undo.", None, _HIDDEN
    market, y, x, text = undo
    pairs.watch(Pair(market, y, x, PairSettings.from_json(text)))
    return pair_path(market, y, x), f"{y} ~ {x} is as it was.", None, _HIDDEN


def _to_undo(pair: Pair) -> list[str]:
    """The page's data of a removed pair, for undo."""
    return [pair.market, pair.y, pair.x, pair.settings.to_json()]


def _options(names: list[str]) -> list[dict[str, str]]:
    return [{"label": name, "value": name} for name in names]
