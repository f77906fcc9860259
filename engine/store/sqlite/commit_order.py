"""Every stored tick in the order of commits, archived and hot, while the server moves them."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from engine.store.archive.parquet import TickRow, read_file
from engine.store.sqlite.row_mapping import TICK_COLUMNS
from engine.store.sqlite.tick_scan import one_state

_PAGE = 20_000  # hot ticks in memory at a time; no lock is held between two pages

Placed = tuple[int, int, TickRow]  # seq, series, the values of TICK_COLUMNS


def in_commit_order(db: sqlite3.Connection, archive: Path, seq: int, up_to: int) -> Iterator[Placed]:
    """The ticks stored at ``seq + 1 .. up_to``, each once. Raises ArchiveError.

    A page of hot ticks and the list of files are read in one transaction (the caller's, if open), in which every tick
    is in one of the two. A file is opened when its first tick is due, and its ticks are in memory until its last.
    """
    files: dict[str, Iterator[Placed]] = {}
    heads: list[tuple[int, str, Placed]] = []
    at = seq
    while at < up_to:
        with one_state(db):
            hot = db.execute(
                f"SELECT seq, series_id, {TICK_COLUMNS} FROM ticks WHERE seq>? AND seq<=? ORDER BY seq LIMIT {_PAGE}",
                (at, up_to),
            ).fetchall()
            listed = db.execute(
                "SELECT first_seq, file, series_id FROM archive WHERE state<>'begun' AND last_seq>? AND first_seq<=?"
                " ORDER BY first_seq DESC",
                (at, up_to),
            ).fetchall()
        through = hot[-1][0] if len(hot) == _PAGE else up_to
        waiting = [each for each in listed if each[1] not in files]
        page = iter([(row[0], row[1], row[2:]) for row in hot])
        files[""] = page
        _push(heads, "", page)
        while heads or waiting:
            while waiting and (not heads or waiting[-1][0] <= heads[0][0]) and waiting[-1][0] <= through:
                _, file, series_id = waiting.pop()
                files[file] = _opened(archive, file, series_id, at)
                _push(heads, file, files[file])
            if not heads or heads[0][0] > through:
                break
            due, file, placed = heapq.heappop(heads)
            _push(heads, file, files[file])
            if due > at:
                at = due
                yield placed
        at = through


def _opened(archive: Path, file: str, series_id: int, after: int) -> Iterator[Placed]:
    rows = sorted((row for row in read_file(archive, file) if row[0] > after), key=itemgetter(0))
    return iter([(row[0], series_id, row[1:]) for row in rows])


def _push(heads: list[tuple[int, str, Placed]], file: str, source: Iterator[Placed]) -> None:
    placed = next(source, None)
    if placed is not None:
        heapq.heappush(heads, (placed[0], file, placed))
