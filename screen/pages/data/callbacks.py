"""The callbacks of the page that show what flows in, what is stored and what is missing, and make backups."""

from __future__ import annotations

import asyncio
import time
import zlib
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from engine.errors import PairbridgeError
from engine.store.inventory import GapFilter
from screen.pages.data import ids, labels, tables
from screen.pages.data.export_form import register_export
from screen.pages.data.import_callbacks import register_import
from services.backups import BackupService
from services.data import DataService, Stock
from services.errors import problem_of
from services.feeds import FeedService
from services.uploads import UploadService

REST = 20.0  # times as long as a read took until the next: a large store takes 5 % of a core at most
_Out = tuple[Any, ...]


def register_data(
    app: Dash, data: DataService, feeds: FeedService, uploads: UploadService, backups: BackupService
) -> None:
    """Register the callbacks of the page."""
    _register_feeds(app, feeds)
    _register_stock(app, data)
    _register_gaps(app, data)
    _register_backups(app, backups)
    register_import(app, uploads)
    register_export(app)


def _register_feeds(app: Dash, feeds: FeedService) -> None:
    app.callback(
        Output(ids.SERVER, "children"),
        Output(ids.FEEDS, "children"),
        Output(ids.FINDINGS, "children"),
        Output(ids.HISTORY, "children"),
        Output(ids.HISTORY_HEAD, "children"),
        Output(ids.FEEDS_SEEN, "data"),
        Input(ids.POLL, "n_intervals"),
        State(ids.FEEDS_SEEN, "data"),
    )(partial(_show_feeds, feeds))


def _register_stock(app: Dash, data: DataService) -> None:
    app.callback(
        Output(ids.STOCK, "children"),
        Output(ids.STOCK_HEAD, "children"),
        Output(ids.SOURCED, "children"),
        Output(ids.ARCHIVE, "children"),
        Output(ids.COUNTED, "children"),
        Output(ids.COUNT, "disabled"),
        Output(ids.GAPS_HEAD, "children"),
        Output(ids.GAP_SYMBOL, "options"),
        Output(ids.EXPORT_MARKET, "options"),
        Output(ids.EXPORT_MARKET, "value"),
        Output(ids.SETTINGS, "children"),
        Output(ids.STOCK_SEEN, "data"),
        Input(ids.POLL, "n_intervals"),
        Input(ids.COUNT, "n_clicks"),
        State(ids.EXPORT_MARKET, "value"),
        State(ids.STOCK_SEEN, "data"),
    )(partial(_show_stock, data))


def _register_gaps(app: Dash, data: DataService) -> None:
    app.callback(
        Output(ids.GAPS, "children"),
        Output(ids.GAPS_NEWEST, "disabled"),
        Output(ids.GAPS_OLDER, "disabled"),
        Output(ids.GAPS_PLACE, "data"),
        Output(ids.GAPS_SEEN, "data"),
        Input(ids.GAP_SYMBOL, "value"),
        Input(ids.GAP_STATUS, "value"),
        Input(ids.GAPS_NEWEST, "n_clicks"),
        Input(ids.GAPS_OLDER, "n_clicks"),
        Input(ids.POLL, "n_intervals"),
        State(ids.GAPS_PLACE, "data"),
        State(ids.GAPS_SEEN, "data"),
    )(partial(_show_gaps, data))


def _register_backups(app: Dash, backups: BackupService) -> None:
    app.callback(
        Output(ids.BACKUP_SAID, "children"),
        Input(ids.BACK_UP, "n_clicks"),
        Input(ids.BACKUP_CANCEL, "n_clicks"),
        State(ids.BACKUP_ARCHIVE, "value"),
        prevent_initial_call=True,
    )(partial(_back_up, backups))
    app.callback(
        Output(ids.BACKUPS, "children"),
        Output(ids.BACKUP_SAID, "children", allow_duplicate=True),
        Output(ids.BACK_UP, "disabled"),
        Output(ids.BACKUP_CANCEL, "disabled"),
        Output(ids.BACKUPS_SEEN, "data"),
        Input(ids.POLL, "n_intervals"),
        State(ids.BACKUPS_SEEN, "data"),
        prevent_initial_call="initial_duplicate",
    )(partial(_show_backups, backups))


async def _show_feeds(feeds: FeedService, _: int | None, seen: Any) -> _Out:
    server = feeds.server()
    wants = [feed.wants for feed in server.markets]
    now = [_digest(server), _digest(wants)]
    line, wanted = labels.server_line(server), labels.history_line(server)
    history = no_update if seen and seen[1] == now[1] else tables.history_table(server)
    if seen == now:
        return (no_update,) * 6
    return line, tables.feeds_table(server), tables.findings_list(server), history, wanted, now


async def _show_stock(data: DataService, _poll: int | None, _count: int | None, market: Any, seen: Any) -> _Out:
    began_s = time.monotonic()
    if ctx.triggered_id == ids.COUNT:
        data.count_rows()
    counts = data.row_counts()
    counted = labels.counted_line(counts), counts.is_counting
    if seen and began_s < seen["rests_until_s"] and seen["counts"] == _digest(counts):
        return (no_update,) * 12
    try:
        stock = await asyncio.to_thread(data.stock)
    except PairbridgeError as error:
        return no_update, problem_of(error).message, *(no_update,) * 10
    now = {"stock": _digest(stock.symbols, stock.sourced, stock.funding, stock.gaps), "counts": _digest(counts),
           "rests_until_s": began_s + REST * (time.monotonic() - began_s)}  # fmt: skip
    if seen and (seen["stock"], seen["counts"]) == (now["stock"], now["counts"]):
        return no_update, labels.stock_line(stock), *(no_update,) * 2, *counted, *(no_update,) * 5, now
    markets = sorted({each.market for each in stock.symbols} | {each.market for each in stock.sourced})
    return (
        tables.stock_table(stock, counts), labels.stock_line(stock), tables.sourced_table(stock),
        labels.archive_line(stock, _retention(data)), *counted, labels.gap_line(stock.gaps), _symbols(stock),
        [{"label": name, "value": name} for name in markets], no_update if market else next(iter(markets), None),
        no_update if seen else tables.settings_table(data.settings), now,
    )  # fmt: skip


def _retention(data: DataService) -> str:
    return next((each.value for each in data.settings if each.name == "retention_hours"), "?")


def _symbols(stock: Stock) -> list[dict[str, str]]:
    """The options of the gaps' filter."""
    each = [{"label": f"{of.symbol} · {of.market}", "value": f"{of.market}/{of.symbol}"} for of in stock.symbols]
    return [{"label": "all symbols", "value": labels.ANY}, *each]


async def _show_gaps(
    data: DataService, symbol: str, status: str, _newest: int, _older: int, _poll: int, place: Any, seen: Any
) -> _Out:  # fmt: skip
    market, _, name = ("" if symbol in (None, labels.ANY) else symbol).partition("/")
    wanted = GapFilter(market, name, "" if status in (None, labels.ANY) else status)
    before = _before(ctx.triggered_id, place)
    try:
        page = await asyncio.to_thread(data.gaps, wanted, before)
    except PairbridgeError as error:
        text = problem_of(error).message
        return (no_update,) * 5 if seen == text else (text, True, True, None, text)
    now = _digest(wanted, page, before)
    if seen == now:
        return (no_update,) * 5
    table = tables.gaps_table(page.rows, wanted != GapFilter())
    return table, before is None, page.older is None, {"at": before, "older": page.older}, now


def _before(pressed: Any, place: Any) -> int | None:
    """Where the page begins: a new filter begins with the newest gaps, a poll leaves the page."""
    if place is None or pressed in (ids.GAP_SYMBOL, ids.GAP_STATUS, ids.GAPS_NEWEST):
        return None
    found: int | None = place["older"] if pressed == ids.GAPS_OLDER else place["at"]
    return found


async def _back_up(backups: BackupService, _start: int, _cancel: int, with_archive: bool) -> str:
    try:
        if ctx.triggered_id == ids.BACKUP_CANCEL:
            await asyncio.to_thread(backups.cancel)
        else:
            await asyncio.to_thread(backups.start, bool(with_archive))
    except PairbridgeError as error:
        return problem_of(error).message
    return labels.backup_line(backups.state())


async def _show_backups(backups: BackupService, _: int | None, seen: Any) -> _Out:
    state, made = backups.state(), await asyncio.to_thread(backups.made)
    now = [_digest(state), _digest(made)]
    if seen == now:
        return (no_update,) * 5
    table = no_update if seen and seen[1] == now[1] else tables.backups_table(made)
    line = no_update if seen and seen[0] == now[0] else labels.backup_line(state)
    return table, line, state.phase == "running", state.phase != "running", now


def _digest(*values: Any) -> int:
    """Whether something changed: equal records have equal digests."""
    return zlib.crc32(repr(values).encode())
