"""Stored backtests and searches: records and protocol, part of ``engine.store.interface``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class BacktestSummary:
    """One backtest, or a search of several ``cells``, in the list of earlier ones.

    ``data``: the fingerprint of its bars, which open in ``[from_ms, to_ms)``; ``code``: of the sources; ``trial``: its
    number on these data. ``net`` in quote currency and ``trades`` are those of the best cell.
    """

    backtest_id: int
    at_ms: int
    market: str
    y: str
    x: str
    interval_ms: int
    from_ms: int
    to_ms: int
    data: str
    code: str
    cells: int
    trial: int
    net: float
    trades: int


class BacktestStore(Protocol):
    """Results of backtests. Any thread may call."""

    def add(self, at_ms: int, result: dict[str, Any]) -> BacktestSummary:
        """Keep a result: plain JSON values, with the other fields of BacktestSummary among them."""

    def newest(self, limit: int = 50) -> list[BacktestSummary]:
        """The newest first."""

    def result(self, backtest_id: int) -> dict[str, Any] | None:
        """The result with this number."""
