"""Bars for a scan: trades where they are whole, candles where they are not, and neither where there is neither."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from engine.market.sourced import SourcedBar
from engine.market.ticks import Tick
from engine.scan import ScanSettings
from engine.scan.request import ScanRequest
from engine.store.interface import Now
from engine.store.sqlite.bar_reader import SqliteBarReader
from engine.store.sqlite.writer import SqliteTickWriter
from services.scan_bars import MarketBars, read_market
from services.scan_job import scan
from services.universe_fetch import FetchedUniverse
from tests.engine.store.harness import batch

MINUTE = 60_000
T0 = 1_790_046_000_000
BARS = 400
REQUEST = ScanRequest("sim", MINUTE, BARS * MINUTE, ScanSettings(least_bars=150))


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[SqliteTickWriter]:
    opened = await SqliteTickWriter.open(tmp_path / "ticks.db")
    yield opened
    await opened.close()


def candle(symbol: str, slot: int, close: float = 50.0, volume: float = 2.0, width_ms: int = MINUTE) -> SourcedBar:
    at = T0 + slot * width_ms
    return SourcedBar(symbol, width_ms, at, close, close, close, close, volume, "kline")


def trade(symbol: str, number: int, slot: int, price: float = 100.0) -> Tick:
    return Tick(symbol, number, price, 1.0, T0 + slot * MINUTE + 30_000, None)


def read(folder: Path, request: ScanRequest = REQUEST, fetched: FetchedUniverse | None = None) -> MarketBars:
    return read_market(request, SqliteBarReader(folder / "ticks.db"), lambda *_: None, fetched)


async def test_a_market_that_has_candles_alone_is_scanned(writer: SqliteTickWriter, tmp_path: Path) -> None:
    """Y keeps to X, and the third walks: found as it would be among trades."""
    bars = 1_500
    rng = np.random.default_rng(5)
    x, walk = np.cumsum(rng.normal(0, 1e-3, (2, bars)), axis=1)
    spread = np.zeros(bars)
    for t in range(1, bars):
        spread[t] = 0.6 * spread[t - 1] + rng.normal(0, 1e-3)
    logs = {"XUSDT": x, "YUSDT": 0.8 * x + spread, "AUSDT": walk}
    for name, log in logs.items():
        volume = 9.0 if name == "XUSDT" else 1.0
        await writer.store_bars("sim", [candle(name, t, 50 * float(np.exp(log[t])), volume) for t in range(bars)])
    request = ScanRequest("sim", MINUTE, bars * MINUTE)
    result = scan(request, SqliteBarReader(tmp_path / "ticks.db"), lambda *_: None, threads=1)
    assert (result["tests"], result["found"], result["confirmed"], result["candles"]) == (3, 1, 1, 1.0)
    assert (result["pairs"][0]["y"], result["pairs"][0]["x"]) == ("YUSDT", "XUSDT")
    assert (result["from_ms"], result["to_ms"]) == (T0, T0 + bars * MINUTE)
    assert (result["fetched"], result["not_fetched"]) == (None, [])


async def test_trades_win_and_candles_stand_in_where_there_are_none(writer: SqliteTickWriter, tmp_path: Path) -> None:
    await writer.commit([batch(*(trade("AUSDT", n + 1, 3 + n) for n in range(4)))], [], Now(T0, 0))
    await writer.store_bars("sim", [candle("AUSDT", slot, 50.0 + slot) for slot in range(10)])
    await writer.store_bars("sim", [candle("BUSDT", slot, volume=float(slot != 5)) for slot in range(10)])
    found = read(tmp_path)
    assert list(found.prices.columns) == ["AUSDT", "BUSDT"] and len(found.prices) == 10
    # The first trade came within the fourth bar, which its trades do not have whole.
    assert found.prices["AUSDT"].tolist() == [50, 51, 52, 53, 100, 100, 100, 57, 58, 59]
    assert found.volumes["AUSDT"].tolist() == [100, 102, 104, 106, 100, 100, 100, 114, 116, 118]
    assert np.flatnonzero(found.prices["BUSDT"].isna()).tolist() == [5], "nothing traded in it"
    assert found.candles == pytest.approx(16 / 19) and found.gaps == []


async def test_where_ids_are_missing_candles_are_taken(writer: SqliteTickWriter, tmp_path: Path) -> None:
    ticks = [trade("AUSDT", 1, 0), trade("AUSDT", 2, 1), trade("AUSDT", 9, 3), trade("AUSDT", 10, 9)]
    await writer.commit([batch(*ticks), batch(trade("BUSDT", 1, 0), trade("BUSDT", 2, 9))], [], Now(T0, 0))
    assert read(tmp_path).gaps == ["AUSDT"]
    await writer.store_bars("sim", [candle("AUSDT", slot) for slot in range(9)])
    found = read(tmp_path)
    assert found.prices["AUSDT"].tolist() == [50.0] * 9 and found.gaps == []


async def test_narrower_candles_are_rolled_up_and_wider_ones_left(writer: SqliteTickWriter, tmp_path: Path) -> None:
    for name in ("AUSDT", "BUSDT"):
        await writer.store_bars("sim", [candle(name, slot, 10.0 + slot) for slot in range(610)])
    wide = ScanRequest("sim", 5 * MINUTE, 1_000 * MINUTE, ScanSettings(least_bars=100))
    found = read(tmp_path, wide)
    begun = -(-T0 // (5 * MINUTE)) * 5 * MINUTE
    assert found.from_ms == begun and found.prices["AUSDT"].notna().all()
    assert found.prices["AUSDT"].iloc[0] == 10.0 + (begun - T0) // MINUTE + 4
    await writer.store_bars("usdm", [candle(name, slot, 1.0, 1.0, 3_600_000) for name in ("A", "B") for slot in (0, 1)])
    with pytest.raises(ValueError, match="market usdm has 0 symbols with trades or candles"):
        read(tmp_path, ScanRequest("usdm", MINUTE, BARS * MINUTE))


async def test_a_fetched_universe_is_all_that_is_read(writer: SqliteTickWriter, tmp_path: Path) -> None:
    for name in ("AUSDT", "BUSDT", "CUSDT"):
        await writer.store_bars("sim", [candle(name, slot) for slot in range(BARS)])
    chosen = FetchedUniverse(("CUSDT", "AUSDT", "GONE"), T0, T0 + 300 * MINUTE, {"GONE": "HTTP 400"})
    found = read(tmp_path, fetched=chosen)
    assert list(found.prices.columns) == ["CUSDT", "AUSDT"] and len(found.prices) == 300
    result = scan(REQUEST, SqliteBarReader(tmp_path / "ticks.db"), lambda *_: None, fetched=chosen)
    assert (result["fetched"], result["not_fetched"]) == (3, [["GONE", "HTTP 400"]])
