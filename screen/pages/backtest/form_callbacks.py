"""The callbacks of the form: what the store offers, presets, the settings of a result, parts that are shown."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from engine.market.intervals import parse_interval
from engine.pairs.settings import classic, defended
from screen.components.fields import options
from screen.components.formatting import utc
from screen.pages.backtest import ids, source
from screen.pages.backtest.fields import FORM, GROUPS
from screen.pages.backtest.form import START_COSTS, axis_values, form_values, kind_of, new_request
from services.backtest_request import BacktestRequest, StoredSource
from services.backtest_sources import BacktestSources
from services.backtests import BacktestService

AXES = tuple(name for row in ids.AXES for name in row)
_KEPT = (ids.SOURCE, *source.STORED, ids.KIND, *AXES, *FORM)  # over a change of the page, by the browser
_PRESETS = {"classic": classic, "defended": defended}
_OF_PRESET = tuple(each.id for _, name, fields, more in GROUPS if name == "signal" for each in (*fields, *more))
_FILLED = (ids.SOURCE, *source.STORED, ids.KIND, *AXES, *FORM)
LEAST_STALE_MS = 10_000


def register_form(app: Dash, backtests: BacktestService, sources: BacktestSources) -> None:
    """Register the callbacks of the form."""
    _register_source(app, sources)
    app.callback(
        *(Output(name, "value", allow_duplicate=True) for name in _FILLED),
        Input(ids.USE, "n_clicks"),
        Input(ids.WATCHED, "value"),
        State(ids.SHOWN, "data"),
        prevent_initial_call=True,
    )(partial(_fill, backtests, sources))
    app.callback(
        *(Output(name, "value", allow_duplicate=True) for name in _OF_PRESET),
        Input(ids.PRESET, "value"),
        State(ids.of("interval"), "value"),
        prevent_initial_call=True,
    )(_preset)
    app.callback(
        Output(ids.of("stale_after_ms"), "value", allow_duplicate=True),
        Input(ids.of("interval"), "value"),
        State(ids.of("stale_after_ms"), "value"),
        prevent_initial_call=True,
    )(_fit)
    app.callback(
        Output(ids.STORED_PART, "hidden"),
        Output(ids.FILES_PART, "hidden"),
        Output(f"{ids.FROM}-part", "hidden"),
        Output(ids.SEARCH_PART, "hidden"),
        Input(ids.SOURCE, "value"),
        Input(ids.SPAN, "value"),
        Input(ids.KIND, "value"),
    )(_parts)
    wire: Any = app.clientside_callback  # untyped
    wire(
        ClientsideFunction("pairbridgeBacktest", "restore"),
        *(Output(name, "value", allow_duplicate=True) for name in _KEPT),
        Input(ids.MOUNTED, "id"),
        prevent_initial_call="initial_duplicate",
    )
    wire(ClientsideFunction("pairbridgeBacktest", "keep"), *(Input(name, "value") for name in _KEPT),
         prevent_initial_call=True)  # fmt: skip


def _register_source(app: Dash, sources: BacktestSources) -> None:
    app.callback(
        Output(ids.MARKET, "options"),
        Output(ids.MARKET, "value"),
        Output(ids.WATCHED, "options"),
        Output(ids.Y, "options"),
        Output(ids.X, "options"),
        Input(ids.OFFER_POLL, "n_intervals"),
        Input(ids.MARKET, "value"),
        State(ids.MARKET, "options"),
        State(ids.WATCHED, "options"),
        State(ids.Y, "options"),
    )(partial(_offer, sources))
    app.callback(
        Output(ids.STORED, "data"),
        Output(ids.STORED_SAID, "children"),
        Input(ids.MARKET, "value"),
        Input(ids.Y, "value"),
        Input(ids.X, "value"),
        Input(ids.OFFER_POLL, "n_intervals"),
        State(ids.STORED, "data"),
        State(ids.STORED_SAID, "children"),
    )(partial(_stored, sources))


async def _offer(
    sources: BacktestSources, _: int | None, market: str | None, markets: Any, watched: Any, symbols: Any
) -> tuple[Any, ...]:
    offered = await asyncio.to_thread(sources.offered)
    chosen = market or next(iter(offered.symbols), None)
    legs = options(tuple((name, name) for name in offered.symbols.get(chosen or "", ())))
    now = (source.market_options(offered), source.watched_options(offered), legs)
    first, second, third = (
        no_update if new == known else new for new, known in zip(now, (markets, watched, symbols), strict=True)
    )
    return first, no_update if chosen == market else chosen, second, third, third


async def _stored(
    sources: BacktestSources, market: str | None, y: str | None, x: str | None, _: int | None, known: Any, said: Any
) -> tuple[Any, Any]:
    span = await asyncio.to_thread(sources.span, market, y, x) if market and y and x else None
    found = None if span is None else asdict(span) | {"widths_ms": [list(each) for each in span.widths_ms]}
    text = source.span_said(span, y, x)
    return no_update if found == known else found, no_update if text == said else text


async def _fill(
    backtests: BacktestService, sources: BacktestSources, _: int | None, watched: str | None, shown: int | None
) -> tuple[Any, ...]:
    """The controls from a result, or from a watched pair; the range of a pair stays."""
    if ctx.triggered_id == ids.USE:
        record = await asyncio.to_thread(backtests.result, shown) if shown is not None else None
        return (no_update,) * len(_FILLED) if record is None else filled(BacktestRequest.from_json(record["request"]))
    offered = await asyncio.to_thread(sources.offered)
    pair = offered.watched.get(int(watched or -1))
    if pair is None:
        return (no_update,) * len(_FILLED)
    costs = replace(START_COSTS, fee_bps=pair.settings.fee_bps, slippage_bps=pair.settings.slippage_bps)
    request = replace(new_request(pair.settings), costs=costs)
    values = form_values(request)
    kept = (no_update,) * (len(source.STORED) - 3 + 1 + len(AXES))
    return ("stored", pair.market, pair.y, pair.x, *kept, *values)


def filled(request: BacktestRequest) -> tuple[Any, ...]:
    """The values of the controls of a request. Files have to be sent again: they are not kept."""
    given = request.source
    if isinstance(given, StoredSource):
        end = "" if given.to_ms is None else utc(given.to_ms)
        bars: tuple[Any, ...] = ("stored", given.market, given.y, given.x, "own", utc(given.from_ms), end)
    else:
        bars = ("files", *(no_update,) * len(source.STORED))
    return (*bars, kind_of(request), *axis_values(request), *form_values(request))


async def _preset(name: str | None, interval: str | None) -> tuple[Any, ...]:
    if name not in _PRESETS:
        return (no_update,) * len(_OF_PRESET)
    width_ms = _width(interval) or 60_000
    settings = _PRESETS[name](interval_ms=width_ms, stale_after_ms=max(2 * width_ms, LEAST_STALE_MS))
    values = dict(zip(FORM, form_values(new_request(settings)), strict=True))
    return tuple(values[control] for control in _OF_PRESET)


async def _fit(interval: str | None, stale: Any) -> Any:
    """A leg may be silent for at least two bars: with less, no bar would give an entry."""
    width_ms = _width(interval)
    known = int(stale) if str(stale).isdecimal() else 0
    return no_update if width_ms is None or known >= width_ms else max(2 * width_ms, LEAST_STALE_MS)


def _width(interval: str | None) -> int | None:
    try:
        return parse_interval(interval or "")
    except ValueError:
        return None


async def _parts(kind_of_source: str, span: str | None, kind: str | None) -> tuple[bool, ...]:
    return kind_of_source != "stored", kind_of_source != "files", span != "own", kind == "one"
