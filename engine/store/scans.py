"""Finished scans in the store: a part of ``engine.store.interface``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """One scan in the list of earlier ones; ``confirmed``: the number of ``found`` pairs that passed the hold-out."""

    scan_id: int
    at_ms: int
    market: str
    interval_ms: int
    symbols: int
    tests: int
    found: int
    confirmed: int


class ScanStore(Protocol):
    """Results of scans. Any thread may call."""

    def add(self, at_ms: int, result: dict[str, Any]) -> ScanSummary:
        """Keep a result: plain JSON values with ``market``, ``interval_ms``, ``symbols``, ``tests``, ``found`` and
        ``confirmed``; NaN is kept as null."""

    def newest(self, limit: int = 50) -> list[ScanSummary]:
        """The newest first."""

    def result(self, scan_id: int) -> dict[str, Any] | None:
        """The result with this number."""
