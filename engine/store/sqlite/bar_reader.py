"""One-second bars as columns, for reads of a whole market: scans, not the live path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.market.funding import Funding
from engine.market.sourced import SourcedBar
from engine.store.interface import BarColumns, SymbolExtent
from engine.store.sourced import SourcedExtent
from engine.store.sqlite import sourced
from engine.store.sqlite.files import connect_reader, readable


class SqliteBarReader:
    """One read-only connection; each read is one statement. Not for use by two threads at once."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError while the file does not exist."""
        self._path = path
        self._db = connect_reader(path)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def watermark_ms(self, market: str) -> int | None:
        """The market's clock: its latest plausible trade time; None without trades."""
        rows = self._rows("SELECT watermark_ms FROM markets WHERE market=?", (market,))
        return int(rows[0][0]) if rows else None

    def symbols(self, market: str) -> list[SymbolExtent]:
        """Every symbol of a market that has a bar."""
        rows = self._rows(
            "SELECT symbol, (SELECT min(open_time_ms) FROM bars AS b WHERE b.series_id=s.series_id) AS first_ms,"
            " EXISTS (SELECT 1 FROM holes AS h WHERE h.series_id=s.series_id AND status IN ('open', 'unfetchable'))"
            " FROM series AS s WHERE market=? AND first_ms IS NOT NULL ORDER BY symbol",
            (market,),
        )
        return [SymbolExtent(symbol, first_ms, bool(has_gap)) for symbol, first_ms, has_gap in rows]

    def read(self, market: str, symbol: str, from_ms: int, to_ms: int) -> BarColumns:
        """The seconds that open in ``[from_ms, to_ms)``."""
        rows = self._rows(
            "SELECT open_time_ms, low, high, close, bid, ask, price_basis = 'quotes', quote_volume FROM bars"
            " WHERE series_id=(SELECT series_id FROM series WHERE market=? AND symbol=?)"
            " AND open_time_ms>=? AND open_time_ms<? ORDER BY open_time_ms",
            (market, symbol, from_ms, to_ms),
        )
        columns = np.array(rows, dtype=np.float64).reshape(-1, 8).T.copy()
        low, high, close, bid, ask, is_sided, quote_volume = columns[1:]
        times = columns[0].astype(np.int64)  # ms since 1970 are integers far below 2^53
        return BarColumns(times, low, high, close, bid, ask, is_sided == 1.0, quote_volume)

    def sourced_extents(self) -> list[SourcedExtent]:
        """See BarReader."""
        with readable(self._path):
            return sourced.read_extents(self._db)

    def sourced_bars(self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int) -> list[SourcedBar]:
        """See BarReader."""
        with readable(self._path):
            return sourced.read_bars(self._db, market, symbol, width_ms, (from_ms, to_ms))

    def funding(self, market: str, symbol: str, kind: str, from_ms: int, to_ms: int) -> list[Funding]:
        """See BarReader."""
        with readable(self._path):
            return sourced.read_funding(self._db, market, symbol, kind, from_ms, to_ms)

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        with readable(self._path):
            return self._db.execute(query, values).fetchall()
