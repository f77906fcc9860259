"""Bars that were not made from ticks, and funding, as SQL sees them and as a failure leaves them."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.market.funding import Funding
from engine.market.sourced import BarsStored, SourcedBar, spans_of
from engine.store import open_backend
from engine.store.sqlite import bar_spans
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.store.harness import NOW, T0, assert_whole, batch, query, tick

MINUTE = 60_000
START = T0 - T0 % 3_600_000


def bar(slot: int, width_ms: int = MINUTE, symbol: str = "BTCUSDT", source: str = "kline") -> SourcedBar:
    return SourcedBar(symbol, width_ms, START + slot * width_ms, 10.0, 12.0, 9.0, 11.0, 1.5, source)


async def test_the_view_shows_them_where_no_tick_is(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    in_minute = (T0 - START) // MINUTE
    await writer.store_bars("sim", [bar(slot) for slot in (in_minute - 1, in_minute, in_minute + 1)])
    await writer.store_bars("sim", [bar(0, 86_400_000)._replace(open_time_ms=T0 - T0 % 86_400_000), bar(3, 30_000)])
    await writer.store_bars("file-1", [bar(0, 5_400_000, "A", "upload")._replace(open_time_ms=0)])
    await writer.commit([batch(tick(1), tick(2, 900))], [], NOW)
    await writer.close()
    rows = query(path, "SELECT open_time_ms, close, trades, source FROM v_bars WHERE interval='1m' AND market='sim'")
    found = [((at - START) // MINUTE - in_minute, close, trades, source) for at, close, trades, source in rows]
    assert sorted(found) == [(-1, 11.0, None, "kline"), (0, 100.0, 2, "live"), (1, 11.0, None, "kline")]
    others = query(path, "SELECT DISTINCT interval, source FROM v_bars WHERE source<>'live' ORDER BY 1")
    assert others == [("1m", "kline"), ("30s", "kline"), ("90m", "upload")]
    assert_whole(path)


async def test_a_query_of_one_symbol_looks_at_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    await (await SqliteTickWriter.open(path)).close()
    plan = query(path, "EXPLAIN QUERY PLAN SELECT * FROM v_bars WHERE interval='1h' AND market='sim' AND symbol='S'")
    steps = [row[3] for row in plan]
    assert any(step.startswith("SEARCH b") for step in steps) and any(step.startswith("SEARCH w") for step in steps)
    assert not {"SCAN b", "SCAN t", "SCAN w", "SCAN bars", "SCAN sourced_bars"} & set(steps), steps


async def test_funding_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.store_funding("usdm", [Funding("BTCUSDT", "settled", T0, 1e-4, 100.0)])
    await writer.close()
    assert query(path, "SELECT * FROM v_funding") == [("usdm", "BTCUSDT", "settled", T0, 1e-4, 100.0, None, None)]


async def test_a_failure_stores_nothing_and_the_next_try_all(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1))], [], NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TRIGGER t BEFORE INSERT ON sourced_bars BEGIN SELECT RAISE(ABORT, 'no'); END")
        with pytest.raises(StoreError, match="cannot be written: no"):
            await writer.store_bars("sim", [bar(0), bar(1)])
        db.execute("DROP TRIGGER t")
    assert query(path, "SELECT count(*) FROM events") == query(path, "SELECT count(*) FROM sourced_series") == [(0,)]
    assert await writer.store_bars("sim", [bar(0), bar(1)]) == BarsStored(2, 0, 0)
    commit = await writer.commit([batch(tick(2))], [], NOW)
    assert commit.last_seq == 2
    assert query(path, "SELECT after_seq, kind FROM events") == [(1, "bars")]
    await writer.close()
    assert_whole(path)


async def test_where_bars_are_is_read_by_time_alone_and_a_part_at_a_time(tmp_path: Path) -> None:
    """A commit that is asked for while many bars are looked through does not wait for all of them."""
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db", "crash")
    count = 2 * bar_spans.TIMES_AT_ONCE + 5_000
    await writer.store_bars("sim", [bar(slot) for slot in range(count)])
    said: list[str] = []
    await writer._db.run(lambda db: db.set_trace_callback(said.append))
    looking = asyncio.create_task(writer.bar_spans("sim", "BTCUSDT", MINUTE, 0, 2**50))
    await asyncio.sleep(0)
    await writer.commit([batch(tick(1))], [], NOW)
    assert not looking.done()
    assert await looking == [(START, START + count * MINUTE)]
    reads = [each for each in said if "FROM sourced_bars" in each]
    assert len(reads) == 3 and all(each.startswith("SELECT open_time_ms FROM") for each in reads)
    assert all(each.endswith(f"LIMIT {bar_spans.TIMES_AT_ONCE}") for each in reads)
    await writer.close()


async def test_where_bars_are_is_where_bars_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_spans, "TIMES_AT_ONCE", 7)
    rng = random.Random(5)
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db", "crash")
    for width, slots in ((1, 300), (2, 150), (5, 60), (10, 30)):
        chosen = [slot for slot in range(slots) if rng.random() < 0.4 or slot % 30 < 20]
        await writer.store_bars("sim", [bar(slot, width * MINUTE) for slot in rng.sample(chosen, len(chosen))])
    reader = open_backend(tmp_path).bar_reader()
    found = 0
    for _ in range(60):
        width_ms = rng.choice([1, 2, 4, 5, 10, 30, 60]) * MINUTE
        begin = START + rng.randrange(200) * MINUTE
        span = (begin, begin + rng.randrange(200) * MINUTE)
        times = [each.open_time_ms for each in reader.sourced_bars("sim", "BTCUSDT", width_ms, *span)]
        assert await writer.bar_spans("sim", "BTCUSDT", width_ms, *span) == spans_of(times, width_ms)
        found += len(times)
    assert found > 1_000
    reader.close()
    await writer.close()


async def test_a_file_that_is_replaced_while_it_is_looked_through_is_looked_through_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the old file had must not be taken for what the new one has."""
    monkeypatch.setattr(bar_spans, "TIMES_AT_ONCE", 4)
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db", "crash")
    await writer.store_bars("sim", [bar(slot) for slot in range(10)])

    def replace_the_file(statement: str) -> None:
        if statement == "BEGIN IMMEDIATE":
            (tmp_path / "ticks.db").unlink()

    await writer._db.run(lambda db: db.set_trace_callback(replace_the_file))
    looking = asyncio.create_task(writer.bar_spans("sim", "BTCUSDT", MINUTE, 0, 2**50))
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="was deleted or replaced"):
        await writer.store_bars("sim", [bar(10)])
    with pytest.raises(StoreError, match="was replaced meanwhile"):
        await looking
    assert await writer.bar_spans("sim", "BTCUSDT", MINUTE, 0, 2**50) == []
    await writer.close()
