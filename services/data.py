"""What is stored: ranges, rows and sizes by symbol, gaps a page at a time, and the settings in force."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import SettingsError, StoreError, StoreMissing
from engine.store.interface import Backend
from engine.store.inventory import (
    GAP_STATES,
    FundingStock,
    GapCount,
    GapFilter,
    RowCount,
    SourcedStock,
    StoredFile,
    StoredGap,
    SymbolStock,
)

GAP_PAGE = 50


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as text, and where it comes from: ``variable`` is its name in the environment; secrets are hidden."""

    name: str
    variable: str
    value: str
    default: str
    is_from_environment: bool
    doc: str


@dataclass(frozen=True, slots=True)
class Stock:
    """What is stored now. ``has_store``: whether there is a store of trades at all; ``folder``: where it is."""

    folder: str
    has_store: bool = True
    files: tuple[StoredFile, ...] = ()
    symbols: tuple[SymbolStock, ...] = ()
    sourced: tuple[SourcedStock, ...] = ()
    funding: tuple[FundingStock, ...] = ()
    gaps: tuple[GapCount, ...] = ()

    @property
    def archive(self) -> tuple[int, int, int]:
        """Files, trades and bytes of the archive."""
        return (
            sum(each.archived_files for each in self.symbols),
            sum(each.archived_ticks for each in self.symbols),
            sum(each.archived_bytes for each in self.symbols),
        )


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows by (market, symbol), when they were counted, and how long that took. ``is_counting``: another count runs;
    ``problem``: why the last one ended early."""

    rows: dict[tuple[str, str], RowCount]
    at_ms: int | None = None
    took_s: float = 0.0
    is_counting: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class GapPage:
    """A page of gaps, the newest first. ``older``: where the next page begins; None on the last one."""

    rows: tuple[StoredGap, ...]
    older: int | None


class DataService:
    """Reads of one data folder. Any thread may call; every method raises StoreError."""

    def __init__(self, backend: Backend, data_dir: Path, settings: Sequence[Setting]) -> None:
        self._backend = backend
        self._folder = str(data_dir.resolve())
        self.settings = tuple(settings)
        self._lock = threading.Lock()
        self._counts = RowCounts({})

    def stock(self) -> Stock:
        """What is stored now, without counts of rows that would have to be read for it."""
        try:
            reader = self._backend.inventory_reader()
        except StoreMissing:
            return Stock(self._folder, has_store=False)
        try:
            return Stock(
                self._folder, True, tuple(reader.files()), tuple(reader.symbols()), tuple(reader.sourced()),
                tuple(reader.funding()), tuple(reader.gap_counts()),
            )  # fmt: skip
        finally:
            reader.close()

    def gaps(self, wanted: GapFilter, before: int | None = None) -> GapPage:
        """The next gaps that pass the filter."""
        reader = self._backend.inventory_reader()
        try:
            found = reader.gaps(wanted, before, GAP_PAGE + 1)
        finally:
            reader.close()
        rows = tuple(found[:GAP_PAGE])
        return GapPage(rows, rows[-1].gap_id if len(found) > GAP_PAGE else None)

    def row_counts(self) -> RowCounts:
        """The newest count, or the one that is being made."""
        return self._counts

    def count_rows(self) -> None:
        """Begin to count the rows of every symbol, unless that is being done: minutes for a store of many gigabytes."""
        with self._lock:
            if self._counts.is_counting:
                return
            self._counts = replace(self._counts, is_counting=True, problem="")
        threading.Thread(target=self._count, name="count rows", daemon=True).start()

    def _count(self) -> None:
        began_s, rows, problem = time.monotonic(), {}, ""
        try:
            reader = self._backend.inventory_reader()
            try:
                for each in reader.row_counts():
                    rows[each.market, each.symbol] = each
                    self._counts = replace(self._counts, rows=self._counts.rows | rows)
            finally:
                reader.close()
        except StoreError as error:
            problem = str(error)
        took_s = time.monotonic() - began_s
        self._counts = RowCounts(rows, time.time_ns() // 1_000_000, took_s, False, problem)


def read_gap_filter(market: str, symbol: str, status: str) -> GapFilter:
    """A filter from text, empty for any. Raises SettingsError."""
    if status not in ("", *GAP_STATES):
        raise SettingsError(f"status is {status[:20]!r}; expected {', '.join(GAP_STATES)} or nothing")
    return GapFilter(market, symbol, status)
