"""Locked positions in the store: a part of ``engine.store.interface``."""

from __future__ import annotations

from typing import Protocol

from engine.market.position_lock import PositionLock


class LockStore(Protocol):
    """The positions that the user holds. Every method raises StoreError on failure."""

    def locks(self) -> list[PositionLock]:
        """Every locked position; of a pair at most one."""

    def lock(self, lock: PositionLock) -> None:
        """Keep a locked position, instead of the pair's earlier one."""

    def unlock(self, market: str, y: str, x: str) -> None:
        """Remove the locked position of a pair, if any."""
