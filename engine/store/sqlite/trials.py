"""The trials ledger in ``analysis.db``: what was tried on which data. Rows are added, never changed or deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from engine.errors import StoreError
from engine.store.sqlite.files import readable
from engine.store.trials import LoggedTrial, Trial, TrialCount

TRIALS = """
CREATE TABLE trials (
    trial_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,         -- the machine's clock
    kind TEXT NOT NULL,
    data TEXT NOT NULL,             -- fingerprint of the data
    settings TEXT NOT NULL,         -- fingerprint of what was tried
    market TEXT NOT NULL,
    y TEXT NOT NULL,
    x TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    tests INTEGER NOT NULL CHECK (tests > 0),
    sharpe REAL                     -- of a day
) STRICT;

CREATE INDEX trials_by_data ON trials (data, settings, tests);
CREATE INDEX trials_by_time ON trials (market, to_ms, from_ms);

CREATE TRIGGER trials_stay BEFORE DELETE ON trials BEGIN
    SELECT RAISE(ABORT, 'trials are never deleted');
END;
CREATE TRIGGER trials_stay_as_they_are BEFORE UPDATE ON trials BEGIN
    SELECT RAISE(ABORT, 'trials are never changed');
END;
"""

_FIELDS = "kind, data, settings, market, y, x, from_ms, to_ms, tests, sharpe"


class SqliteTrials:
    """The table ``trials``. Each call uses its own connection, so any thread and process may call."""

    def __init__(self, path: Path) -> None:
        """``path`` of an ``analysis.db`` migrated by ``SqliteAnalysis``."""
        self._path = path

    def add(self, at_ms: int, trials: Sequence[Trial]) -> list[int]:
        """See TrialStore."""
        rows = [(at_ms, *_values(trial)) for trial in trials]
        insert = f"INSERT INTO trials (at_ms, {_FIELDS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
        try:
            with closing(self._connect()) as db, db:
                db.execute("BEGIN IMMEDIATE")  # no other process adds between the count and the rows
                counts = {data: _sum(db, data) for data in {trial.data for trial in trials}}
                db.executemany(insert, rows)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be written: {error}") from error
        numbers = []
        for trial in trials:
            counts[trial.data] += trial.tests
            numbers.append(counts[trial.data])
        return numbers

    def on_data(self, data: str) -> TrialCount:
        """See TrialStore."""
        query = "SELECT sum(tests), max(tests) FROM trials WHERE data=? GROUP BY settings"
        return self._count(query, data)

    def overlapping(self, market: str, from_ms: int, to_ms: int) -> TrialCount:
        """See TrialStore."""
        query = (
            "SELECT sum(tests), max(tests) FROM trials WHERE market=? AND to_ms>? AND from_ms<? GROUP BY y, x, settings"
        )
        return self._count(query, market, from_ms, to_ms)

    def sharpes(self, data: str) -> list[float]:
        """See TrialStore."""
        query = (
            "SELECT sharpe, min(trial_id) FROM trials WHERE data=? AND sharpe IS NOT NULL GROUP BY settings ORDER BY 2"
        )
        with readable(self._path), closing(self._connect()) as db:
            return [float(sharpe) for sharpe, _ in db.execute(query, (data,))]

    def newest(self, limit: int = 50) -> list[LoggedTrial]:
        """See TrialStore."""
        query = f"SELECT trial_id, at_ms, {_FIELDS} FROM trials ORDER BY trial_id DESC LIMIT ?"
        with readable(self._path), closing(self._connect()) as db:
            return [
                LoggedTrial(number, at_ms, Trial(*values)) for number, at_ms, *values in db.execute(query, (limit,))
            ]

    def _count(self, query: str, *values: str | int) -> TrialCount:
        with readable(self._path), closing(self._connect()) as db:
            groups = db.execute(query, values).fetchall()
        return TrialCount(sum(total for total, _ in groups), sum(most for _, most in groups))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=10)


def _values(trial: Trial) -> tuple[str | int | float | None, ...]:
    return tuple(getattr(trial, name) for name in _FIELDS.split(", "))


def _sum(db: sqlite3.Connection, data: str) -> int:
    return int(db.execute("SELECT coalesce(sum(tests), 0) FROM trials WHERE data=?", (data,)).fetchone()[0])
