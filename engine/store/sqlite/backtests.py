"""Results of backtests and searches in ``analysis.db``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.store.backtests import BacktestSummary
from engine.store.sqlite.result_table import ResultTable

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


class SqliteBacktests:
    """Implements BacktestStore: the table ``backtests``."""

    def __init__(self, path: Path) -> None:
        """``path`` of an ``analysis.db`` migrated by ``SqliteAnalysis``."""
        self._table = ResultTable(path, "backtests", "backtest_id", _FIELDS)

    def add(self, at_ms: int, result: dict[str, Any]) -> BacktestSummary:
        """See BacktestStore."""
        values = tuple(result[name] for name in _FIELDS)
        return BacktestSummary(self._table.add(at_ms, values, result), at_ms, *values)

    def newest(self, limit: int = 50) -> list[BacktestSummary]:
        """See BacktestStore."""
        return [BacktestSummary(*row) for row in self._table.newest(limit)]

    def result(self, backtest_id: int) -> dict[str, Any] | None:
        """See BacktestStore."""
        return self._table.result(backtest_id)
