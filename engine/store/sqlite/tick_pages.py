"""Pages of hot ticks, read here or by processes of their own.

Python makes five objects of every row of SQLite, which takes a core a second for a million rows. Two processes that
read alternate pages halve that. This module is also their program: run as a file it imports the standard library alone,
starts in 30 ms and takes 15 MB.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import struct
import subprocess
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

READERS = 2

_ROWS = 2_000  # that are Python objects at a time
_KINDS = "qddqb"  # agg_id, price, quantity, trade_time_ms, buyer_is_maker (-1: unknown)
_REQUEST, _ANSWER = struct.Struct("<qqqq"), struct.Struct("<qq")
_HOT = (
    "SELECT agg_id, price, quantity, trade_time_ms, ifnull(buyer_is_maker, -1) FROM ticks"
    " WHERE series_id=? AND agg_id BETWEEN ? AND ? AND NOT future ORDER BY agg_id LIMIT ?"
)
_LISTED = (
    "SELECT file, first_id FROM archive WHERE series_id=? AND state<>'begun' AND last_id>=? AND first_id<=?"
    " ORDER BY first_id"
)


class HotPage(NamedTuple):
    """Plausible hot ticks by the column, rising by id; archived files (file, first id) that overlap the page."""

    columns: Sequence[bytes]
    rows: int
    files: list[tuple[str, int]]


def read_page(db: sqlite3.Connection, series_id: int, first_id: int, last_id: int, limit: int) -> HotPage:
    """At most ``limit`` hot ticks. Ticks and files are read in one transaction, in which every tick is in one of the
    two; a tick that moves later is in this page already, or in a file listed with the next one."""
    db.execute("BEGIN")
    try:
        columns = [array(kind) for kind in _KINDS]
        hot = db.execute(_HOT, (series_id, first_id, last_id, limit))
        while rows := hot.fetchmany(_ROWS):
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
        files = db.execute(_LISTED, (series_id, first_id, last_id)).fetchall()
    finally:
        if db.in_transaction:
            db.execute("COMMIT")
    return HotPage([column.tobytes() for column in columns], len(columns[0]), files)


def read_ahead(path: Path, series_id: int, ranges: Sequence[tuple[int, int]]) -> Iterator[HotPage]:
    """All hot ticks of ranges of ids, a page for each, read by ``READERS`` processes, each one page ahead.

    Raises sqlite3.Error where a process could not read.
    """
    with ExitStack() as stack:
        readers = [stack.enter_context(_started(path)) for _ in range(READERS)]
        try:
            for reader, part in zip(readers, ranges, strict=False):
                _ask(reader, series_id, part)
            for at in range(len(ranges)):
                reader = readers[at % READERS]
                page = _answer(reader)
                if at + READERS < len(ranges):
                    _ask(reader, series_id, ranges[at + READERS])
                yield page
        finally:
            for reader in readers:
                reader.kill()


def _started(path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", __file__, path.resolve().as_uri() + "?mode=ro"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _ask(reader: subprocess.Popen[bytes], series_id: int, part: tuple[int, int]) -> None:
    assert reader.stdin is not None
    reader.stdin.write(_REQUEST.pack(series_id, *part, -1))
    reader.stdin.flush()


def _answer(reader: subprocess.Popen[bytes]) -> HotPage:
    assert reader.stdout is not None
    rows, length = _ANSWER.unpack(_exactly(reader.stdout, _ANSWER.size))
    said = json.loads(_exactly(reader.stdout, length))
    if rows < 0:
        raise sqlite3.OperationalError(said)
    columns = [_exactly(reader.stdout, rows * array(kind).itemsize) for kind in _KINDS]
    return HotPage(columns, rows, [(file, first_id) for file, first_id in said])


def _exactly(stream: IO[bytes], length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise sqlite3.OperationalError("a process that reads ticks has ended")
    return found


def _serve(uri: str) -> None:
    """Answer requests until there are no more."""
    gc.disable()  # rows make no cycles; looking for them takes a tenth of the time
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)
    db.execute("PRAGMA cache_size=-500")  # each page is read once
    while len(request := sys.stdin.buffer.read(_REQUEST.size)) == _REQUEST.size:
        try:
            page = read_page(db, *_REQUEST.unpack(request))
            rows, said, columns = page.rows, json.dumps(page.files).encode(), page.columns
        except sqlite3.Error as error:
            rows, said, columns = -1, json.dumps(str(error)).encode(), []
        for part in (_ANSWER.pack(rows, len(said)), said, *columns):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
