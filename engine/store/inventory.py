"""What is stored, how much of it, and what is missing: a part of ``engine.store.interface``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

GAP_STATES = ("open", "filled", "absent", "unfetchable")


class StoredFile(NamedTuple):
    """A file of the store: its name, and its size now."""

    name: str
    bytes: int


class SymbolStock(NamedTuple):
    """The trades of one symbol: from the open of its first bar to the end of its last (None without a plausible one).

    ``archived_bytes``: of its archive files that are in place; ``lost_files``: of those that are not.
    """

    market: str
    symbol: str
    first_ms: int | None
    end_ms: int | None
    archived_ticks: int
    archived_files: int
    archived_bytes: int
    lost_files: int


class SourcedStock(NamedTuple):
    """Bars of one width that were not made from trades."""

    market: str
    symbol: str
    width_ms: int
    first_ms: int
    end_ms: int
    bars: int


class FundingStock(NamedTuple):
    """Funding readings of one symbol and kind."""

    market: str
    symbol: str
    kind: str
    first_ms: int
    last_ms: int
    readings: int


class RowCount(NamedTuple):
    """Rows of one symbol: trades in the store, not in the archive, and one-second bars."""

    market: str
    symbol: str
    hot_ticks: int
    seconds: int


class GapCount(NamedTuple):
    """So many gaps of one symbol are in this state, with so many ids: of gaps that are not closed the missing ones."""

    market: str
    symbol: str
    status: str
    gaps: int
    ids: int


class StoredGap(NamedTuple):
    """One gap. ``status``: one of GAP_STATES; ``missing``: ids that are not stored; ``reason``: why they cannot be."""

    gap_id: int
    market: str
    symbol: str
    first_id: int
    last_id: int
    missing: int
    status: str
    reason: str | None
    opened_ms: int
    closed_ms: int | None


class GapFilter(NamedTuple):
    """Conditions on gaps; an empty one passes all."""

    market: str = ""
    symbol: str = ""
    status: str = ""


class InventoryReader(Protocol):
    """What is stored. Not for use by two threads at once; every method raises StoreError."""

    def close(self) -> None:
        """Release the store."""

    def files(self) -> list[StoredFile]:
        """The files that are written all the time, with their logs."""

    def symbols(self) -> list[SymbolStock]:
        """Every symbol with a stored trade."""

    def sourced(self) -> list[SourcedStock]:
        """Every symbol and width with bars not made from trades."""

    def funding(self) -> list[FundingStock]:
        """Every symbol and kind with funding readings."""

    def row_counts(self) -> Iterator[RowCount]:
        """Rows by symbol, one symbol at a time: each is counted in a read of its own, in proportion to its rows."""

    def gap_counts(self) -> list[GapCount]:
        """Gaps by symbol and state."""

    def gaps(self, wanted: GapFilter, before: int | None, limit: int) -> list[StoredGap]:
        """The gaps that pass the filter, the newest first; ``before``: only those with a smaller ``gap_id``."""
