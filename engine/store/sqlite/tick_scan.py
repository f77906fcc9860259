"""Scans one symbol's ticks in id order, archived and hot, while the server moves them."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.market.ticks import Tick
from engine.store.archive.parquet import TickRow, read_file
from engine.store.sqlite.row_mapping import TICK_COLUMNS, tick_of

_PAGE = 5_000  # hot ticks in memory at a time; no lock is held between two pages
_END = 2**63 - 1


def walk(
    db: sqlite3.Connection, archive: Path, series_id: int, symbol: str, first_id: int = 0, last_id: int = _END
) -> Iterator[tuple[int, Tick]]:
    """(seq, tick) of every stored tick with these ids, each once, in ascending id order. Raises ArchiveError.

    A page of hot ticks and the list of files are read in one transaction (the caller's, if open), in which every tick
    is in one of the two; a tick moved later is already in memory, or in a file listed with the next page.
    """
    merging = _Merging(archive, last_id)
    at = first_id
    while at <= last_id:
        with one_state(db):
            hot = db.execute(
                f"SELECT seq, {TICK_COLUMNS} FROM ticks WHERE series_id=? AND agg_id BETWEEN ? AND ?"
                " ORDER BY agg_id LIMIT ?",
                (series_id, at, last_id, _PAGE),
            ).fetchall()
            listed = db.execute(
                "SELECT file, first_id FROM archive WHERE series_id=? AND state<>'begun' AND last_id>=? AND first_id<=?"
                " ORDER BY first_id",
                (series_id, at, last_id),
            ).fetchall()
        through = hot[-1][1] if len(hot) == _PAGE else last_id
        for seq, *row in merging.through(through, at, hot, listed):
            yield seq, tick_of(symbol, row)
        at = through + 1


@contextmanager
def one_state(db: sqlite3.Connection) -> Iterator[None]:
    """All reads inside see the same committed state; in the caller's transaction, if one is open."""
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("COMMIT")


class _Merging:
    """The merge of pages and files. Files overlap where a gap was filled late; a file is opened when reached."""

    def __init__(self, archive: Path, last_id: int) -> None:
        self._archive = archive
        self._last_id = last_id
        self._opened: set[str] = set()
        self._heads: list[tuple[int, int, TickRow, Iterator[TickRow]]] = []
        self._sources = 0

    def through(
        self, last_id: int, from_id: int, hot: Iterable[TickRow], listed: list[tuple[str, int]]
    ) -> Iterator[TickRow]:
        """The rows of ``hot`` and of the files with ids ``from_id..last_id``, each id once."""
        self._take(iter(hot))
        waiting = [(file, first) for file, first in reversed(listed) if file not in self._opened]
        previous: Any = None
        while True:
            while waiting and waiting[-1][1] <= (self._heads[0][0] if self._heads else last_id):
                self._open(waiting.pop()[0], from_id)
            if not self._heads or self._heads[0][0] > last_id:
                return
            agg_id, _, row, source = heapq.heappop(self._heads)
            self._take(source)
            if agg_id != previous:
                yield row
            previous = agg_id

    def _open(self, file: str, from_id: int) -> None:
        self._opened.add(file)
        self._take(read_file(self._archive, file, from_id, self._last_id))

    def _take(self, source: Iterator[TickRow]) -> None:
        row = next(source, None)
        if row is not None:
            self._sources += 1  # breaks ties of equal ids without comparing rows
            heapq.heappush(self._heads, (row[1], self._sources, row, source))
