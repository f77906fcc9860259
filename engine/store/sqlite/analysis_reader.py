"""Read-only access to ``analysis.db``: see ``engine.store.bulk.AnalysisReader``."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.market.paper_result import PaperResult
from engine.market.records import Decision, Run, RunEnd
from engine.store.alerts import StoredAlert
from engine.store.bulk import (
    PastRun,
    RunPlace,
    SignalBars,
    SignalCount,
    SignalFilter,
    SignalPlace,
    StoredRun,
    StoredSignal,
)
from engine.store.interface import Cursor, LoggedDecision
from engine.store.sqlite.alerts import ALERT, alert_of
from engine.store.sqlite.files import connect_reader, readable

_RUN = [field.name for field in dataclasses.fields(Run)]
_RESULT = [field.name for field in dataclasses.fields(PaperResult) if field.name != "run_id"]
_DECISION = [field.name for field in dataclasses.fields(Decision)]
_SIGNAL = ", ".join([*(f"d.{name}" for name in _DECISION), *(f"r.{name}" for name in _RUN)])
_FROM = "FROM decisions AS d JOIN runs AS r USING (run_id)"
_CLOSE = "d.bar_ms + r.interval_ms"
_BAR = "r.market || '/' || r.y || '~' || r.x || '/' || r.interval_ms || '/' || d.bar_ms"
_STANDS = (
    "NOT EXISTS (SELECT 1 FROM decisions AS n WHERE n.run_id=d.run_id AND n.bar_ms=d.bar_ms AND n.revision>d.revision)"
)


class SqliteAnalysisReader:
    """Each call uses its own connection, so any thread may call."""

    def __init__(self, path: Path) -> None:
        """``path`` of an ``analysis.db``."""
        self._path = path

    def signals(self, wanted: SignalFilter, after: int, limit: int) -> list[StoredSignal]:
        """See AnalysisReader."""
        conditions, values = _conditions(wanted)
        query = (
            f"SELECT d.given, d.given_at_ms, {_STANDS}, {_SIGNAL} {_FROM} WHERE d.given>?{conditions}"
            " ORDER BY d.given LIMIT ?"
        )
        return [_signal(row) for row in self._read(query, [after, *values, limit])]

    def latest_signals(self, wanted: SignalFilter, before: SignalPlace | None, limit: int) -> list[StoredSignal]:
        """See AnalysisReader."""
        conditions, values = _conditions(wanted)
        query = (
            f"SELECT d.given, d.given_at_ms, {_STANDS}, {_SIGNAL} {_FROM} WHERE ({_CLOSE}, d.given) < (?, ?)"
            f"{conditions} ORDER BY {_CLOSE} DESC, d.given DESC LIMIT ?"
        )
        return [_signal(row) for row in self._read(query, [*(before or (2**62, 0)), *values, limit])]

    def signal_counts(self, wanted: SignalFilter) -> list[SignalCount]:
        """See AnalysisReader."""
        conditions, values = _conditions(wanted)
        query = f"SELECT d.kind, d.reason, {_STANDS} AS stands, count(*) {_FROM} WHERE 1{conditions} GROUP BY 1, 2, 3"
        return [
            SignalCount(kind, reason, bool(stands), count) for kind, reason, stands, count in self._read(query, values)
        ]

    def signal_bars(self, wanted: SignalFilter) -> SignalBars:
        """See AnalysisReader."""
        conditions, values = _conditions(wanted)
        entered = "d.kind IN ('enter_long', 'enter_short')"
        counts = (f"count(DISTINCT CASE WHEN {kind} THEN {_BAR} END)" for kind in (entered, "d.kind='no_entry'"))
        query = f"SELECT count(DISTINCT r.run_id), {', '.join(counts)} {_FROM} WHERE {_STANDS}{conditions}"
        return SignalBars(*self._read(query, values)[0])

    def run_places(self) -> dict[str, RunPlace]:
        """See AnalysisReader."""
        query = (
            "SELECT run_id, row_number() OVER (PARTITION BY market, y, x ORDER BY began_at_ms, began_seq), began_at_ms"
            " FROM runs"
        )
        return {run_id: RunPlace(number, began_at_ms) for run_id, number, began_at_ms in self._read(query, [])}

    def signal_pairs(self) -> list[tuple[str, str, str]]:
        """See AnalysisReader."""
        has_any = "EXISTS (SELECT 1 FROM decisions AS d WHERE d.run_id=r.run_id)"
        return self._read(f"SELECT DISTINCT market, y, x FROM runs AS r WHERE {has_any} ORDER BY 1, 2, 3", [])

    def newest_signal(self) -> int:
        """See AnalysisReader."""
        return int(self._read("SELECT coalesce(max(given), 0) FROM decisions", [])[0][0])

    def store_id(self) -> str:
        """See AnalysisReader."""
        return str(self._read("SELECT value FROM meta WHERE key='store_id'", [])[0][0])

    def alerts_after(self, number: int, limit: int) -> list[tuple[int, StoredAlert]]:
        """See AnalysisReader."""
        query = f"SELECT number, {', '.join(ALERT)} FROM alerts WHERE number>? ORDER BY number LIMIT ?"
        return [(at, alert_of(values)) for at, *values in self._read(query, [number, limit])]

    def newest_alert(self) -> int:
        """See AnalysisReader."""
        return int(self._read("SELECT coalesce(max(number), 0) FROM alerts", [])[0][0])

    def entry_before(self, run_id: str, bar_ms: int) -> Decision | None:
        """See AnalysisReader."""
        query = (
            f"SELECT {', '.join(_DECISION)} FROM decisions AS d WHERE run_id=? AND bar_ms<?"
            f" AND kind IN ('enter_long', 'enter_short', 'exit') AND {_STANDS} ORDER BY bar_ms DESC LIMIT 1"
        )
        found = [Decision(*row) for row in self._read(query, [run_id, bar_ms])]
        return found[0] if found and found[0].kind != "exit" else None

    def runs(self) -> list[Run]:
        """See AnalysisReader."""
        query = f"SELECT {', '.join(_RUN)} FROM runs WHERE ended_seq IS NULL ORDER BY began_at_ms"
        return [Run(*row) for row in self._read(query, [])]

    def run(self, run_id: str) -> StoredRun | None:
        """See AnalysisReader."""
        query = f"SELECT end_reason, end_detail, end_after_ms, {', '.join(_RUN)} FROM runs WHERE run_id=?"
        for reason, detail, after_ms, *values in self._read(query, [run_id]):
            run = Run(*values)
            if run.ended_seq is None:
                return StoredRun(run, None)
            return StoredRun(run, RunEnd(run_id, run.ended_seq, reason or "", detail or "", after_ms))
        return None

    def runs_of(self, market: str, y: str, x: str, limit: int) -> list[PastRun]:
        """See AnalysisReader."""
        columns = ["r.began_at_ms", "r.end_reason", "r.end_detail", "r.end_after_ms"]
        columns += [f"r.{name}" for name in _RUN] + [f"p.{name}" for name in _RESULT]
        query = (
            f"SELECT {', '.join(columns)} FROM runs AS r LEFT JOIN paper_results AS p USING (run_id)"
            " WHERE r.market=? AND r.y=? AND r.x=? ORDER BY r.began_at_ms DESC, r.began_seq DESC LIMIT ?"
        )
        return [_past_run(row) for row in self._read(query, [market, y, x, limit])]

    def cursor(self) -> Cursor | None:
        """See AnalysisReader."""
        rows = self._read("SELECT ticks_store_id, seq, event_id, pipelines FROM cursor", [])
        return next((Cursor(row[0], row[1], row[2], json.loads(row[3])) for row in rows), None)

    def decisions(self, run_id: str) -> list[Decision]:
        """See AnalysisReader."""
        query = f"SELECT {', '.join(_DECISION)} FROM decisions WHERE run_id=? ORDER BY given"
        return [Decision(*row) for row in self._read(query, [run_id])]

    def _read(self, query: str, values: list[Any]) -> list[Any]:
        with readable(self._path), closing(self._connect()) as db:
            return db.execute(query, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        return connect_reader(self._path)


def _past_run(row: list[Any]) -> PastRun:
    began_at_ms, reason, detail, after_ms, *values = row
    run, earned = Run(*values[: len(_RUN)]), values[len(_RUN) :]
    end = None
    if run.ended_seq is not None:
        end = RunEnd(run.run_id, run.ended_seq, reason or "", detail or "", after_ms)
    return PastRun(run, began_at_ms, end, None if earned[0] is None else PaperResult(run.run_id, *earned))


def _conditions(wanted: SignalFilter) -> tuple[str, list[Any]]:
    """SQL after WHERE, and its values."""
    text = f" AND {_CLOSE} >= ? AND {_CLOSE} < ?"
    given: list[Any] = [wanted.from_ms, wanted.to_ms]
    if wanted.market:
        text, given = f"{text} AND r.market=?", [*given, wanted.market]
    if len(wanted.symbols) == 1:
        text, given = f"{text} AND ? IN (r.y, r.x)", [*given, *wanted.symbols]
    elif wanted.symbols:
        places = ",".join("?" * len(wanted.symbols))
        text = f"{text} AND r.y IN ({places}) AND r.x IN ({places})"
        given += [*wanted.symbols, *wanted.symbols]
    if wanted.without_refusals:
        text += " AND d.kind <> 'no_entry'"
    for name, some in (("kind", wanted.kinds), ("reason", wanted.reasons)):
        if some:
            text, given = f"{text} AND d.{name} IN ({','.join('?' * len(some))})", [*given, *some]
    if wanted.runs is not None:
        text += " AND (r.run_id=? OR (r.run_id=? AND d.reason='RUN_END'))"
        given += wanted.runs
    return text, given


def _signal(row: tuple[Any, ...]) -> StoredSignal:
    given, given_at_ms, stands, *rest = row
    decision = Decision(*rest[: len(_DECISION)])
    return StoredSignal(LoggedDecision(given, given_at_ms, decision), Run(*rest[len(_DECISION) :]), bool(stands))
