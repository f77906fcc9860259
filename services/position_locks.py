"""Positions that the user holds: locked on request, kept in the store, shown beside the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.backtest.locked_position import LockedPosition, lock_of, locked_position
from engine.market.position_lock import PositionLock
from engine.pairs.run import PairRun
from engine.store.interface import AnalysisStore
from live.monitor import Monitor

_Pair = tuple[str, str, str]


class PositionLockService:
    """The locks of one monitor's pairs. Any thread may call."""

    def __init__(self, monitor: Monitor, require_owner: Callable[[], None]) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only. Raises StoreError."""
        self._monitor = monitor
        self._require_owner = require_owner
        with monitor.lock:
            self._locks = {_pair_of(lock): lock for lock in monitor.analysis.locks()}

    def lock(self, watch_id: int) -> PositionLock | None:
        """Freeze the line and the coins of a watched pair as of its last bar; None while it has no hedge. A lock that
        is there stays. Raises NotAllowed, StoreError."""
        self._require_owner()
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            run = self._monitor.followed(watch) if watch else None
            if run is None:
                return None
            pair = (run.run.market, run.run.y, run.run.x)
            lock = self._locks.get(pair) or lock_of(run)
            if lock is not None:
                self.restore(lock)
            return lock

    def unlock(self, watch_id: int) -> PositionLock | None:
        """Remove the lock of a watched pair; returns it, so that it can be restored. Raises NotAllowed, StoreError."""
        self._require_owner()
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            lock = self._locks.get((watch.entry.market, watch.entry.y, watch.entry.x)) if watch else None
            if lock is not None:
                self.remove(lock)
            return lock

    def restore(self, lock: PositionLock) -> None:
        """Keep a lock. Raises NotAllowed, StoreError."""
        self._require_owner()
        with self._changing() as analysis:
            analysis.lock(lock)
            analysis.keep()
            self._locks[_pair_of(lock)] = lock

    def remove(self, lock: PositionLock) -> None:
        """Remove the lock of its pair. Raises NotAllowed, StoreError."""
        self._require_owner()
        with self._changing() as analysis:
            analysis.unlock(*_pair_of(lock))
            analysis.keep()
            self._locks.pop(_pair_of(lock), None)

    def position(self, run: PairRun) -> LockedPosition | None:
        """The lock of a run's pair at its last bar; None without one. The caller holds the monitor's lock."""
        lock = self._locks.get((run.run.market, run.run.y, run.run.x))
        return locked_position(lock, run.model) if lock else None

    @contextmanager
    def _changing(self) -> Iterator[AnalysisStore]:
        with self._monitor.lock:
            try:
                yield self._monitor.analysis
            except Exception:
                self._monitor.analysis.roll_back()
                raise
            self._monitor.version += 1


def _pair_of(lock: PositionLock) -> _Pair:
    return lock.market, lock.y, lock.x
