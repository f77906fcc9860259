"""Checks a ticks file: its pages, and the writer's invariants.

Scans every symbol's ticks, archived and hot, in id order: each missing id must be in the gap index, and each one-second
bar must equal the bar of its ticks.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import StoreError
from engine.market.bars import Bar, SecondFold
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.ticks import Tick
from engine.store.archive.parquet import ArchiveError, archive_of
from engine.store.sqlite.files import Schema, check_identity, connect_reader
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.tick_scan import walk

Progress = Callable[[str], None]
_BAR_COLUMNS = ", ".join(Bar._fields)
_SHOWN = 20  # problems reported per symbol; a damaged file could have millions


@dataclass(slots=True)
class Findings:
    """The result of a check. No problems: the file is intact."""

    ticks: int = 0
    series: int = 0
    problems: list[str] = field(default_factory=list)


def check_pages(path: Path, schema: Schema, progress: Progress) -> Findings:
    """SQLite's integrity check of a Pairbridge file. Raises StoreError if the file cannot be checked."""
    findings = Findings()
    with closing(connect_reader(path)) as db:
        try:
            check_identity(db, path, schema)
            progress(f"{path.name}: pages and indexes")
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)")]
        except sqlite3.OperationalError as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        except sqlite3.DatabaseError as error:
            found = [str(error)]
    findings.problems += [text for text in found if text != "ok"]
    return findings


def check_ticks(path: Path, progress: Progress) -> Findings:
    """Check a ticks file and its archive, in one snapshot. Raises StoreError like ``check_pages``."""
    findings = check_pages(path, TICKS, progress)
    if findings.problems:
        return findings
    with closing(connect_reader(path)) as db:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version < TICKS.version:
            raise StoreError(f"{path} has schema version {version}; the server migrates it when it starts")
        db.execute("BEGIN")  # one snapshot; a running server's log grows until the check is done
        _check_order(db, findings)
        for series_id, market, symbol in db.execute("SELECT series_id, market, symbol FROM series").fetchall():
            progress(f"{path.name}: {market} {symbol}")
            series = _SeriesCheck(db, archive_of(path), series_id, symbol)
            try:
                series.run()
            except ArchiveError as error:
                series.problems.append(str(error))
            findings.series += 1
            findings.ticks += series.ticks
            findings.problems += [f"{market} {symbol}: {text}" for text in series.problems[:_SHOWN]]
    return findings


def _check_order(db: sqlite3.Connection, findings: Findings) -> None:
    """Check that the newest ``seq`` cannot be assigned again."""
    row = db.execute("SELECT value FROM meta WHERE key='last_seq'").fetchone()
    last_seq = int(row[0]) if row else 0
    for table, column in (("ticks", "seq"), ("archive", "last_seq"), ("events", "after_seq")):
        newest = db.execute(f"SELECT max({column}) FROM {table}").fetchone()[0]
        if newest is not None and newest > last_seq:
            findings.problems.append(f"last_seq is {last_seq}, but {table} has {newest}")


class _SeriesCheck:
    """Checks one symbol."""

    def __init__(self, db: sqlite3.Connection, archive: Path, series_id: int, symbol: str) -> None:
        self._db = db
        self._ticks = walk(db, archive, series_id, symbol)
        self._series_id = series_id
        self._open: dict[int, tuple[SecondFold, Bar | None]] = {}
        self._seconds = 0
        self.ticks = 0
        self.problems: list[str] = []

    def run(self) -> None:
        first_id, high_water = self._db.execute(
            "SELECT first_id, high_water FROM series WHERE series_id=?", (self._series_id,)
        ).fetchone()
        accounted = self._accounted()
        following = first_id
        for _, tick in self._ticks:
            self.ticks += 1
            if tick.agg_id != following:
                self._check_gap(following, tick.agg_id - 1, accounted)
            following = tick.agg_id + 1
            if not tick.future:
                self._fold(tick)
        if following - 1 != high_water:
            self.problems.append(f"the newest tick is {following - 1}, the series says {high_water}")
        for fold, bar in self._open.values():
            self._compare(fold, bar)
        (bars,) = self._db.execute("SELECT count(*) FROM bars WHERE series_id=?", (self._series_id,)).fetchone()
        if bars != self._seconds:
            self.problems.append(f"{bars} bars for {self._seconds} seconds with ticks")

    def _accounted(self) -> list[tuple[int, int]]:
        """Ranges of ids that are recorded as missing: in open gaps, or absent on the exchange; ascending and merged."""
        found: list[tuple[int, int]] = []
        gaps = self._db.execute("SELECT missing FROM holes WHERE series_id=? AND closed_ms IS NULL", (self._series_id,))
        for (missing,) in gaps:
            found += [(first, last) for first, last in json.loads(missing)]
        absent = self._db.execute(
            "SELECT detail FROM events JOIN series USING (market, symbol) WHERE kind='absent' AND series_id=?",
            (self._series_id,),
        )
        for (detail,) in absent:
            ids = json.loads(detail)
            found.append((ids["first"], ids["last"]))
        return list(_joined(sorted(found)))

    def _check_gap(self, first: int, last: int, accounted: list[tuple[int, int]]) -> None:
        if last < first:
            self.problems.append(f"tick {last + 1} is before the first, {first}")
            return
        at = bisect_right(accounted, first, key=_first) - 1
        if at < 0 or last > accounted[at][1]:
            self.problems.append(f"ticks {first} to {last} are missing, and not in the ledger")

    def _fold(self, tick: Tick) -> None:
        second = bar_open(tick.trade_time_ms, SECOND_MS)
        if second not in self._open:
            row = self._db.execute(
                f"SELECT {_BAR_COLUMNS} FROM bars WHERE series_id=? AND open_time_ms=?", (self._series_id, second)
            ).fetchone()
            self._open[second] = (SecondFold(second), Bar._make(row) if row else None)
            self._seconds += 1
        fold, bar = self._open[second]
        fold.add(tick)
        if bar is not None and tick.agg_id == bar.last_id:
            self._compare(*self._open.pop(second))

    def _compare(self, fold: SecondFold, bar: Bar | None) -> None:
        if fold.bar() != bar:
            self.problems.append(f"the bar of second {fold.open_time_ms} is {bar}, its ticks make {fold.bar()}")


def _joined(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    current: tuple[int, int] | None = None
    for first, last in ranges:
        if current is not None and first <= current[1] + 1:
            current = (current[0], max(current[1], last))
        else:
            if current is not None:
                yield current
            current = (first, last)
    if current is not None:
        yield current


def _first(ids: tuple[int, int]) -> int:
    return ids[0]
