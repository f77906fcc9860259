"""Every SQLite error of a reader is a StoreError with the file's name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import NewerSchema, StoreError, StoreMissing
from engine.store.sqlite.bar_reader import SqliteBarReader
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.scans import SqliteScans
from engine.store.sqlite.writer import SqliteTickWriter


async def test_a_table_that_is_gone_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    await (await SqliteTickWriter.open(path)).close()
    reader, seconds = SqliteTickReader(path), SqliteBarReader(path)
    with closing(sqlite3.connect(path)) as db:
        for table in ("ticks", "events", "bars", "series", "markets", "meta"):
            db.execute(f"DROP TABLE {table}")
    for read in (
        lambda: reader.ticks_after(0, 1), lambda: reader.events_after(0, 1), lambda: reader.bars("m", "S", 0, 1),
        reader.last_seq, reader.store_id, reader.deleted_seq,
        lambda: reader.ticks_of_second("m", "S", 0, 1), lambda: seconds.symbols("m"), lambda: seconds.watermark_ms("m"),
        lambda: SqliteScans(path).newest(), lambda: SqliteScans(path).result(1),
    ):  # fmt: skip
        with pytest.raises(StoreError, match=r"ticks.db cannot be read: no such"):
            read()
    reader.close()
    seconds.close()


async def test_a_file_that_is_not_there_is_waited_for_and_a_newer_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    with pytest.raises(StoreMissing):
        SqliteTickReader(path)
    await (await SqliteTickWriter.open(path)).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(NewerSchema):
        SqliteTickReader(path)


def test_a_number_beyond_sqlites_is_no_scan(tmp_path: Path) -> None:
    assert SqliteScans(tmp_path / "analysis.db").result(2**63) is None
