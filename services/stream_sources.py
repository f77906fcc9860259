"""What a stream resumes: trades, bars, decisions, closed trades and alerts, each read from a place in the store on.

A source's rows have an order in which they are stored and never change, so a place in it is a number, and whoever goes
on from there gets each later row once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, replace
from itertools import islice
from typing import Any, NamedTuple, Protocol

from engine.errors import StoreError, StoreMissing
from engine.market.intervals import bar_open
from engine.market.ticks import Tick
from engine.pairs.settings import PairSettings
from engine.store.archive.parquet import ArchiveError
from engine.store.bulk import BulkReader, SignalFilter, StoredSignal
from engine.store.interface import Backend, TickReader
from services.export.request import BarRequest
from services.export.signals import signal_row
from services.journal import JournalService
from services.market_data import MarketDataService, NotFound

PAGE_ROWS = 500  # of one message
SCANNED = 5_000  # trades that are read for it, where most are of others
TRADE_BARS = 3  # after which an exit whose orders are not filled is sent without a result
ARCHIVE_READS = 4  # that are kept open, each of another place

Row = dict[str, Any]
Placed = tuple[int, str, Tick]


class Place(NamedTuple):
    """A place in a source. ``store``: the identity of what numbers it; another one has other rows."""

    store: str
    at: int


class Page(NamedTuple):
    """Rows after a place, and the place after them. ``is_more``: there are more up to the head; ``left_out``: at most
    so many rows cannot be read any more."""

    rows: list[Row]
    at: int
    is_more: bool = False
    left_out: int = 0


class Source(Protocol):
    """Any thread may call, one at a time. Every method raises StoreError."""

    def head(self) -> Place | None:
        """The newest place; None while there is no store."""

    def page(self, after: int, head: int) -> Page:
        """The next rows in ``(after, head]``."""

    def close(self) -> None:
        """Release the store."""


class TickSource:
    """Trades in the order of commits, also those that were archived since."""

    def __init__(self, backend: Backend, market: str, symbols: frozenset[str]) -> None:
        """Empty: of all markets, of all symbols."""
        self._backend = backend
        self._market, self._symbols = market, symbols
        self._reader: TickReader | None = None
        self._store_id = ""
        self._archived: OrderedDict[int, Iterator[Placed]] = OrderedDict()  # what follows a place, the last used last

    def head(self) -> Place | None:
        """See Source."""
        try:
            reader = self._opened()
        except StoreMissing:
            return None
        return Place(self._store_id, reader.last_seq())

    def page(self, after: int, head: int) -> Page:
        """See Source."""
        reader = self._opened()
        with reader.snapshot():
            deleted = reader.deleted_seq()
            read = reader.ticks_after(after, SCANNED) if after >= deleted else []
        if after < deleted:
            try:
                return self._from_archive(reader, after, head)
            except ArchiveError:  # its file is gone or damaged
                reached = min(deleted, head)
                return Page([], reached, reached < head, reached - after)
        return self._page(read, head, len(read) < SCANNED)

    def close(self) -> None:
        """See Source."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        self._archived.clear()

    def _page(self, read: list[Placed], head: int, is_whole: bool) -> Page:
        """``is_whole``: there are no others up to the head."""
        rows: list[Row] = []
        for at, market, tick in read:
            if at > head:
                return Page(rows, head)
            if self._market in ("", market) and (not self._symbols or tick.symbol in self._symbols) and not tick.future:
                rows.append(_tick(market, tick))
                if len(rows) == PAGE_ROWS and at < head:
                    return Page(rows, at, is_more=True)
        return Page(rows, head) if is_whole or read[-1][0] >= head else Page(rows, read[-1][0], is_more=True)

    def _from_archive(self, reader: TickReader, after: int, head: int) -> Page:
        """As much as one message takes: a file is not read again for the next one."""
        following = self._archived.pop(after, None) or reader.all_ticks_after(after, head)
        read = list(islice(following, PAGE_ROWS))
        found = self._page(read, head, len(read) < PAGE_ROWS)
        if found.is_more and found.at == read[-1][0]:
            self._archived[found.at] = following
            if len(self._archived) > ARCHIVE_READS:
                self._archived.popitem(last=False)
        return found

    def _opened(self) -> TickReader:
        if self._reader is None or not self._reader.is_current():
            self.close()
            self._reader = self._backend.tick_reader()
            self._store_id = self._reader.store_id()
        return self._reader


class BarSource:
    """Complete bars of one symbol. A place is a time: bars that open before it were sent. A bar is sent once, as it was
    when the market's clock had passed its end."""

    def __init__(self, backend: Backend, request: BarRequest) -> None:
        """``request``: of one market and one symbol."""
        self._backend = backend
        self._data = MarketDataService(backend)
        self._request = request
        self._bulk: BulkReader | None = None

    def head(self) -> Place | None:
        """See Source."""
        try:
            with closing(self._backend.tick_reader()) as reader:
                store_id = reader.store_id()
            with closing(self._backend.bulk_reader()) as bulk:
                clock_ms = bulk.watermark_ms(self._request.selection.market)
        except StoreMissing:
            return None
        return None if clock_ms is None else Place(store_id, bar_open(clock_ms, self._request.width_ms))

    def page(self, after: int, head: int) -> Page:
        """See Source."""
        asked = replace(self._request, selection=replace(self._request.selection, from_ms=0, to_ms=head))
        try:
            found = self._data.bars(asked, "", PAGE_ROWS, (after,))
        except NotFound:  # it has not traded yet
            return Page([], after)
        more = {"market": found.market, "symbol": found.symbol}
        rows = [more | asdict(bar) for bar in found.rows]
        return Page(rows, head if found.following is None else found.following[0], found.following is not None)

    def close(self) -> None:
        """See Source."""


class DecisionSource:
    """Decisions in the order in which they were given."""

    def __init__(self, backend: Backend, wanted: SignalFilter) -> None:
        self._store = backend.analysis_reader()
        self._journal = JournalService(self._store)
        self._wanted = wanted

    def head(self) -> Place | None:
        """See Source."""
        return Place(self._store.store_id(), self._store.newest_signal())

    def page(self, after: int, head: int) -> Page:
        """See Source."""
        found = self._journal.after(self._wanted, after, PAGE_ROWS)
        rows = [_decision(asdict(each)) for each in found if each.given <= head]
        is_more = len(rows) == PAGE_ROWS and found[-1].given < head
        return Page(rows, found[-1].given if is_more else head, is_more)

    def close(self) -> None:
        """See Source."""


class TradeSource:
    """Closed trades as the log counts them, by their exits: each once both of its orders are filled, or without a
    result where they are not within ``TRADE_BARS`` bars."""

    def __init__(self, backend: Backend, wanted: SignalFilter) -> None:
        self._backend = backend
        self._store = backend.analysis_reader()
        self._wanted = wanted._replace(kinds=("exit",))
        self._known: dict[str, PairSettings] = {}

    def head(self) -> Place | None:
        """See Source."""
        return Place(self._store.store_id(), self._store.newest_signal())

    def page(self, after: int, head: int) -> Page:
        """See Source."""
        signals = self._store.signals(self._wanted, after, PAGE_ROWS)
        if not signals:
            return Page([], head)
        rows: list[Row] = []
        at = after
        prices = self._prices()
        try:
            for signal in signals:
                given = signal.logged.given
                if given > head:
                    return Page(rows, head)
                if signal.stands:  # a revised exit comes as its revision
                    row = self._row(prices, signal)
                    if row is None:
                        return Page(rows, at)
                    rows.append(row)
                at = given
        finally:
            if prices is not None:
                prices.close()
        is_more = len(signals) == PAGE_ROWS and at < head
        return Page(rows, at if is_more else head, is_more)

    def close(self) -> None:
        """See Source."""

    def _prices(self) -> BulkReader | None:
        with suppress(StoreError):  # without trades the decisions stay, and their fills are unknown
            return self._backend.bulk_reader()
        return None

    def _row(self, prices: BulkReader | None, signal: StoredSignal) -> Row | None:
        """None while it waits for its fills."""
        found = signal_row(self._store, prices, signal, self._known)
        clock_ms = None if prices is None else prices.watermark_ms(found.market)
        ends_ms = found.bar_close + TRADE_BARS * signal.run.interval_ms
        if found.net is None and clock_ms is not None and clock_ms < ends_ms:
            return None
        return {
            "id": str(signal.logged.given), "trade_id": found.trade_id, "market": found.market, "y": found.y,
            "x": found.x, "interval": found.interval, "closed_ms": found.bar_close, "reason": found.reason,
            "side": -1 if found.quantity_y > 0 else 1, "gross": found.gross, "fees": found.fee,
            "half_spread": found.half_spread, "slippage": found.slippage, "funding": found.funding, "net": found.net,
        }  # fmt: skip


class AlertSource:
    """Alerts by their number."""

    def __init__(self, backend: Backend) -> None:
        self._store = backend.analysis_reader()

    def head(self) -> Place | None:
        """See Source."""
        return Place(self._store.store_id(), self._store.newest_alert())

    def page(self, after: int, head: int) -> Page:
        """See Source."""
        found = [each for each in self._store.alerts_after(after, PAGE_ROWS) if each[0] <= head]
        rows = [asdict(alert) | {"number": str(number), "seq": str(alert.seq)} for number, alert in found]
        is_more = len(rows) == PAGE_ROWS and found[-1][0] < head
        return Page(rows, found[-1][0] if is_more else head, is_more)

    def close(self) -> None:
        """See Source."""


def _tick(market: str, tick: Tick) -> Row:
    return {
        "market": market, "symbol": tick.symbol, "id": str(tick.agg_id), "price": tick.price,
        "quantity": tick.quantity, "time_ms": tick.trade_time_ms, "buyer_is_maker": tick.buyer_is_maker,
    }  # fmt: skip


def _decision(row: Row) -> Row:
    return {"id": str(row.pop("given"))} | row
