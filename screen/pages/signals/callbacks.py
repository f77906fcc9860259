"""The callbacks of the journal's page: each reads the controls, asks one service, and shows the answer."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError, SettingsError
from engine.store.bulk import SignalFilter, SignalPlace
from screen.components.fields import error_id
from screen.pages.signals import ids, labels, tables
from services.errors import problem_of
from services.journal import JournalService, read_filter
from services.paper_trades import LOG, PaperTradeService
from services.parity import ParityService

EMPTY = (labels.ANY, "all", labels.ANY, "", "")  # the filter that passes all
LOG_EVERY = 20  # polls between two looks at exits that were not filled yet
REST = 20.0  # times as long as a read took until the next: a large journal takes 5 % of a core at most
_VIEW: dict[str, Any] = {"filter": list(EMPTY), "places": []}
_SAME = (no_update,) * 12


def register_signals(app: Dash, journal: JournalService, trades: PaperTradeService, parity: ParityService) -> None:
    """Register the callbacks of the page."""
    _register_filter(app)
    _register_journal(app, journal)
    _register_trades(app, journal, trades)
    _register_parity(app, parity)


def _register_filter(app: Dash) -> None:
    app.callback(
        *(Output(name, "value") for name in ids.FILTER),
        Input(ids.RESET, "n_clicks"),
        prevent_initial_call=True,
    )(_reset)
    app.callback(
        Output(ids.VIEW, "data"),
        Output(error_id(ids.FROM), "children"),
        Output(error_id(ids.TO), "children"),
        *(Input(name, "value") for name in ids.FILTER),
        *(Input(name, "n_clicks") for name in (ids.NEWEST, ids.NEWER, ids.OLDER)),
        State(ids.VIEW, "data"),
        State(ids.OLDER_PLACE, "data"),
    )(_choose)


def _register_journal(app: Dash, journal: JournalService) -> None:
    app.callback(
        Output(ids.ROWS, "children"),
        Output(ids.RANGE, "children"),
        Output(ids.COUNTS, "children"),
        Output(ids.NEWEST, "disabled"),
        Output(ids.NEWER, "disabled"),
        Output(ids.OLDER, "disabled"),
        Output(ids.OLDER_PLACE, "data"),
        *(Output(name, "href") for name in ids.EXPORTS.values()),
        Output(ids.SEEN, "data"),
        Output(ids.MESSAGE, "children"),
        Input(ids.VIEW, "data"),
        Input(ids.POLL, "n_intervals"),
        State(ids.SEEN, "data"),
    )(partial(_show, journal))
    app.callback(
        Output(ids.PAIR, "options"),
        Input(ids.POLL, "n_intervals"),
        State(ids.PAIR, "options"),
    )(partial(_offer, journal))


def _register_trades(app: Dash, journal: JournalService, trades: PaperTradeService) -> None:
    app.callback(
        Output(ids.TRADES, "children"),
        Output(ids.TOTALS, "children"),
        Output(ids.TRADES_SEEN, "data"),
        Input(ids.VIEW, "data"),
        Input(ids.COUNTED, "value"),
        Input(ids.POLL, "n_intervals"),
        State(ids.TRADES_SEEN, "data"),
    )(partial(_show_trades, journal, trades))


def _register_parity(app: Dash, parity: ParityService) -> None:
    app.callback(
        Output(ids.PARITY, "children"),
        Output(ids.PARITY_SEEN, "data"),
        Input(ids.POLL, "n_intervals"),
        Input(ids.PARITY_MESSAGE, "children"),
        State(ids.PARITY_SEEN, "data"),
    )(partial(_show_parity, parity))
    app.callback(
        Output(ids.PARITY_MESSAGE, "children"),
        Input(ids.check(ALL), "n_clicks"),
        prevent_initial_call=True,
    )(partial(_check, parity))


async def _reset(_: int) -> tuple[str, ...]:
    return EMPTY


async def _choose(*values: Any) -> tuple[Any, str, str]:
    """The filter and the page that the controls ask for; an invalid filter leaves what is shown."""
    *filter_, _newest, _newer, _older, view, older = values
    chosen = [value or usual for value, usual in zip(filter_, EMPTY, strict=True)]
    try:
        _filter(chosen)
    except SettingsError as error:
        return no_update, *_said(str(error))
    return {"filter": chosen, "places": _places(str(ctx.triggered_id), view or _VIEW, older)}, "", ""


def _places(pressed: str, view: dict[str, Any], older: list[int] | None) -> list[list[int]]:
    places: list[list[int]] = view["places"]
    if pressed == ids.OLDER and older:
        return [*places, older]
    return places[:-1] if pressed == ids.NEWER else []


def _filter(chosen: list[str]) -> SignalFilter:
    """What the controls ask for. Raises SettingsError."""
    pair, shown, reason, from_, to = chosen
    return read_filter("" if pair == labels.ANY else pair, shown, "" if reason == labels.ANY else reason, from_, to)


def _said(text: str) -> tuple[str, str]:
    """An error at its field: the first word is its name; one of the range stands at its end."""
    return (text, "") if text.startswith("from ") else ("", text)


async def _show(journal: JournalService, view: dict[str, Any] | None, _: int | None, seen: Any) -> tuple[Any, ...]:
    view, began_s = view or _VIEW, time.monotonic()
    try:
        version = await asyncio.to_thread(journal.version)
        if seen and seen["view"] == view and (seen["version"] == version or began_s < seen["rests_until_s"]):
            return _SAME
        wanted, place = _filter(view["filter"]), view["places"][-1] if view["places"] else None
        page, counts = await asyncio.to_thread(_read, journal, wanted, place)
    except PairbridgeError as error:
        return *_SAME[:-1], problem_of(error).message
    hrefs = [tables.export_address(wanted, form) if counts.rows else None for form in ids.EXPORTS]
    return (
        tables.journal_table(page, tuple(view["filter"]) != EMPTY),
        labels.page_range(len(view["places"]), len(page.rows), counts.rows),
        tables.counts_list(counts),
        not view["places"],
        not view["places"],
        page.older is None,
        page.older,
        *hrefs,
        {"version": version, "view": view, "rests_until_s": began_s + REST * (time.monotonic() - began_s)},
        "",
    )


def _read(journal: JournalService, wanted: SignalFilter, place: list[int] | None) -> tuple[Any, Any]:
    return journal.page(wanted, SignalPlace(*place) if place else None), journal.counts(wanted)


async def _offer(journal: JournalService, _: int | None, known: Any) -> Any:
    try:
        offered = labels.pair_choices(await asyncio.to_thread(journal.pairs))
    except PairbridgeError:  # the journal says it beside its rows
        return no_update
    return no_update if offered == known else offered


async def _show_trades(
    journal: JournalService, trades: PaperTradeService, view: dict[str, Any] | None, counted: str, polls: int | None,
    seen: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    view = view or _VIEW
    try:
        asked = [view["filter"], counted, await asyncio.to_thread(journal.version) if counted == LOG else 0]
        if counted == LOG and seen and seen[0] == asked and (polls or 0) % LOG_EVERY:
            return no_update, no_update, no_update
        found = await asyncio.to_thread(trades.closed, _filter(view["filter"]), counted)
    except PairbridgeError as error:
        return no_update, problem_of(error).message, None
    now = [asked, [list(total) for total in found.totals], found.open_exits, found.repeated, found.log_only]
    if seen == now:
        return no_update, no_update, no_update
    return tables.trades_table(found), tables.totals_line(found), now


async def _show_parity(parity: ParityService, _polls: int | None, _said: Any, seen: Any) -> tuple[Any, Any]:
    pairs = await asyncio.to_thread(parity.pairs)
    now = [[pair.watch_id, bool(pair.bars), pair.state.phase, pair.state.done, str(pair.state.found)] for pair in pairs]
    return (no_update, no_update) if seen == now else (tables.parity_table(pairs), now)


async def _check(parity: ParityService, clicks: list[int | None]) -> Any:
    if not any(clicks) or not isinstance(ctx.triggered_id, dict):
        return no_update  # the buttons were drawn, not pressed
    try:
        has_begun = await asyncio.to_thread(parity.check, ctx.triggered_id["watch"])
    except PairbridgeError as error:
        return problem_of(error).message
    return "replaying" if has_begun else "the run has no bar yet"
