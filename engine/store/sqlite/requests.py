"""The audit log and the kept answers in ``analysis.db``. Rows of the log are added, never changed or deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from engine.errors import StoreError
from engine.store.requests import Change, KeptAnswer
from engine.store.sqlite.files import readable

REQUESTS = """
CREATE TABLE changes (              -- what was changed by whom: see Change
    change_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL
) STRICT;

CREATE TRIGGER changes_stay BEFORE DELETE ON changes BEGIN
    SELECT RAISE(ABORT, 'changes are never deleted');
END;
CREATE TRIGGER changes_stay_as_they_are BEFORE UPDATE ON changes BEGIN
    SELECT RAISE(ABORT, 'changes are never changed');
END;

CREATE TABLE answers (              -- of requests with an Idempotency-Key: see KeptAnswer
    who TEXT NOT NULL,
    key TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (who, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_time ON answers (at_ms);
"""

KEPT_MS = 86_400_000


class SqliteRequests:
    """The tables ``changes`` and ``answers``. Each call uses its own connection, so any thread may call."""

    def __init__(self, path: Path) -> None:
        """``path`` of an ``analysis.db`` migrated by ``SqliteAnalysis``."""
        self._path = path

    def log(self, at_ms: int, who: str, what: str, before: str, after: str) -> None:
        """See RequestStore."""
        self._write(
            (
                "INSERT INTO changes (at_ms, who, what, before, after) VALUES (?,?,?,?,?)",
                (at_ms, who, what, before, after),
            )
        )

    def changes(self, before: int | None, limit: int) -> list[Change]:
        """See RequestStore."""
        query = (
            "SELECT change_id, at_ms, who, what, before, after FROM changes WHERE change_id < ?"
            " ORDER BY change_id DESC LIMIT ?"
        )
        with readable(self._path), closing(self._connect()) as db:
            return [Change(*row) for row in db.execute(query, (2**63 - 1 if before is None else before, limit))]

    def answer(self, who: str, key: str) -> KeptAnswer | None:
        """See RequestStore."""
        query = "SELECT digest, status, media_type, body FROM answers WHERE who=? AND key=?"
        with readable(self._path), closing(self._connect()) as db:
            row = db.execute(query, (who, key)).fetchone()
        return None if row is None else KeptAnswer(*row)

    def keep(self, at_ms: int, who: str, key: str, answer: KeptAnswer) -> None:
        """See RequestStore."""
        self._write(
            ("DELETE FROM answers WHERE at_ms < ?", (at_ms - KEPT_MS,)),
            ("INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?,?,?)", (who, key, at_ms, *answer)),
        )

    def _write(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        try:
            with closing(self._connect()) as db, db:
                db.execute("BEGIN IMMEDIATE")
                for statement, values in statements:
                    db.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be written: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=10)
