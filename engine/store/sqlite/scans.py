"""Results of universe scans in ``analysis.db``, with the request and the number of tests."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import StoreError
from engine.store.scans import ScanSummary
from engine.store.sqlite.files import readable

SCANS = """
CREATE TABLE scans (
    scan_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,         -- the machine's clock when it was done
    market TEXT NOT NULL,
    interval_ms INTEGER NOT NULL,
    symbols INTEGER NOT NULL,       -- that passed the filters
    tests INTEGER NOT NULL,
    found INTEGER NOT NULL,         -- pairs below the share of false finds that was asked for
    confirmed INTEGER NOT NULL,     -- of these, how many survived the hold-out
    result TEXT NOT NULL            -- JSON: the request, the pairs, what was left out, correlations
) STRICT;
"""

_SUMMARY = "scan_id, at_ms, market, interval_ms, symbols, tests, found, confirmed"


class SqliteScans:
    """The table ``scans``. Each call uses its own connection, so any thread may call."""

    def __init__(self, path: Path) -> None:
        """``path`` of an ``analysis.db`` migrated by ``SqliteAnalysis``."""
        self._path = path

    def add(self, at_ms: int, result: dict[str, Any]) -> ScanSummary:
        """Keep a result: plain JSON values with ``market``, ``interval_ms``, ``symbols``, ``tests``, ``found`` and
        ``confirmed``; NaN is kept as null. Raises StoreError."""
        counted = len(result["symbols"]), result["tests"], result["found"], result["confirmed"]
        values = (at_ms, result["market"], result["interval_ms"], *counted)
        try:
            with closing(self._connect()) as db:
                query = f"INSERT INTO scans ({_SUMMARY.removeprefix('scan_id, ')}, result) VALUES (?,?,?,?,?,?,?,?)"
                scan_id = db.execute(query, (*values, msgspec.json.encode(result).decode())).lastrowid
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be written: {error}") from error
        assert scan_id is not None
        return ScanSummary(scan_id, *values)

    def newest(self, limit: int = 50) -> list[ScanSummary]:
        """The newest first."""
        with readable(self._path), closing(self._connect()) as db:
            rows = db.execute(f"SELECT {_SUMMARY} FROM scans ORDER BY scan_id DESC LIMIT ?", (limit,))
            return [ScanSummary(*row) for row in rows]

    def result(self, scan_id: int) -> dict[str, Any] | None:
        """The result with this number."""
        if not 0 < scan_id < 2**63:
            return None
        with readable(self._path), closing(self._connect()) as db:
            row = db.execute("SELECT result FROM scans WHERE scan_id=?", (scan_id,)).fetchone()
        found: dict[str, Any] | None = None if row is None else msgspec.json.decode(row[0])
        return found

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=10)
