"""How far a monitor is, whether it works, and its changes: all or nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.errors import StoreError
from engine.store.interface import Cursor


class MonitorStatus:
    """``problem``: why the last step failed. ``version`` grows whenever displayed data may have changed.
    ``lock`` guards every public method against the thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.problem: str | None = None
        self.version = 0
        self.cursor = Cursor("")  # what has been read, with the pipelines of the last save
        self.last_seq = 0

    def progress(self) -> tuple[int, int]:
        """(ticks read, ticks stored)."""
        return self.cursor.seq, self.last_seq

    def fail(self, problem: str) -> None:
        """Record why the monitor cannot continue."""
        self.problem = problem
        self.version += 1

    def recovered(self) -> None:
        """A step has succeeded."""
        if self.problem is not None:
            self.problem = None
            self.version += 1

    @contextmanager
    def _one_change(self) -> Iterator[None]:
        """Stores all changes made inside, or none."""
        with self.lock:
            try:
                yield
            except Exception:
                with suppress(StoreError):  # a second one says less; the next step reads the state again
                    self._forget()
                raise

    def _forget(self) -> None:
        """Drop the in-memory state after a failure."""
        raise NotImplementedError
