"""Bulk reads are the stored ticks once each, wherever they are: in the file, in the archive, in both."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path

import polars
import pytest

from engine.errors import StoreError, StoreMissing
from engine.market.ticks import Tick
from engine.store.sqlite import bulk_reader, retention
from engine.store.sqlite.bulk_reader import SqliteBulkReader
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.store.harness import NOW, T0, batch, everything, tick, trading
from tests.engine.store.sqlite.test_retention import LATER, MINUTE, files_of, retention_job, sweep_twice

END = 2**50
ENTIRE = (0, END)


def read(path: Path, symbol: str, from_ms: int = 0, to_ms: int = END, market: str = "sim") -> list[Tick]:
    reader = SqliteBulkReader(path)
    frames = list(reader.ticks(market, symbol, from_ms, to_ms))
    reader.close()
    assert all(len(frame) for frame in frames)
    rows = polars.concat(frames).rows() if frames else []
    return [Tick(symbol, *row) for row in rows]


def stored(path: Path, market: str = "sim") -> dict[str, list[Tick]]:
    return {symbol: [each for _, each in ticks] for symbol, ticks in everything(path, market).items()}


@pytest.fixture(params=[(7, 0), (7, 10**9), (100, 0), (100, 10**9), (20_000, 10**9)], ids=str)
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The size of a page, and from how many ticks on other processes read."""
    size, ahead_from = request.param
    monkeypatch.setattr(bulk_reader, "PAGE", size)
    monkeypatch.setattr(bulk_reader, "BLOCK", 3 * size)
    monkeypatch.setattr(bulk_reader, "READ_AHEAD_FROM", ahead_from)
    return int(size)


@pytest.mark.parametrize("seed", range(2))
async def test_hot_and_archived_ticks_are_one_with_late_fills(
    tmp_path: Path, page: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files overlap where gaps were filled after a sweep, and some ticks are in a file and not deleted yet."""
    rng = random.Random(seed)
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = list(islice(trading(rng, symbols=3, step_ms=600), 3_000))
    late = {each for each in ticks if rng.random() < 0.15}
    for at in range(0, len(ticks), 500):
        await writer.commit([batch(*(each for each in ticks[at : at + 500] if each not in late))], [], NOW)
        await sweep_twice(writer)
        filled = [each for each in late if each in ticks[: max(at - 300, 0)]]
        late -= set(filled)
        if filled:
            await writer.commit([batch(*filled)], [], NOW)
    assert len(files_of(path)) > 10
    if seed % 2:  # archived, but the deletion was interrupted
        await _interrupted_deletion(writer, monkeypatch)
    for symbol, expected in stored(path).items():
        assert read(path, symbol) == expected
        for _ in range(5):
            from_ms, to_ms = sorted(T0 + rng.randrange(-1_000, 1_900_000) for _ in range(2))
            wanted = [each for each in expected if from_ms <= each.trade_time_ms < to_ms]
            assert read(path, symbol, from_ms, to_ms) == wanted
    await writer.close()


async def _interrupted_deletion(writer: SqliteTickWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Exception):
        pass

    async def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(retention.RetentionJob, "_transact", die)
        with pytest.raises(Killed):
            await retention_job(writer).sweep()


@pytest.mark.parametrize("ahead_from", [0, 10**9])
async def test_retention_between_two_pages_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_from: int
) -> None:
    monkeypatch.setattr(bulk_reader, "PAGE", 50)
    monkeypatch.setattr(bulk_reader, "READ_AHEAD_FROM", ahead_from)
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = [tick(n, n * 1_000) for n in range(1, 1_001)]
    await writer.commit([batch(*ticks)], [], NOW)
    reader = SqliteBulkReader(path)
    frames = []
    for number, frame in enumerate(reader.ticks("sim", "BTCUSDT", *ENTIRE)):
        frames.append(frame)
        if number == 2:
            assert (await sweep_twice(writer)).deleted > 500
    assert [Tick("BTCUSDT", *row) for row in polars.concat(frames).rows()] == ticks
    reader.close()
    await writer.close()


async def test_no_page_is_larger_than_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one large archived file nor many small ones are read at once."""
    monkeypatch.setattr(bulk_reader, "PAGE", 40)
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    for day in range(30):
        ticks = [tick(n, day * 3_600_000 + n * 1_000) for n in range(day * 15, day * 15 + 15)]
        await writer.commit([batch(*ticks)], [], LATER)
        await sweep_twice(writer)
    await writer.commit([batch(*(tick(n, 40 * 3_600_000 + n) for n in range(450, 1_000)))], [], LATER)
    await sweep_twice(writer)
    reader = SqliteBulkReader(path)
    sizes = [len(frame) for frame in reader.ticks("sim", "BTCUSDT", *ENTIRE)]
    assert sum(sizes) == 1_000 and max(sizes) <= 80
    reader.close()
    await writer.close()


async def test_seconds_and_spans(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = [tick(n, n * 700, price=100 + n % 5) for n in range(100)]
    await writer.commit([batch(*ticks), batch(tick(5, 0, "Z"), market="spot")], [], NOW)
    reader = SqliteBulkReader(path)
    bars = SqliteTickReader(path).bars("sim", "BTCUSDT", T0, T0 + 30_000)
    columns = reader.seconds("sim", "BTCUSDT", T0, T0 + 30_000)
    for name in ("open_time_ms", "open", "high", "low", "close", "volume", "quote_volume", "trades", "buy_volume"):
        assert getattr(columns, name).tolist() == [getattr(bar, name) for bar in bars], name
    assert columns.has_makers.all()
    assert reader.markets() == ["sim", "spot"] and reader.watermark_ms("sim") == ticks[-1].trade_time_ms
    assert reader.spans("sim") == [("BTCUSDT", T0, T0 + 70_000)] and reader.spans("none") == []
    assert reader.first_trade("sim", "BTCUSDT", T0 + 1_500) == (bars[2].open_time_ms, bars[2].open)
    assert reader.first_trade("sim", "BTCUSDT", T0 + 10**6) is None
    assert reader.seconds("sim", "NONE", *ENTIRE).open_time_ms.size == 0
    reader.close()
    await writer.close()


async def test_an_archived_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    with pytest.raises(StoreMissing):
        SqliteBulkReader(path)
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(*(tick(n, n * MINUTE) for n in range(60)))], [], NOW)
    await sweep_twice(writer)
    files_of(path)[0].unlink()
    with pytest.raises(StoreError, match="is listed in the archive but cannot be read"):
        read(path, "BTCUSDT")
    await writer.close()


async def test_what_a_reading_process_finds_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_reader, "READ_AHEAD_FROM", 0)
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(*(tick(n, n) for n in range(60)))], [], NOW)
    await writer.close()
    reader = SqliteBulkReader(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP VIEW v_ticks")
        db.execute("DROP TABLE ticks")
        db.commit()
    with pytest.raises(StoreError, match="no such table: ticks"):
        list(reader.ticks("sim", "BTCUSDT", *ENTIRE))
    reader.close()


async def test_ids_with_a_large_gap_are_not_counted_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_reader, "READ_AHEAD_FROM", 0)
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = [tick(1), tick(2, 10), tick(2**52, 20)]
    await writer.commit([batch(*ticks)], [], NOW)
    assert read(path, "BTCUSDT") == ticks
    await writer.close()
