"""Scans and seconds in the store: results come back as they went in, columns are what the bars say."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import StoreError
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.analysis_schema import ANALYSIS
from engine.store.sqlite.bar_reader import SqliteBarReader
from engine.store.sqlite.files import Schema, prepare
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.scans import SqliteScans
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.store.harness import NOW, T0, batch, tick, trading


def result(**changes: Any) -> dict[str, Any]:
    fields = {"market": "sim", "interval_ms": 5_000, "symbols": ["A", "B"], "tests": 1, "found": 1, "confirmed": 0}
    return fields | {"pairs": [{"y": "A", "q_value": 0.1 + 0.2, "half_life_bars": None}]} | changes


def test_a_result_comes_back_as_it_went_in_the_newest_first(tmp_path: Path) -> None:
    SqliteAnalysis(tmp_path / "analysis.db").close()
    shelf = SqliteScans(tmp_path / "analysis.db")
    first = shelf.add(1_000, result())
    second = shelf.add(2_000, result(tests=190, market="usdm"))
    assert shelf.newest() == [second, first] and shelf.newest(1) == [second]
    assert (second.tests, second.market, second.symbols, second.at_ms) == (190, "usdm", 2, 2_000)
    assert shelf.result(first.scan_id) == result()
    assert shelf.result(99) is None


def test_a_number_that_json_has_not_is_kept_as_not_known(tmp_path: Path) -> None:
    SqliteAnalysis(tmp_path / "analysis.db").close()
    shelf = SqliteScans(tmp_path / "analysis.db")
    shelf.add(1, result(pairs=[{"hurst": float("nan")}]))
    assert shelf.result(1) == result(pairs=[{"hurst": None}])


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    prepare(tmp_path / "analysis.db", Schema("analysis", ANALYSIS.scripts[:1]))
    with pytest.raises(StoreError, match="no such table: scans"):
        SqliteScans(tmp_path / "analysis.db").add(1, result())


def test_an_analysis_file_of_version_1_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "analysis.db"
    store_id = prepare(path, Schema("analysis", ANALYSIS.scripts[:1]))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO watch VALUES (7, 'sim', 'Y', 'X', '{}')")
    store = SqliteAnalysis(path)
    assert store.store_id == store_id
    assert [entry.watch_id for entry in store.watch_list()] == [7]
    assert SqliteScans(path).add(1, result()).scan_id == 1
    store.close()


async def test_columns_are_what_the_bars_say(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    source = trading(random.Random(3))
    await writer.commit([batch(*(next(source) for _ in range(600)))], [], NOW)
    reader, seconds = SqliteTickReader(path), SqliteBarReader(path)
    for symbol in ("S0USDT", "S1USDT"):
        begin, end = T0 + 2_000, T0 + 20_000
        bars = reader.bars("sim", symbol, begin, end)
        found = seconds.read("sim", symbol, begin, end)
        assert len(bars) > 10 and found.open_time_ms.tolist() == [bar.open_time_ms for bar in bars]
        for name in ("low", "high", "close", "quote_volume"):
            assert getattr(found, name).tolist() == [getattr(bar, name) for bar in bars]
        for name in ("bid", "ask"):
            expected = [np.nan if (value := getattr(bar, name)) is None else value for bar in bars]
            np.testing.assert_array_equal(getattr(found, name), expected)
        assert found.is_sided.tolist() == [bar.price_basis == "quotes" for bar in bars]
    assert not found.is_sided.all() and np.isnan(found.bid).any()
    assert seconds.read("sim", "NONE", 0, T0).close.size == 0
    seconds.close()
    reader.close()
    await writer.close()


async def test_the_reach_of_a_market_names_gaps(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    whole = [tick(n, 1_000 * n, "WHOLE") for n in (1, 2, 3)]
    await writer.commit([batch(tick(1, 500, "TORN"), tick(5, 4_000, "TORN"), *whole)], [], NOW)
    reader = SqliteBarReader(tmp_path / "ticks.db")
    begin = T0 - T0 % 1_000
    assert [(each.symbol, each.has_gap) for each in reader.symbols("sim")] == [("TORN", True), ("WHOLE", False)]
    assert [each.first_ms - begin for each in reader.symbols("sim")] == [0, 1_000]
    assert (reader.watermark_ms("sim"), reader.watermark_ms("usdm")) == (T0 + 4_000, None)
    assert reader.symbols("usdm") == []
    reader.close()
    await writer.close()
