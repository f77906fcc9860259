"""What ``ticks.db``, ``analysis.db`` and the archive hold: see ``engine.store.inventory``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.store.archive.parquet import archive_of
from engine.store.inventory import (
    FundingStock,
    GapCount,
    GapFilter,
    RowCount,
    SourcedStock,
    StoredFile,
    StoredGap,
    SymbolStock,
)
from engine.store.sqlite import sourced
from engine.store.sqlite.files import connect_reader, readable, wal_of

_MISSING = "(SELECT coalesce(sum(value ->> 1 - value ->> 0 + 1), 0) FROM json_each(h.missing))"
_IDS = f"CASE WHEN h.closed_ms IS NULL THEN {_MISSING} ELSE h.last_id - h.first_id + 1 END"


class SqliteInventoryReader:
    """One read-only connection. Not for use by two threads at once."""

    def __init__(self, ticks_db: Path, analysis_db: Path) -> None:
        """Raises StoreError while there is no ``ticks.db``."""
        self._path, self._analysis = ticks_db, analysis_db
        self._archive = archive_of(ticks_db)
        self._db = connect_reader(ticks_db)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def files(self) -> list[StoredFile]:
        """See InventoryReader."""
        paths = [part for path in (self._path, self._analysis) for part in (path, wal_of(path))]
        sizes = [(path.name, _size(path)) for path in paths]
        return [StoredFile(name, size) for name, size in sizes if size is not None]

    def symbols(self) -> list[SymbolStock]:
        """See InventoryReader."""
        archived: dict[int, list[int]] = {}
        for series_id, file, ticks in self._rows("SELECT series_id, file, ticks FROM archive WHERE state<>'begun'"):
            size = _size(self._archive / file)
            of = archived.setdefault(series_id, [0, 0, 0, 0])
            for place, more in enumerate((ticks, 1, size or 0, size is None)):
                of[place] += more
        rows = self._rows(
            "SELECT series_id, market, symbol,"
            " (SELECT min(open_time_ms) FROM bars AS b WHERE b.series_id=s.series_id),"
            " (SELECT max(open_time_ms) FROM bars AS b WHERE b.series_id=s.series_id) + 1000"
            " FROM series AS s ORDER BY market, symbol"
        )
        return [SymbolStock(*row, *archived.get(series_id, (0, 0, 0, 0))) for series_id, *row in rows]

    def sourced(self) -> list[SourcedStock]:
        """See InventoryReader."""
        with readable(self._path):
            extents = sourced.read_extents(self._db)
        counts = {
            tuple(key): count
            for *key, count in self._rows(
                "SELECT market, symbol, width_ms, (SELECT count(*) FROM sourced_bars AS b"
                " WHERE b.sourced_id=s.sourced_id) FROM sourced_series AS s"
            )
        }
        return [SourcedStock(*extent, counts[extent[:3]]) for extent in extents]

    def funding(self) -> list[FundingStock]:
        """See InventoryReader."""
        query = (
            "SELECT market, symbol, kind, min(time_ms), max(time_ms), count(*) FROM funding GROUP BY 1, 2, 3"
            " ORDER BY 1, 2, 3"
        )
        return [FundingStock(*row) for row in self._rows(query)]

    def row_counts(self) -> Iterator[RowCount]:
        """See InventoryReader."""
        for series_id, market, symbol in self._rows("SELECT series_id, market, symbol FROM series ORDER BY 2, 3"):
            ((ticks,),) = self._rows("SELECT count(*) FROM ticks WHERE series_id=?", series_id)
            ((seconds,),) = self._rows("SELECT count(*) FROM bars WHERE series_id=?", series_id)
            yield RowCount(market, symbol, ticks, seconds)

    def gap_counts(self) -> list[GapCount]:
        """See InventoryReader."""
        query = (
            f"SELECT s.market, s.symbol, h.status, count(*), sum({_IDS}) FROM holes AS h JOIN series AS s"
            " USING (series_id) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        return [GapCount(*row) for row in self._rows(query)]

    def gaps(self, wanted: GapFilter, before: int | None, limit: int) -> list[StoredGap]:
        """See InventoryReader."""
        conditions, values = "h.hole_id < ?", [2**62 if before is None else before]
        named = (("s.market", wanted.market), ("s.symbol", wanted.symbol), ("h.status", wanted.status))
        given = [(column, text) for column, text in named if text]
        conditions += "".join(f" AND {column} = ?" for column, _ in given)
        rows = self._rows(
            f"SELECT h.hole_id, s.market, s.symbol, h.first_id, h.last_id, {_MISSING}, h.status, h.reason,"
            " h.opened_ms, h.closed_ms FROM holes AS h JOIN series AS s USING (series_id)"
            f" WHERE {conditions} ORDER BY h.hole_id DESC LIMIT ?",
            *values, *(text for _, text in given), limit,
        )  # fmt: skip
        return [StoredGap(*row) for row in rows]

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with readable(self._path):
            return self._db.execute(query, values).fetchall()


def _size(path: Path) -> int | None:
    """The size of a file; None where it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
