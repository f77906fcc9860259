"""Results of backtests and searches in ``analysis.db``."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import StoreError
from engine.store.backtests import BacktestSummary
from engine.store.sqlite.files import readable

BACKTESTS = """
CREATE TABLE backtests (
    backtest_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,         -- the machine's clock when it was done
    market TEXT NOT NULL,
    y TEXT NOT NULL,
    x TEXT NOT NULL,
    interval_ms INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    data TEXT NOT NULL,             -- fingerprint of the bars
    code TEXT NOT NULL,             -- fingerprint of the sources
    cells INTEGER NOT NULL,
    trial INTEGER NOT NULL,         -- its number on these data
    net REAL NOT NULL,              -- of the best cell, quote currency
    trades INTEGER NOT NULL,
    result TEXT NOT NULL            -- JSON: the request and all that was found
) STRICT;
"""

_FIELDS = ("market", "y", "x", "interval_ms", "from_ms", "to_ms", "data", "code", "cells", "trial", "net", "trades")
_SUMMARY = f"backtest_id, at_ms, {', '.join(_FIELDS)}"


class SqliteBacktests:
    """The table ``backtests``. Each call uses its own connection, so any thread may call."""

    def __init__(self, path: Path) -> None:
        """``path`` of an ``analysis.db`` migrated by ``SqliteAnalysis``."""
        self._path = path

    def add(self, at_ms: int, result: dict[str, Any]) -> BacktestSummary:
        """See BacktestStore; NaN is kept as null. Raises StoreError."""
        values = tuple(result[name] for name in _FIELDS)
        query = f"INSERT INTO backtests (at_ms, {', '.join(_FIELDS)}, result) VALUES ({','.join('?' * 14)})"
        try:
            with closing(self._connect()) as db:
                backtest_id = db.execute(query, (at_ms, *values, msgspec.json.encode(result).decode())).lastrowid
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be written: {error}") from error
        assert backtest_id is not None
        return BacktestSummary(backtest_id, at_ms, *values)

    def newest(self, limit: int = 50) -> list[BacktestSummary]:
        """The newest first."""
        with readable(self._path), closing(self._connect()) as db:
            rows = db.execute(f"SELECT {_SUMMARY} FROM backtests ORDER BY backtest_id DESC LIMIT ?", (limit,))
            return [BacktestSummary(*row) for row in rows]

    def result(self, backtest_id: int) -> dict[str, Any] | None:
        """The result with this number."""
        if not 0 < backtest_id < 2**63:
            return None
        with readable(self._path), closing(self._connect()) as db:
            row = db.execute("SELECT result FROM backtests WHERE backtest_id=?", (backtest_id,)).fetchone()
        found: dict[str, Any] | None = None if row is None else msgspec.json.decode(row[0])
        return found

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=10)
