"""An aiosqlite connection on whose thread whole pieces of work run, not only single statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import aiosqlite

T = TypeVar("T")


class StoreConnection(aiosqlite.Connection):
    """Make one with ``open``."""

    @classmethod
    async def open(cls, connector: Callable[[], sqlite3.Connection]) -> StoreConnection:
        """Connect on the connection's own thread. Raises what ``connector`` raises."""
        connection = cls(connector, iter_chunk_size=64)
        connection._thread.daemon = True  # a process that fails must end, whatever it could not close
        return cast(StoreConnection, await connection)

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """``work(connection, *arguments)`` on the thread: one hand-over for a whole transaction.

        A statement at a time, the hand-overs of a small commit would cost more than its disk.
        """
        execute: Callable[..., Awaitable[T]] = self._execute
        return await execute(work, self._conn, *arguments)
