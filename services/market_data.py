"""Symbols, trades and bars of the store, a page at a time. Cursors are stable: a page's rows do not depend on what was
stored since the first page, and no row comes twice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from engine.errors import PairbridgeError, SettingsError
from engine.market.bar_columns import Columns
from engine.market.intervals import MAX_WIDTH_MS, interval_name
from engine.market.sourced import SourcedBar
from engine.store.bulk import BulkReader, SeriesSpan
from engine.store.interface import Backend
from services.export.market import SLICE_MS, Bars, complete_bars
from services.export.request import END_MS, BarRequest, Selection

MOST_ROWS = 10_000  # of one page
MOST_READ = 1_000_000  # seconds and candles that the bars of a page are made from
MOST_SLICES = 1_000  # reads of half a day, or of one bar's width, for a page
SOURCES = ("", "live", "upload")


class NotFound(PairbridgeError):
    """What was asked for is not stored."""


@dataclass(frozen=True, slots=True)
class SymbolSpan:
    """One symbol with stored trades or bars: from the open of its first bar to the end of its last, ms."""

    market: str
    symbol: str
    first_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One trade; ``id`` as text."""

    id: str
    price: float
    quantity: float
    time_ms: int
    buyer_is_maker: bool | None


@dataclass(frozen=True, slots=True)
class BarRow:
    """One complete bar; None where unknown. ``source``: ``live``, ``upload``, or where a candle is from."""

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float | None
    trades: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one symbol; ``following``: where the next page begins, None on the last one."""

    market: str
    symbol: str
    rows: tuple[Any, ...]
    following: tuple[int, ...] | None


class MarketDataService:
    """Reads of one data folder. Any thread may call; every method raises StoreError."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def symbols(self, market: str = "") -> list[SymbolSpan]:
        """Every symbol with a trade or a bar, or of one market."""
        with self._reader() as reader:
            names = [name for name in reader.markets() if market in ("", name)]
            return [SymbolSpan(name, *span) for name in names for span in reader.spans(name, MAX_WIDTH_MS)]

    def ticks(self, selection: Selection, limit: int, after: tuple[int, ...] | None = None) -> Page:
        """Trades of one symbol in the order of their ids. Raises NotFound, SettingsError."""
        with self._reader() as reader:
            market, span = _series(reader, selection, 0)
            ids = None if after is None else _two(after)
            times = (selection.from_ms, selection.to_ms)
            frame, following = reader.tick_page(market, span.symbol, times, ids, _limit(limit))
        rows = tuple(
            TradeRow(str(agg_id), price, quantity, at_ms, None if maker is None else bool(maker))
            for agg_id, price, quantity, at_ms, maker in frame.rows()
        )
        return Page(market, span.symbol, rows, following)

    def bars(self, request: BarRequest, source: str, limit: int, after: tuple[int, ...] | None = None) -> Page:
        """Complete bars of one symbol, rising. With neither a start nor ``after``: the newest. ``source``: ``live``,
        ``upload`` or empty for both. A page ends early, even empty, where ``MOST_READ`` or ``MOST_SLICES`` are read.
        Raises NotFound, SettingsError."""
        if source not in SOURCES:
            raise SettingsError(f"source is {source[:20]!r}; expected live, upload or nothing")
        limit, width_ms, asked = _limit(limit), request.width_ms, request.selection
        with self._reader() as reader:
            market, span = _series(reader, asked, width_ms)
            end_ms = min(asked.to_ms, span.end_ms)
            begin_ms = max(asked.from_ms if after is None else after[0], span.first_ms - width_ms + 1)
            slices = _Slices(reader, market, span, width_ms, source)
            if after is None and asked.from_ms <= 0:
                rows = slices.newest(end_ms, limit)
                return Page(market, span.symbol, tuple(rows), None)
            rows, reached_ms = slices.from_(begin_ms, end_ms, limit)
        if len(rows) > limit:
            return Page(market, span.symbol, tuple(rows[:limit]), (rows[limit].open_time_ms,))
        return Page(market, span.symbol, tuple(rows), (reached_ms,) if reached_ms < end_ms else None)

    @contextmanager
    def _reader(self) -> Iterator[BulkReader]:
        reader = self._backend.bulk_reader()
        try:
            yield reader
        finally:
            reader.close()


class _Slices:
    """Bars of one symbol, a slice of time at a time, until so many are found or so much is read."""

    def __init__(self, reader: BulkReader, market: str, span: SeriesSpan, width_ms: int, source: str) -> None:
        self._reader, self._market, self._span, self._width_ms, self._source = reader, market, span, width_ms, source
        self._step_ms = max(SLICE_MS // width_ms, 1) * width_ms
        self._read = self._slices = 0

    def watermark_ms(self, market: str) -> int | None:
        """See BulkReader."""
        return self._reader.watermark_ms(market)

    def seconds(self, market: str, symbol: str, from_ms: int, to_ms: int) -> Columns:
        """See BulkReader."""
        found = self._reader.seconds(market, symbol, from_ms, to_ms)
        self._read += found.open_time_ms.size
        return found

    def sourced_bars(self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int) -> list[SourcedBar]:
        """See BulkReader."""
        found = self._reader.sourced_bars(market, symbol, width_ms, from_ms, to_ms)
        self._read += len(found)
        return found

    def from_(self, begin_ms: int, end_ms: int, limit: int) -> tuple[list[BarRow], int]:
        """One more bar than the limit, if there are, and up to when all bars were looked for."""
        rows: list[BarRow] = []
        while begin_ms < end_ms and len(rows) <= limit and not self._is_spent():
            until_ms = min((begin_ms // self._step_ms + 1) * self._step_ms, end_ms)
            rows += self._between(begin_ms, until_ms)
            begin_ms = until_ms
        return rows, begin_ms

    def newest(self, end_ms: int, limit: int) -> list[BarRow]:
        """At most so many bars, the newest, rising."""
        rows: list[BarRow] = []
        while end_ms > self._span.first_ms - self._width_ms and len(rows) < limit and not self._is_spent():
            begin_ms = (end_ms - 1) // self._step_ms * self._step_ms
            rows = self._between(begin_ms, end_ms) + rows
            end_ms = begin_ms
        return rows[-limit:]

    def _is_spent(self) -> bool:
        return self._read >= MOST_READ or self._slices >= MOST_SLICES

    def _between(self, begin_ms: int, until_ms: int) -> list[BarRow]:
        self._slices += 1
        selection = Selection(self._market, (self._span.symbol,), begin_ms, until_ms)
        found = complete_bars(self, selection, self._width_ms, self._span)
        return [row for bars in found for row in _bar_rows(bars) if self._source in ("", _kind(row.source))]


def market_of(reader: BulkReader, symbol: str, market: str, width_ms: int = 0) -> tuple[str, SeriesSpan]:
    """The market that holds a symbol, the most recently active of several, and its span. Raises NotFound."""
    found = [
        (reader.watermark_ms(name) or 0, name, span)
        for name in reader.markets()
        if market in ("", name)
        for span in reader.spans(name, width_ms)
        if span.symbol == symbol
    ]
    if not found:
        where = f"market {market}" if market else "any market"
        what = f"bars of {interval_name(width_ms)} of" if width_ms else "trades of"
        raise NotFound(f"{where} has no {what} {symbol}; expected one of /api/symbols")
    _, name, span = max(found, key=lambda each: each[:2])
    return name, span


def _series(reader: BulkReader, selection: Selection, width_ms: int) -> tuple[str, SeriesSpan]:
    if len(selection.symbols) != 1:
        raise SettingsError(f"found {len(selection.symbols)} symbols; expected one")
    return market_of(reader, selection.symbols[0], selection.market, width_ms)


def _limit(limit: int) -> int:
    if not 1 <= limit <= MOST_ROWS:
        raise SettingsError(f"limit is {limit}; expected 1 to {MOST_ROWS}")
    return limit


def _two(after: tuple[int, ...]) -> tuple[int, int]:
    if len(after) != 2:
        raise SettingsError("cursor is of another list; expected the one that the page before gave")
    return after[0], after[1]


def _kind(source: str) -> str:
    """S4's two sources: what is no upload came live."""
    return "upload" if source == "upload" else "live"


def _bar_rows(bars: Bars) -> Iterator[BarRow]:
    of = bars.columns
    columns = (of.open_time_ms, of.open, of.high, of.low, of.close, of.volume, of.quote_volume, of.trades)
    for row in zip(*(column.tolist() for column in columns), bars.source.tolist(), strict=True):
        at_ms, open_, high, low, close, volume, quote_volume, trades, source = row
        if math.isnan(quote_volume):  # a candle, of which these are not known
            quote_volume = trades = None
        yield BarRow(at_ms, open_, high, low, close, volume, quote_volume, trades, source)


__all__ = ["END_MS", "BarRow", "MarketDataService", "NotFound", "Page", "SymbolSpan", "TradeRow", "market_of"]
