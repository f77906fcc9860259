"""Results of universe scans in ``analysis.db``, with the request and the number of tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.store.scans import ScanSummary
from engine.store.sqlite.result_table import ResultTable

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

_FIELDS = ("market", "interval_ms", "symbols", "tests", "found", "confirmed")


class SqliteScans:
    """Implements ScanStore: the table ``scans``."""

    def __init__(self, path: Path) -> None:
        """``path`` of an ``analysis.db`` migrated by ``SqliteAnalysis``."""
        self._table = ResultTable(path, "scans", "scan_id", _FIELDS)

    def add(self, at_ms: int, result: dict[str, Any]) -> ScanSummary:
        """See ScanStore."""
        counts = len(result["symbols"]), result["tests"], result["found"], result["confirmed"]
        values = (result["market"], result["interval_ms"], *counts)
        return ScanSummary(self._table.add(at_ms, values, result), at_ms, *values)

    def newest(self, limit: int = 50) -> list[ScanSummary]:
        """See ScanStore."""
        return [ScanSummary(*row) for row in self._table.newest(limit)]

    def result(self, scan_id: int) -> dict[str, Any] | None:
        """See ScanStore."""
        return self._table.result(scan_id)
