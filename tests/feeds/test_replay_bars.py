"""Bars of files through the server: stored once, told what became of each, the source said."""

from __future__ import annotations

import csv
import random
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.files.inspection import Told
from engine.files.upload import look_through
from engine.pairs.layout import Out
from engine.pairs.settings import classic
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.reader import SqliteTickReader
from feeds.replay import Brought, bring
from live.monitor import Monitor
from tests.conftest import ServerHarness
from tests.realdata import recording

T = 1_767_225_600_000
DAY_MS = 86_400_000
HEAD = ["timestamp", "open", "high", "low", "close", "volume"]


def rows_of(count: int, width_ms: int, seed: int = 1) -> list[list[str]]:
    numbers, price, rows = random.Random(seed), 100.0, []
    for n in range(count):
        opening, price = price, round(price * (1 + numbers.gauss(0, 1e-3)), 2)
        high, low = max(opening, price) + 0.01, min(opening, price) - 0.01
        rows.append([str(T + n * width_ms), *(f"{each:.2f}" for each in (opening, high, low, price)), f"{n % 7}.5"])
    return rows


def write(path: Path, rows: list[list[str]], head: list[str] = HEAD) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


async def brought(harness: ServerHarness, paths: list[Path], market: str = "file-mine", told: Told = Told()) -> Brought:  # noqa: B008
    return await bring(look_through(paths, told), market, harness.url, harness.token)


def stored(harness: ServerHarness, what: str = "*") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        query = f"SELECT {what} FROM v_bars WHERE source != 'live' ORDER BY market, symbol, interval, open_time_ms"
        return db.execute(query).fetchall()


@pytest.mark.parametrize("interval", ["1m", "30s", "7s", "4h", "1d"])
async def test_bars_of_any_width_are_stored_as_they_are(harness: ServerHarness, tmp_path: Path, interval: str) -> None:
    width_ms = {"1m": 60_000, "30s": 30_000, "7s": 7_000, "4h": 14_400_000, "1d": DAY_MS}[interval]
    first = T - T % width_ms  # a week of 7 s does not begin at midnight
    rows = [[str(int(row[0]) - T + first), *row[1:]] for row in rows_of(2_500, width_ms)]
    done = await brought(harness, [write(tmp_path / f"BTCUSDT_{interval}.csv", rows)])
    assert (done.bars.stored, done.bars.known, done.bars.conflicts, done.bars.rejected) == (2_500, 0, 0, [])
    found = stored(harness, "symbol, interval, open_time_ms, open, high, low, close, volume, source")
    assert found == [("BTCUSDT", interval, int(row[0]), *map(float, row[1:]), "upload") for row in rows]


async def test_the_order_and_format_do_not_show_and_again_is_known(harness: ServerHarness, tmp_path: Path) -> None:
    rows = rows_of(1_500, 60_000)
    shuffled = random.Random(5).sample(rows, len(rows))
    first = await brought(harness, [write(tmp_path / "BTCUSDT_1m.csv", shuffled)])
    once = stored(harness)
    again = await brought(harness, [write(tmp_path / "BTCUSDT-1m.csv", rows[::-1])])
    pl.DataFrame([[int(row[0]), *map(float, row[1:])] for row in rows], HEAD, orient="row").write_parquet(
        tmp_path / "BTCUSDT_1m.parquet"
    )
    parquet = await brought(harness, [tmp_path / "BTCUSDT_1m.parquet"])
    assert (first.bars.stored, again.bars.stored, parquet.bars.stored) == (1_500, 0, 0)
    assert again.bars.known == parquet.bars.known == 1_500
    assert stored(harness) == once and len(once) == 1_500


async def test_other_values_for_a_stored_bar_are_conflicts(harness: ServerHarness, tmp_path: Path) -> None:
    rows = rows_of(10, 60_000)
    await brought(harness, [write(tmp_path / "BTCUSDT_1m.csv", rows)])
    rows[3][5] = "99"
    done = await brought(harness, [write(tmp_path / "BTCUSDT_1m.csv", rows)])
    assert (done.bars.stored, done.bars.known, done.bars.conflicts) == (0, 9, 1)


async def test_only_an_exchanges_own_candles_enter_its_market(harness: ServerHarness, tmp_path: Path) -> None:
    plain = write(tmp_path / "BTCUSDT_1m.csv", rows_of(3, 60_000))
    with pytest.raises(ValueError, match="cannot go into market 'usdm'"):
        await brought(harness, [plain], "usdm")
    dump = [[*row, str(int(row[0]) + 59_999), "1", "1", "1", "1", "0"] for row in rows_of(3, 60_000)]
    path = tmp_path / "BTCUSDT-1m-2026-01.csv"
    path.write_text("\n".join(",".join(row) for row in dump))
    assert (await brought(harness, [path], "usdm")).bars.stored == 3
    assert set(stored(harness, "market, source")) == {("usdm", "kline")}


@pytest.mark.realdata
async def test_the_recorded_candles(harness: ServerHarness) -> None:
    paths = [recording(f"klines/{name}USDT_1m.csv") for name in ("BTC", "ETH", "SOL", "BNB", "ADA")]
    done = await brought(harness, paths, "file-bybit")
    assert (done.bars.stored, done.bars.rejected) == (5 * 43_200, [])
    for path in paths:
        with path.open() as file:
            given = [tuple(map(float, row[1:])) for row in list(csv.reader(file))[1:]]
        with closing(sqlite3.connect(harness.ticks_db)) as db:
            found = db.execute(
                "SELECT open, high, low, close, volume FROM v_bars WHERE market='file-bybit' AND symbol=?"
                " AND interval='1m' ORDER BY open_time_ms",
                (path.name.partition("_")[0],),
            ).fetchall()
        assert found == given


@pytest.mark.realdata
async def test_a_pair_of_the_recorded_candles_is_analysed(harness: ServerHarness, tmp_path: Path) -> None:
    await brought(harness, [recording(f"klines/{name}USDT_1m.csv") for name in ("BTC", "ETH")], "file-bybit")
    chosen = classic(interval_ms=60_000)
    monitor = Monitor(
        partial(SqliteTickReader, harness.ticks_db), SqliteAnalysis(tmp_path / "analysis.db"),
        ("ETHUSDT", "BTCUSDT", chosen),
    )  # fmt: skip
    monitor.step()
    monitor.watch("file-bybit", "ETHUSDT", "BTCUSDT", chosen)
    while monitor.step():
        pass
    (run,) = [run for pipeline in monitor.pipelines.values() for run in pipeline.runs.values()]
    assert run.model.size >= 20_000 and np.isfinite(run.model.column(Out.Z)[-1])
    monitor.close()
