"""The write-ahead log: bounded while somebody reads, short again afterwards."""

from __future__ import annotations

import random
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from engine.store.sqlite.files import connect_reader
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.store.harness import NOW, assert_whole, batch, trading


async def test_beside_a_long_reader_commits_gather_and_the_log_shrinks_when_it_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ticks.db"
    monkeypatch.setattr("engine.store.sqlite.writer.WAL_LARGE_BYTES", 400_000)
    monkeypatch.setattr("engine.store.sqlite.writer.WAL_KEPT_BYTES", 100_000)
    writer = await SqliteTickWriter.open(path)
    source = trading(random.Random(1))
    await writer.commit([batch(next(source))], [], NOW)
    with closing(connect_reader(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ticks").fetchone()
        while not writer.pause_s():
            await writer.commit([batch(*islice(source, 20))], [], NOW)
            waiting = (await writer.checkpoint()).waiting_pages
        assert waiting > 0, "the reader holds the log"
        assert writer.wal_bytes() > 400_000
        reader.execute("COMMIT")
    assert (await writer.checkpoint()).waiting_pages == 0
    await writer.commit([batch(next(source))], [], NOW)
    assert writer.wal_bytes() <= 100_000 and not writer.pause_s()
    await writer.close()
    assert_whole(path)
