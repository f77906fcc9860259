"""Bars that were not made from ticks, and funding, as SQL sees them and as a failure leaves them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.market.funding import Funding
from engine.market.sourced import BarsStored, SourcedBar
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
