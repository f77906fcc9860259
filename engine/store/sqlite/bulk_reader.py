"""Bulk reads of ``ticks.db`` and its archive, a page at a time: see ``engine.store.bulk``."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.market.bar_columns import Columns
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.sourced import SourcedBar
from engine.store.archive.parquet import archive_of
from engine.store.archive.parquet import read_page as read_rows
from engine.store.bulk import SeriesSpan
from engine.store.sqlite import sourced
from engine.store.sqlite.files import connect_reader, readable
from engine.store.sqlite.tick_pages import CAN_READ_AHEAD, HotPage, read_ahead, read_page

if TYPE_CHECKING:
    import polars

PAGE = 20_000  # ticks in memory at a time; no lock is held between two pages
BLOCK = 100_000  # ticks of one archived file in memory at a time
READ_AHEAD_FROM = 300_000  # ticks for which other processes are worth their start

_LAST_ID = 2**63 - 1
_TICK = ("agg_id", "price", "quantity", "trade_time_ms", "buyer_is_maker")
_TICK_TYPES = ("<i8", "<f8", "<f8", "<i8", "i1")

_SECOND = "open_time_ms, open, high, low, close, volume, quote_volume, trades, buy_volume, price_basis = 'quotes'"
_SECOND_TYPES = np.dtype(
    [(name, "i8" if name in ("open_time_ms", "trades") else "f8") for name in Columns._fields[:-1]]
    + [(Columns._fields[-1], "?")]
)


class SqliteBulkReader:
    """One read-only connection. Not for use by two threads at once."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError while the file does not exist."""
        self._path = path
        self._archive = archive_of(path)
        self._db = connect_reader(path)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def markets(self) -> list[str]:
        """See BulkReader."""
        query = "SELECT market FROM series UNION SELECT market FROM sourced_series ORDER BY market"
        return [market for (market,) in self._rows(query)]

    def watermark_ms(self, market: str) -> int | None:
        """See BulkReader."""
        rows = self._rows("SELECT watermark_ms FROM markets WHERE market=?", market)
        return int(rows[0][0]) if rows else None

    def spans(self, market: str, width_ms: int = 0) -> list[SeriesSpan]:
        """See BulkReader."""
        rows = self._rows(
            "SELECT symbol, (SELECT min(open_time_ms) FROM bars AS b WHERE b.series_id=s.series_id) AS first_ms,"
            " (SELECT max(open_time_ms) FROM bars AS b WHERE b.series_id=s.series_id) + ?"
            " FROM series AS s WHERE market=? AND first_ms IS NOT NULL ORDER BY symbol",
            SECOND_MS, market,
        )  # fmt: skip
        found = {row[0]: SeriesSpan(*row) for row in rows}
        with readable(self._path):
            extents = sourced.read_extents(self._db) if width_ms else []
        for extent in extents:
            if extent.market == market and width_ms % extent.width_ms == 0:
                known = found.get(extent.symbol, SeriesSpan(extent.symbol, extent.first_ms, extent.end_ms))
                ends = min(known.first_ms, extent.first_ms), max(known.end_ms, extent.end_ms)
                found[extent.symbol] = SeriesSpan(extent.symbol, *ends)
        return [found[symbol] for symbol in sorted(found)]

    def sourced_bars(self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int) -> list[SourcedBar]:
        """See BulkReader."""
        with readable(self._path):
            return sourced.read_bars(self._db, market, symbol, width_ms, (from_ms, to_ms))

    def seconds(self, market: str, symbol: str, from_ms: int, to_ms: int) -> Columns:
        """See BulkReader."""
        with readable(self._path):
            cursor = self._db.execute(
                f"SELECT {_SECOND} FROM bars WHERE series_id=? AND open_time_ms>=? AND open_time_ms<?"
                " ORDER BY open_time_ms",
                (self._series(market, symbol), from_ms, to_ms),
            )
            found = np.fromiter(cursor, dtype=_SECOND_TYPES)
        return Columns(*(np.ascontiguousarray(found[name]) for name in Columns._fields))

    def first_trade(self, market: str, symbol: str, from_ms: int) -> tuple[int, float] | None:
        """See BulkReader."""
        rows = self._rows(
            "SELECT open_time_ms, open FROM bars WHERE series_id=? AND open_time_ms>=? ORDER BY open_time_ms LIMIT 1",
            self._series(market, symbol), from_ms,
        )  # fmt: skip
        return rows[0] if rows else None

    def ticks(self, market: str, symbol: str, from_ms: int, to_ms: int) -> Iterator[polars.DataFrame]:
        """See BulkReader."""
        import polars

        series_id = self._series(market, symbol)
        first_id, last_id, trades = self._ids(series_id, from_ms, to_ms)
        is_wanted = (polars.col("trade_time_ms") >= from_ms) & (polars.col("trade_time_ms") < to_ms)
        is_dense = last_id - first_id < 2 * trades  # else pages by id may be empty for ever
        is_worth_it = CAN_READ_AHEAD and trades >= READ_AHEAD_FROM
        pages = self._pages_ahead if is_worth_it and is_dense else self._pages
        with readable(self._path):
            for frame in pages(series_id, first_id, last_id):
                found = frame.filter(is_wanted)
                if len(found):
                    yield found

    def tick_page(
        self, market: str, symbol: str, span_ms: tuple[int, int], ids: tuple[int, int] | None, limit: int
    ) -> tuple[polars.DataFrame, tuple[int, int] | None]:  # fmt: skip
        """See BulkReader."""
        import polars

        series_id = self._series(market, symbol)
        first_id, last_id = ids or self._ids(series_id, *span_ms)[:2]
        is_wanted = polars.col("trade_time_ms").is_between(*span_ms, closed="left")
        parts, rows = [_frame(HotPage([array(kind) for kind in "qddqb"], []))], 0
        with readable(self._path):
            for frame in self._pages(series_id, first_id, last_id, limit):
                parts.append(frame.filter(is_wanted))
                rows += len(parts[-1])
                if rows > limit:
                    break
        found = polars.concat(parts)
        page = found.head(limit)
        return page, (int(page["agg_id"][-1]) + 1, last_id) if len(found) > limit else None

    def _pages(
        self, series_id: int, first_id: int, last_id: int, limit: int | None = None
    ) -> Iterator[polars.DataFrame]:
        """Pages of at most ``limit`` hot ticks each (None: ``PAGE``), and what is archived between them."""
        archive, limit = _Archived(self._archive), limit or PAGE
        at = first_id
        while at <= last_id:
            page = read_page(self._db, series_id, at, last_id, limit)
            hot = _frame(page)
            through = int(hot["agg_id"][-1]) if page.rows == limit else last_id
            frame, at = archive.with_archived(hot, page.files, at, through)
            yield frame

    def _pages_ahead(self, series_id: int, first_id: int, last_id: int) -> Iterator[polars.DataFrame]:
        """Pages of ``PAGE`` ids each, read by other processes."""
        archive = _Archived(self._archive)
        ranges = [(at, min(at + PAGE - 1, last_id)) for at in range(first_id, last_id + 1, PAGE)]
        for (at, through), page in zip(ranges, read_ahead(self._path, series_id, ranges), strict=True):
            hot = _frame(page)
            while at <= through:
                frame, following = archive.with_archived(hot, page.files, at, through)
                yield frame
                hot, at = hot.filter(hot["agg_id"] >= following), following

    def _ids(self, series_id: int, from_ms: int, to_ms: int) -> tuple[int, int, int]:
        """The first and last id of the seconds that overlap the range, and how many trades they have; an empty range of
        ids where there is none."""
        rows = self._rows(
            "SELECT min(first_id), max(last_id), sum(trades) FROM bars"
            " WHERE series_id=? AND open_time_ms>=? AND open_time_ms<?",
            series_id, bar_open(from_ms, SECOND_MS), to_ms,
        )  # fmt: skip
        return (0, -1, 0) if rows[0][0] is None else rows[0]

    def _series(self, market: str, symbol: str) -> int:
        rows = self._rows("SELECT series_id FROM series WHERE market=? AND symbol=?", market, symbol)
        return int(rows[0][0]) if rows else -1

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with readable(self._path):
            return self._db.execute(query, values).fetchall()


class _Archived:
    """Archived ticks of one symbol while its pages are read in the order of ids: of each file one block at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blocks: dict[str, polars.DataFrame] = {}

    def with_archived(
        self, hot: polars.DataFrame, files: list[tuple[str, int]], first_id: int, through: int
    ) -> tuple[polars.DataFrame, int]:
        """Hot and archived ticks from ``first_id`` on, each id once, and the id that follows those returned: it is past
        ``through`` unless there are more archived ones than fit in a page."""
        frames, rows = [hot], len(hot)
        for file, file_first in files:
            if file_first > through:
                break
            if rows >= PAGE and file_first > first_id:  # many small files: this one begins the next page
                through = min(through, file_first - 1)
                break
            frame, through = self._rows(file, first_id, through)
            frames.append(frame)
            rows += len(frame)
        self._blocks = {file: self._blocks[file] for file, _ in files if file in self._blocks}
        return _merged(frames, through), through + 1

    def _rows(self, file: str, first_id: int, last_id: int) -> tuple[polars.DataFrame, int]:
        """At most ``PAGE`` plausible ticks of a file, and the id through which they are all."""
        import polars

        is_wanted = polars.col("agg_id").is_between(first_id, last_id) & ~polars.col("future")
        block = self._blocks.get(file)
        if block is not None:
            found = block.filter(is_wanted).select(_TICK).head(PAGE)
        if block is None or (len(found) < PAGE and _end_of(block) < last_id):
            block = self._blocks[file] = read_rows(self._folder, file, first_id, _LAST_ID, BLOCK)
            found = block.filter(is_wanted).select(_TICK).head(PAGE)
        through = min(last_id, _end_of(block))
        return found, min(through, int(found["agg_id"][-1])) if len(found) == PAGE else through


def _end_of(block: polars.DataFrame) -> int:
    """The id through which a block has every tick of its file."""
    return int(block["agg_id"][-1]) if len(block) == BLOCK else _LAST_ID


def _frame(page: HotPage) -> polars.DataFrame:
    import polars

    ids, price, quantity, times, makers = (
        np.frombuffer(column, dtype=kind) for column, kind in zip(page.columns, _TICK_TYPES, strict=True)
    )
    flags = polars.Series(makers)
    columns = (ids, price, quantity, times, flags.set(flags < 0, None).cast(polars.Boolean))
    return polars.DataFrame(dict(zip(_TICK, columns, strict=True)))


def _merged(frames: list[polars.DataFrame], through: int) -> polars.DataFrame:
    """One frame in id order. A tick that is archived and not deleted yet comes twice."""
    import polars

    some = [frame for frame in frames if len(frame)]
    if len(some) == 1:
        return some[0].filter(polars.col("agg_id") <= through)
    both = polars.concat(some or frames).filter(polars.col("agg_id") <= through)
    return both.unique("agg_id", keep="first").sort("agg_id")
