"""Files that are sent by the column: stored as those that are sent by the row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import engine.files.inspection
from engine.files.upload import look_through
from engine.files.vectors import EncodedRows
from feeds.batch_queue import BatchQueue
from feeds.replay import bring
from tests.conftest import ServerHarness

T = 1_767_225_600_000


def stored(harness: ServerHarness, market: str) -> list[Any]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        ticks = "SELECT symbol, agg_id, price, quantity, trade_time_ms, buyer_is_maker FROM v_ticks WHERE market=?"
        bars = (
            "SELECT symbol, interval, open_time_ms, open, high, low, close, volume, source FROM v_bars WHERE market=?"
        )
        return [db.execute(f"{query} ORDER BY 1, 2, 3", (market,)).fetchall() for query in (ticks, bars)]


async def test_the_store_is_the_same(harness: ServerHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = ("BTCUSDT", "ethusdt")
    rows = [
        f"{T + n * 20},{symbols[n % 2]},{100 + n % 7}.25,{n % 9 + 1},{('true', 'false', '')[n % 3]}"
        for n in range(9_000)
    ]
    ticks, bars = tmp_path / "ticks.csv", tmp_path / "BTCUSDT_1m.csv"
    ticks.write_text("\n".join(["timestamp,symbol,price,size,is_buyer_maker", *rows]))
    bars.write_text(
        "timestamp,open,high,low,close,volume\n" + "".join(f"{T + n * 60_000},2,3,1,2,{n}\n" for n in range(7_500))
    )
    for small, market in ((0, "file-columns"), (1 << 40, "file-rows")):
        monkeypatch.setattr(engine.files.inspection, "_SMALL", small)
        for path, count in ((ticks, 9_000), (bars, 7_500)):
            done = await bring(look_through([path]), market, harness.url, harness.token)
            assert done.tally.stored + done.bars.stored == count and done.bars.rejected == []
    assert stored(harness, "file-columns") == stored(harness, "file-rows")
    monkeypatch.setattr(engine.files.inspection, "_SMALL", 0)
    again = await bring(look_through([bars]), "file-columns", harness.url, harness.token)
    assert (again.bars.known, again.bars.stored) == (7_500, 0)


@pytest.mark.parametrize("extra", ["first_trade_id", "last_trade_id"])
def test_one_end_of_the_fills_alone_is_not_used(extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ticks.csv"
    rows = [f"BTCUSDT,{T + n},1.5,2.5,{n},{n}" for n in range(50)]
    path.write_text("\n".join([f"symbol,time,price,size,agg_trade_id,{extra}", *rows]))
    found = []
    for small in (0, 1 << 40):
        monkeypatch.setattr(engine.files.inspection, "_SMALL", small)
        (file,) = look_through([path]).files
        found.append((file.rows, file.first_rows, file.last_rows))
    assert found[0] == found[1] and found[0][0] == 50


async def test_a_row_that_the_server_refuses_is_named(harness: ServerHarness, tmp_path: Path) -> None:
    rows = [f"{n},100.5,{'0' if n == 4_000 else '1.5'},{n},{n},{T + n},true" for n in range(6_000)]
    path = tmp_path / "BTCUSDT-aggTrades-2026-01-01.csv"
    path.write_text("\n".join(rows))
    done = await bring(look_through([path]), "usdm", harness.url, harness.token)
    ((row, reason),) = done.tally.rejected
    assert (row[:2], done.tally.stored) == (["BTCUSDT", 4_000], 5_999) and reason.startswith("quantity is '0'")


def test_encoded_rows_keep_their_place_and_fit_the_servers_limit() -> None:
    queue = BatchQueue()
    queue.add([["A", 0]])
    queue.add_encoded(EncodedRows(3, '[["A",1],["A",2],["A",3]]'))
    queue.add([["A", 4]])
    queue.connected(max_rows=2, max_in_flight=9)
    assert (queue.queued, len(queue)) == (5, 5)
    assert queue.ready() == [
        '{"type":"ticks","seq":1,"rows":[["A",0]]}', '{"type":"ticks","seq":2,"rows":[["A",1],["A",2]]}',
        '{"type":"ticks","seq":3,"rows":[["A",3],["A",4]]}',
    ]  # fmt: skip
    assert (queue.queued, len(queue)) == (0, 5)
    queue = BatchQueue()
    queue.add_encoded(EncodedRows(2, '[["A",1],["A",2]]'))
    queue.connected(max_rows=500, max_in_flight=9)
    assert queue.ready() == ['{"type":"ticks","seq":1,"rows":[["A",1],["A",2]]}']
    queue.acknowledged({"seq": 1, "stored": 1, "duplicates": 0, "conflicts": 0, "rejected": [[1, "bad"]]})
    assert (queue.acked, queue.tally.rejected) == (2, [(["A", 2], "bad")])
