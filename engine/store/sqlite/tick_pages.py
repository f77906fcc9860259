"""Pages of hot ticks, read here or by processes of their own: see ``page_process``."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

from engine.store.sqlite import page_process
from engine.store.sqlite.packed_rows import unpacked
from engine.store.sqlite.page_process import ANSWER, ARCHIVED, REQUEST

READERS = 2
CAN_READ_AHEAD = hasattr(sqlite3.Connection, "serialize")  # an SQLite may be built without it

_ROWS = 2_000  # that are Python objects at a time
_KINDS = "qddqb"
_HOT = (
    "SELECT agg_id, price, quantity, trade_time_ms, ifnull(buyer_is_maker, -1) FROM ticks"
    " WHERE series_id=? AND agg_id BETWEEN ? AND ? AND NOT future ORDER BY agg_id LIMIT ?"
)


class HotPage(NamedTuple):
    """Plausible hot ticks by the column, rising by id; archived files (file, first id) that overlap the page.

    ``columns``: buffers of ``agg_id`` (int64), ``price``, ``quantity`` (float64), ``trade_time_ms`` (int64) and
    ``buyer_is_maker`` (int8, -1: unknown).
    """

    columns: Sequence[Any]
    files: list[tuple[str, int]]

    @property
    def rows(self) -> int:
        """The number of ticks."""
        return len(self.columns[0])


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
        files = db.execute(ARCHIVED, (series_id, first_id, last_id)).fetchall()
    finally:
        if db.in_transaction:
            db.execute("COMMIT")
    return HotPage(columns, files)


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
    command = [sys.executable, "-I", "-S", page_process.__file__, path.resolve().as_uri() + "?mode=ro"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _ask(reader: subprocess.Popen[bytes], series_id: int, part: tuple[int, int]) -> None:
    assert reader.stdin is not None
    reader.stdin.write(REQUEST.pack(series_id, *part))
    reader.stdin.flush()


def _answer(reader: subprocess.Popen[bytes]) -> HotPage:
    assert reader.stdout is not None
    length, size = ANSWER.unpack(_exactly(reader.stdout, ANSWER.size))
    said = json.loads(_exactly(reader.stdout, length))
    if size < 0:
        raise sqlite3.OperationalError(said)
    columns = unpacked(_exactly(reader.stdout, size))
    return HotPage(columns, [(file, first_id) for file, first_id in said])


def _exactly(stream: IO[bytes], length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise sqlite3.OperationalError("a process that reads ticks has ended")
    return found
