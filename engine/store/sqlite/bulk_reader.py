"""Bulk reads of ``ticks.db`` and its archive, a page at a time: see ``engine.store.bulk``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.market.bar_columns import Columns
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.sourced import SourcedBar
from engine.store.archive.parquet import archive_of, frame_of, read_page
from engine.store.bulk import SeriesSpan
from engine.store.sqlite import sourced
from engine.store.sqlite.files import connect_reader, readable
from engine.store.sqlite.row_mapping import TICK_COLUMNS

if TYPE_CHECKING:
    import polars

PAGE = 20_000  # ticks in memory at a time; no lock is held between two pages

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
        at, last_id = self._ids(series_id, from_ms, to_ms)
        is_wanted = (polars.col("trade_time_ms") >= from_ms) & (polars.col("trade_time_ms") < to_ms)
        while at <= last_id:
            frame, through = self._page(series_id, at, last_id)
            found = frame.filter(is_wanted & ~polars.col("future")).drop("seq", "future")
            if len(found):
                yield found
            at = through + 1

    def _page(self, series_id: int, first_id: int, last_id: int) -> tuple[polars.DataFrame, int]:
        """The stored ticks from ``first_id`` through the returned id, in id order.

        Hot ticks and the list of files are read in one transaction, in which every tick is in one of the two; a tick
        that moves later is in this page already, or in a file listed with the next one.
        """
        hot, listed = self._hot(series_id, first_id, last_id)
        through = hot[-1][1] if len(hot) == PAGE else last_id
        frames, rows = [frame_of(hot)], len(hot)
        for file, file_first in listed:
            if file_first > through:
                break
            if rows >= PAGE and file_first > first_id:  # many small files: this one begins the next page
                through = min(through, file_first - 1)
                break
            frame = read_page(self._archive, file, first_id, through, PAGE)
            if len(frame) == PAGE:
                through = min(through, int(frame["agg_id"][-1]))
            frames.append(frame)
            rows += len(frame)
        return _merged(frames, through), through

    def _hot(self, series_id: int, first_id: int, last_id: int) -> tuple[list[Any], list[Any]]:
        with readable(self._path):
            self._db.execute("BEGIN")
            try:
                hot = self._db.execute(
                    f"SELECT seq, {TICK_COLUMNS} FROM ticks WHERE series_id=? AND agg_id BETWEEN ? AND ?"
                    " ORDER BY agg_id LIMIT ?",
                    (series_id, first_id, last_id, PAGE),
                ).fetchall()
                listed = self._db.execute(
                    "SELECT file, first_id FROM archive WHERE series_id=? AND state<>'begun' AND last_id>=?"
                    " AND first_id<=? ORDER BY first_id",
                    (series_id, first_id, last_id),
                ).fetchall()
            finally:
                if self._db.in_transaction:
                    self._db.execute("COMMIT")
        return hot, listed

    def _ids(self, series_id: int, from_ms: int, to_ms: int) -> tuple[int, int]:
        """The first and last id of the seconds that overlap the range; an empty range of ids where there is none."""
        rows = self._rows(
            "SELECT min(first_id), max(last_id) FROM bars WHERE series_id=? AND open_time_ms>=? AND open_time_ms<?",
            series_id, bar_open(from_ms, SECOND_MS), to_ms,
        )  # fmt: skip
        first_id, last_id = rows[0]
        return (0, -1) if first_id is None else (first_id, last_id)

    def _series(self, market: str, symbol: str) -> int:
        rows = self._rows("SELECT series_id FROM series WHERE market=? AND symbol=?", market, symbol)
        return int(rows[0][0]) if rows else -1

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with readable(self._path):
            return self._db.execute(query, values).fetchall()


def _merged(frames: list[polars.DataFrame], through: int) -> polars.DataFrame:
    """One frame in id order. A tick that is archived and not deleted yet comes twice."""
    import polars

    some = [frame for frame in frames if len(frame)]
    if len(some) == 1:
        return some[0].filter(polars.col("agg_id") <= through)
    both = polars.concat(some or frames).filter(polars.col("agg_id") <= through)
    return both.unique("agg_id", keep="first").sort("agg_id")
