"""``analysis.db``: watch list, runs, decisions, and the monitor's read position. Its only writer is the dashboard.

Each step (watch list, runs started and ended, decisions, the read position) is one transaction: the
first change opens it, ``save`` or ``keep`` commits it, and until then ``roll_back`` undoes all of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import DamagedStore, FolderMissing, StoreError
from engine.market.paper_result import PaperResult
from engine.market.position_lock import PositionLock
from engine.market.records import Decision, Run, RunEnd
from engine.store.interface import Cursor, LoggedDecision, Watched
from engine.store.sqlite.alerts import AlertTables
from engine.store.sqlite.analysis_schema import ANALYSIS
from engine.store.sqlite.files import prepare
from engine.store.sqlite.integrity import LOOK_S, TOO_LARGE, FileIdentity, quarantine, quick_check

log = logging.getLogger("pairbridge.store")

_RUN_COLUMNS = "run_id, market, y, x, interval_ms, settings, code, start_ms, began_seq, ended_seq"
_LOCK_FIELDS = [f.name for f in dataclasses.fields(PositionLock)]
_RESULT_FIELDS = [f.name for f in dataclasses.fields(PaperResult)]
_DECISION_FIELDS = [f.name for f in dataclasses.fields(Decision)]


class SqliteAnalysis(AlertTables):
    """The one connection that writes ``analysis.db``. Not for use by two threads at once."""

    def __init__(self, path: Path) -> None:
        """Create, migrate or open the file. Raises StoreError and its subclasses."""
        self.path = path
        self._open(makes_folder=True)

    @classmethod
    def start(cls, path: Path, look_s: float = LOOK_S) -> SqliteAnalysis:
        """As the constructor, but checks the file first: a damaged one is renamed and a new one created."""
        try:
            if not quick_check(path, look_s):
                log.warning(TOO_LARGE, path, look_s)
            return cls(path)
        except DamagedStore as error:
            kept = quarantine(path)
            log.error(
                "%s; it is kept as %s, and a new %s was created: watch list, signal log, scans and trials are empty."
                " `python -m engine.store restore` restores a backup",
                error, kept.name, path.name,
            )  # fmt: skip
            return cls(path)

    def _open(self, makes_folder: bool) -> None:
        self.store_id = prepare(self.path, ANALYSIS, makes_folder)
        self._db = sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("SELECT 1 FROM meta").fetchone()  # the first read creates the log and its index
        self._place = FileIdentity.of(self.path)

    @property
    def name(self) -> str:
        """See AnalysisStore."""
        return self.path.name

    def is_in_place(self) -> bool:
        """Whether the path still leads to the open file and its log. Raises FolderMissing."""
        if not self.path.parent.is_dir():
            raise FolderMissing(f"{self.path.parent} was deleted or renamed while the dashboard ran")
        return FileIdentity.of(self.path) == self._place

    def begin_afresh(self, watched: Iterable[Watched], once: Iterable[str]) -> bool:
        """Reopen the path after the file or its log was deleted or replaced.

        Recreates a deleted file with this watch list and these texts of ``is_first_time`` and returns True: everything
        else in it is lost. Returns False if only the log was gone: the file has its content. Raises StoreError.
        """
        is_gone = FileIdentity.of(self.path).identities[0] != self._place.identities[0]
        self.close()
        if is_gone:
            self._place.leave()
        self._open(makes_folder=False)  # a folder that is being deleted stays away
        if is_gone and not self.watch_list():
            for each in watched:
                self._write("INSERT INTO watch VALUES (?,?,?,?,?)", dataclasses.astuple(each))
            for what in once:
                self.is_first_time(what)
            self.keep()
        return is_gone

    def close(self) -> None:
        """Release the file."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            log.warning("%s keeps its log: %s", self.path, error)
        self._db.close()

    def cursor(self) -> Cursor | None:
        """The position of the last save; None in a new file."""
        row = next(iter(self._read("SELECT ticks_store_id, seq, event_id, pipelines FROM cursor")), None)
        if row is None:
            return None
        ticks_store_id, seq, event_id, pipelines = row
        return Cursor(ticks_store_id, seq, event_id, json.loads(pipelines))

    def save(self, decisions: Iterable[Decision], cursor: Cursor, at_ms: int) -> list[LoggedDecision]:
        """Commit decisions, the cursor and all pending changes, together; ``at_ms``: the local clock.

        Raises StoreError; then none of it is stored.
        """
        logged: list[LoggedDecision] = []
        places = ",".join("?" * (len(_DECISION_FIELDS) + 1))
        query = f"INSERT INTO decisions ({', '.join(_DECISION_FIELDS)}, given_at_ms) VALUES ({places})"
        for decision in decisions:
            values = [getattr(decision, name) for name in _DECISION_FIELDS]
            given = self._write(query, [*values, at_ms]).lastrowid
            assert given is not None
            logged.append(LoggedDecision(given, at_ms, decision))
        self._write(
            "INSERT OR REPLACE INTO cursor VALUES (1,?,?,?,?)",
            (cursor.ticks_store_id, cursor.seq, cursor.event_id, json.dumps(cursor.pipelines)),
        )
        self.keep()
        return logged

    @property
    def has_changes(self) -> bool:
        """Whether there are uncommitted changes."""
        return self._db.in_transaction

    def keep(self) -> None:
        """Commit the pending changes, if any. Raises StoreError; then none of them is stored."""
        if not self._db.in_transaction:
            return
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self.roll_back()
            raise StoreError(f"{self.path} cannot be written: {error}") from error

    def roll_back(self) -> None:
        """Undo the uncommitted changes."""
        with contextlib.suppress(sqlite3.Error):  # the connection is lost, and its uncommitted changes with it
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _write(self, query: str, values: Sequence[Any]) -> sqlite3.Cursor:
        """One change, in the open transaction or a new one."""
        try:
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            return self._db.execute(query, values)
        except sqlite3.Error as error:
            self.roll_back()
            raise StoreError(f"{self.path} cannot be written: {error}") from error

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be read: {error}") from error

    def watch_list(self) -> list[Watched]:
        """Every watched pair, oldest first."""
        return [Watched(*row) for row in self._read("SELECT watch_id, market, y, x, settings FROM watch ORDER BY 1")]

    def watch(self, market: str, y: str, x: str, settings: str) -> Watched:
        """Add a pair, or change the settings of a watched one."""
        self._write(
            "INSERT INTO watch (market, y, x, settings) VALUES (?,?,?,?)"
            " ON CONFLICT (market, y, x) DO UPDATE SET settings=excluded.settings",
            (market, y, x, settings),
        )
        query = "SELECT watch_id, market, y, x, settings FROM watch WHERE market=? AND y=? AND x=?"
        return Watched(*self._read(query, (market, y, x))[0])

    def unwatch(self, watch_id: int) -> None:
        """Remove a pair from the list; keeps its runs and decisions."""
        self._write("DELETE FROM watch WHERE watch_id=?", (watch_id,))

    def locks(self) -> list[PositionLock]:
        """Every locked position."""
        return [PositionLock(*row) for row in self._read(f"SELECT {', '.join(_LOCK_FIELDS)} FROM locks")]

    def lock(self, lock: PositionLock) -> None:
        """Keep a locked position, instead of the pair's earlier one."""
        places = ",".join("?" * len(_LOCK_FIELDS))
        query = f"INSERT OR REPLACE INTO locks ({', '.join(_LOCK_FIELDS)}) VALUES ({places})"
        self._write(query, dataclasses.astuple(lock))

    def unlock(self, market: str, y: str, x: str) -> None:
        """Remove the locked position of a pair."""
        self._write("DELETE FROM locks WHERE market=? AND y=? AND x=?", (market, y, x))

    def paper_results(self, market: str, y: str, x: str) -> list[PaperResult]:
        """See AnalysisStore."""
        query = (
            f"SELECT {', '.join(_RESULT_FIELDS)} FROM paper_results JOIN runs USING (run_id)"
            " WHERE market=? AND y=? AND x=? AND ended_seq IS NOT NULL ORDER BY to_ms"
        )
        return [PaperResult(*row) for row in self._read(query, (market, y, x))]

    def keep_paper_result(self, result: PaperResult) -> None:
        """See AnalysisStore."""
        places = ",".join("?" * len(_RESULT_FIELDS))
        query = f"INSERT OR REPLACE INTO paper_results ({', '.join(_RESULT_FIELDS)}) VALUES ({places})"
        self._write(query, dataclasses.astuple(result))

    def is_first_time(self, what: str) -> bool:
        """True once for each text, ever."""
        return bool(self._write("INSERT INTO meta VALUES (?, 1) ON CONFLICT DO NOTHING", (f"once: {what}",)).rowcount)

    def begin_run(self, run: Run, at_ms: int) -> None:
        """Record a run before its first decision; a run recorded earlier continues."""
        self._write(
            f"INSERT INTO runs ({_RUN_COLUMNS}, began_at_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
            " ON CONFLICT (run_id) DO UPDATE SET ended_seq=NULL, end_reason=NULL, end_detail=NULL, end_after_ms=NULL",
            (
                run.run_id, run.market, run.y, run.x, run.interval_ms, run.settings, run.code, run.start_ms,
                run.began_seq, run.ended_seq, at_ms,
            ),
        )  # fmt: skip

    def end_run(self, end: RunEnd) -> None:
        """Record that the run ended after the tick ``end.seq``."""
        self._write(
            "UPDATE runs SET ended_seq=?, end_reason=?, end_detail=?, end_after_ms=?"
            " WHERE run_id=? AND ended_seq IS NULL",
            (end.seq, end.reason, end.detail, end.after_ms, end.run_id),
        )

    def last_end(self, market: str, y: str, x: str) -> RunEnd | None:
        """The end of a pair's newest ended run."""
        query = (
            "SELECT run_id, ended_seq, end_reason, end_detail, end_after_ms FROM runs WHERE market=? AND y=? AND x=?"
            " AND end_reason IS NOT NULL ORDER BY ended_seq DESC, began_seq DESC LIMIT 1"
        )
        return next((RunEnd(*row) for row in self._read(query, (market, y, x))), None)

    def open_runs(self) -> list[Run]:
        """Runs that have not ended, oldest first."""
        query = f"SELECT {_RUN_COLUMNS} FROM runs WHERE ended_seq IS NULL ORDER BY began_at_ms"
        return [Run(*row) for row in self._read(query)]

    def decisions(self, run_id: str) -> list[Decision]:
        """A run's decisions in their original order."""
        return [logged.decision for logged in self.log(run_id)]

    def log(self, run_id: str, after: int = 0, limit: int = -1) -> list[LoggedDecision]:
        """A run's decisions after ``after``, oldest first."""
        query = (
            f"SELECT given, given_at_ms, {', '.join(_DECISION_FIELDS)} FROM decisions"
            " WHERE run_id=? AND given>? ORDER BY given LIMIT ?"
        )
        return [LoggedDecision(row[0], row[1], Decision(*row[2:])) for row in self._read(query, (run_id, after, limit))]
