"""Retention: moves ticks older than the limit on the market's clock from ``ticks.db`` to the archive.

Bars, gaps, events and series are kept permanently. One sweep has these steps; after a crash the next sweep completes or
undoes them, and between any two steps each tick is readable exactly once:

1. remove files that were begun and never written; delete remaining ticks of written files;
2. for each symbol whose oldest tick is due: list a file as begun, write it, list it as written;
3. delete the written ticks, a few thousand per transaction, in commit order.

All reads use a read-only connection with its own thread, so the server commits between the short transactions.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.market.records import Event
from engine.store.archive.parquet import ArchivedFile, archive_of, by_day, describe, frame_of, part_of, write_file
from engine.store.sqlite.connection import StoreConnection
from engine.store.sqlite.files import connect_reader
from engine.store.sqlite.row_mapping import TICK_COLUMNS
from engine.store.sqlite.writer import SqliteTickWriter

if TYPE_CHECKING:
    import polars

log = logging.getLogger("pairbridge.store")

SWEEP_EVERY_S = 600.0
SLACK_MS = 3_600_000  # a symbol is archived in steps of an hour, to avoid many small files
FILE_TICKS = 100_000
DELETE_TICKS = 2_000  # per transaction; bench/store.py measures the effect on concurrent commits
_READ_TICKS = 5_000
_SCAN_TICKS = 20_000


@dataclass(frozen=True, slots=True)
class _Due:
    """A symbol with ticks to archive: those before ``cutoff_ms``."""

    series_id: int
    market: str
    symbol: str
    cutoff_ms: int


@dataclass(slots=True)
class _ArchiveBatch:
    """Ticks to be written to files, in id order."""

    frames: list[polars.DataFrame] = field(default_factory=list)
    ticks: int = 0
    through_id: int = -1
    is_last: bool = False


@dataclass(slots=True)
class RetentionResult:
    """The result of one sweep. ``given_up``: events for the gaps that are older than the retention period."""

    archived: int = 0
    deleted: int = 0
    given_up: list[Event] = field(default_factory=list)


class RetentionJob:
    """Retention for one writer. Only one sweep at a time."""

    def __init__(self, writer: SqliteTickWriter, retention_ms: int, slack_ms: int = SLACK_MS) -> None:
        """``retention_ms`` is relative to each market's clock, its latest trade time."""
        self._writer = writer
        self._retention_ms = retention_ms
        self._slack_ms = slack_ms
        self._archive = archive_of(writer.path)
        self._opening = 0

    async def sweep(self) -> RetentionResult:
        """Archive and delete the due ticks. Raises StoreError; completed steps remain.

        A tick is moved only if it was stored before the previous sweep started: so readers have time to read it even if
        its trade time is old (an imported file, a late gap fill).
        """
        result = RetentionResult()
        self._opening = self._writer.openings
        newest_seq = self._writer.last_seq
        reading = await StoreConnection.open(lambda: connect_reader(self._writer.path))
        try:
            await self._undo_begun(reading)
            result.deleted += await self._delete_written(reading)
            until_seq = await reading.run(_swept_seq)
            for due in await reading.run(_due, self._retention_ms, self._slack_ms):
                through_id = await self._archive_series(reading, due, until_seq, result)
                result.given_up += await reading.run(_out_of_reach, due, through_id, self._retention_ms)
            result.deleted += await self._delete_written(reading)
        finally:
            await reading.close()
        await self._transact(_remember, "swept_seq", newest_seq)
        return result

    async def _undo_begun(self, reading: StoreConnection) -> None:
        """Remove files listed as begun before a crash: all of their ticks are still in ``ticks``."""
        for (file,) in await reading.run(_begun):
            path = self._archive / file
            path.unlink(missing_ok=True)
            part_of(path).unlink(missing_ok=True)
            await self._transact(_forget, file)

    async def _archive_series(
        self, reading: StoreConnection, due: _Due, until_seq: int, result: RetentionResult
    ) -> int:
        """Returns the greatest id up to which everything is archived now, -1 if nothing was due."""
        through_id = -1
        while True:
            archive_batch = await reading.run(_read_pile, due, through_id, until_seq)
            if archive_batch.ticks:
                through_id = archive_batch.through_id
                await self._write(reading, due, archive_batch)
                result.archived += archive_batch.ticks
            if archive_batch.is_last:
                return through_id

    async def _write(self, reading: StoreConnection, due: _Due, archive_batch: _ArchiveBatch) -> None:
        days = await reading.run(_by_day, archive_batch)
        store_id = self._writer.store_id
        files = {describe(due.market, due.symbol, due.series_id, store_id, day, frame): frame for day, frame in days}
        await self._transact(_begin, list(files))
        for file, frame in files.items():
            await reading.run(_write_file, self._archive, file, frame)
        await self._transact(_mark_written, due.series_id, list(files))

    async def _delete_written(self, reading: StoreConnection) -> int:
        """Delete the ticks of written files from ``ticks``."""
        deleted = 0
        span = await reading.run(_written_span)
        if span is None:
            return 0
        after_seq, last_seq = span[0] - 1, span[1]
        while after_seq < last_seq:
            seqs, after_seq = await reading.run(_written_ticks, after_seq)
            for at in range(0, len(seqs), DELETE_TICKS):
                await self._transact(_delete, seqs[at : at + DELETE_TICKS])
            deleted += len(seqs)
        await self._transact(_mark_moved)
        return deleted

    async def _transact(self, work: Callable[..., None], *arguments: Any) -> None:
        await self._writer.transact(self._opening, lambda db: work(db, *arguments))


def _swept_seq(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT value FROM meta WHERE key='swept_seq'").fetchone()
    return int(row[0]) if row else 0


def _due(db: sqlite3.Connection, retention_ms: int, slack_ms: int) -> list[_Due]:
    rows = db.execute(
        "SELECT series_id, market, symbol, watermark_ms - ?, (SELECT trade_time_ms FROM ticks AS t"
        " WHERE t.series_id=s.series_id AND NOT future ORDER BY agg_id LIMIT 1) FROM series AS s JOIN markets USING"
        " (market) ORDER BY series_id",
        (retention_ms,),
    ).fetchall()
    return [_Due(*row) for *row, oldest_ms in rows if oldest_ms is not None and oldest_ms < row[3] - slack_ms]


def _read_pile(db: sqlite3.Connection, due: _Due, after_id: int, until_seq: int) -> _ArchiveBatch:
    """The next ticks in id order that are older than the cutoff; implausible times move with their neighbours."""
    archive_batch = _ArchiveBatch(through_id=after_id)
    while archive_batch.ticks < FILE_TICKS:
        rows = db.execute(
            f"SELECT seq, {TICK_COLUMNS} FROM ticks WHERE series_id=? AND agg_id>? AND seq<=? ORDER BY agg_id LIMIT ?",
            (due.series_id, archive_batch.through_id, until_seq, _READ_TICKS),
        ).fetchall()
        young = (at for at, row in enumerate(rows) if not row[6] and row[4] >= due.cutoff_ms)
        old = rows[: next(young, len(rows))]
        if old:
            archive_batch.frames.append(frame_of(old))
            archive_batch.ticks += len(old)
            archive_batch.through_id = old[-1][1]
        if len(old) < _READ_TICKS:
            archive_batch.is_last = True
            break
    return archive_batch


def _by_day(_: sqlite3.Connection, archive_batch: _ArchiveBatch) -> list[tuple[str, polars.DataFrame]]:
    import polars

    return by_day(polars.concat(archive_batch.frames))


def _write_file(_: sqlite3.Connection, folder: Path, file: ArchivedFile, frame: polars.DataFrame) -> None:
    write_file(folder, file.file, frame)


def _begun(db: sqlite3.Connection) -> list[tuple[str]]:
    return db.execute("SELECT file FROM archive WHERE state='begun'").fetchall()


def _forget(db: sqlite3.Connection, file: str) -> None:
    db.execute("DELETE FROM archive WHERE file=? AND state='begun'", (file,))


def _begin(db: sqlite3.Connection, files: list[ArchivedFile]) -> None:
    db.executemany(
        "INSERT INTO archive (file, series_id, first_id, last_id, first_seq, last_seq, ticks, state)"
        " VALUES (?,?,?,?,?,?,?,'begun')",
        [(f.file, f.series_id, f.first_id, f.last_id, f.first_seq, f.last_seq, f.ticks) for f in files],
    )


def _mark_written(db: sqlite3.Connection, series_id: int, files: list[ArchivedFile]) -> None:
    db.executemany("UPDATE archive SET state='written' WHERE file=?", [(file.file,) for file in files])
    through_id = max(file.last_id for file in files)
    db.execute(
        "UPDATE series SET archived_through=max(coalesce(archived_through, -1), ?) WHERE series_id=?",
        (through_id, series_id),
    )


def _written_span(db: sqlite3.Connection) -> tuple[int, int] | None:
    first, last = db.execute("SELECT min(first_seq), max(last_seq) FROM archive WHERE state='written'").fetchone()
    return None if first is None else (first, last)


def _written_ticks(db: sqlite3.Connection, after_seq: int) -> tuple[list[int], int]:
    """(ticks among the next ones that are in a written file, the last one checked)."""
    rows = db.execute(
        "SELECT t.seq, EXISTS (SELECT 1 FROM archive AS a WHERE a.state='written' AND a.series_id=t.series_id"
        " AND t.agg_id BETWEEN a.first_id AND a.last_id AND t.seq<=a.last_seq)"
        " FROM (SELECT seq, series_id, agg_id FROM ticks WHERE seq>? ORDER BY seq LIMIT ?) AS t",
        (after_seq, _SCAN_TICKS),
    ).fetchall()
    reached = max((row[0] for row in rows), default=2**63 - 1)
    return [seq for seq, is_written in rows if is_written], reached


def _delete(db: sqlite3.Connection, seqs: list[int]) -> None:
    db.execute("DELETE FROM ticks WHERE seq IN (SELECT value FROM json_each(?))", (json.dumps(seqs),))
    _remember(db, "deleted_seq", max(seqs))


def _mark_moved(db: sqlite3.Connection) -> None:
    db.execute("UPDATE archive SET state='moved' WHERE state='written'")


def _remember(db: sqlite3.Connection, key: str, seq: int) -> None:
    db.execute(
        "INSERT INTO meta VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value=max(value, excluded.value)", (key, seq)
    )


def _out_of_reach(db: sqlite3.Connection, due: _Due, through_id: int, retention_ms: int) -> list[Event]:
    """Open gaps below the archived ids that are not yet marked unfetchable; a late fill would still be accepted."""
    hours = retention_ms / 3_600_000
    reason = f"older than the {hours:g} h of ticks that are kept; fill it from the exchange's dump files"
    gaps = db.execute(
        "SELECT first_id, last_id FROM holes WHERE series_id=? AND last_id<=? AND closed_ms IS NULL AND reason IS NULL",
        (due.series_id, through_id),
    ).fetchall()
    return [
        Event("unfetchable", due.market, due.symbol, {"first": first, "last": last, "reason": reason})
        for first, last in gaps
    ]
