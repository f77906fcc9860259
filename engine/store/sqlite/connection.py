"""An aiosqlite connection that runs whole functions on its thread, not only single statements."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import aiosqlite

T = TypeVar("T")


class StoreConnection(aiosqlite.Connection):
    """Create one with ``open``."""

    @classmethod
    async def open(cls, connector: Callable[[], sqlite3.Connection]) -> StoreConnection:
        """Connect on the connection's own thread. Raises the errors of ``connector``."""
        connection = cls(connector, iter_chunk_size=64)
        connection._thread.daemon = True  # a failed process must be able to exit with open connections
        return cast(StoreConnection, await connection)

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run ``work(connection, *arguments)`` on the thread: one thread switch per transaction.

        With one per statement, the switches of a small commit would cost more than its disk write.
        """
        execute: Callable[..., Awaitable[T]] = self._execute
        return await execute(work, self._conn, *arguments)


def in_transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run ``work(db)`` and commit it. After an error the transaction is open: see ``roll_back``."""
    db.execute("BEGIN IMMEDIATE")
    done = work(db)
    db.execute("COMMIT")
    return done


def roll_back(db: sqlite3.Connection) -> None:
    """Undo an open transaction, if there is one."""
    if db.in_transaction:
        with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back on failure
            db.execute("ROLLBACK")
