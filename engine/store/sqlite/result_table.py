"""A table of finished results in ``analysis.db``: columns that sum one up, and the whole of it as JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import StoreError
from engine.store.sqlite.files import readable


class ResultTable:
    """Rows of ``number`` (the primary key), ``at_ms``, the columns of a summary, and ``result``. Each call uses its own
    connection, so any thread may call."""

    def __init__(self, path: Path, table: str, number: str, columns: Sequence[str]) -> None:
        """``path`` of an ``analysis.db`` migrated by ``SqliteAnalysis``. Names are the program's own, never a
        user's."""
        self._path = path
        self._table = table
        self._number = number
        self._columns = ("at_ms", *columns)

    def add(self, at_ms: int, summary: Sequence[str | int | float], result: dict[str, Any]) -> int:
        """Keep a result of plain JSON values, NaN as null; returns its number. Raises StoreError."""
        marks = ",".join("?" * (len(self._columns) + 1))
        query = f"INSERT INTO {self._table} ({', '.join(self._columns)}, result) VALUES ({marks})"
        try:
            with closing(self._connect()) as db:
                number = db.execute(query, (at_ms, *summary, msgspec.json.encode(result).decode())).lastrowid
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be written: {error}") from error
        assert number is not None
        return number

    def newest(self, limit: int) -> list[tuple[Any, ...]]:
        """Number, ``at_ms`` and summary, the newest first. Raises StoreError."""
        columns = ", ".join((self._number, *self._columns))
        query = f"SELECT {columns} FROM {self._table} ORDER BY {self._number} DESC LIMIT ?"
        with readable(self._path), closing(self._connect()) as db:
            return db.execute(query, (limit,)).fetchall()

    def result(self, number: int) -> dict[str, Any] | None:
        """The result with this number; None without one. Raises StoreError."""
        if not 0 < number < 2**63:
            return None
        query = f"SELECT result FROM {self._table} WHERE {self._number}=?"
        with readable(self._path), closing(self._connect()) as db:
            row = db.execute(query, (number,)).fetchone()
        found: dict[str, Any] | None = None if row is None else msgspec.json.decode(row[0])
        return found

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=10)
