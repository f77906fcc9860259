"""Recordings through the server: every valid row is stored once, every invalid one is reported, bars are correct."""

from __future__ import annotations

import gzip
import io
import random
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from engine.files.inspection import Told
from feeds.replay import ReplayFeed
from tests.conftest import ServerHarness
from tests.realdata import recording

FIXTURES = Path(__file__).parent.parent / "fixtures"


async def replay(harness: ServerHarness, path: Path, market: str | None = None) -> None:
    await ReplayFeed(path, market).run(harness.url, harness.token)


def counts(harness: ServerHarness) -> dict[tuple[str, str], int]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        rows = db.execute("SELECT market, symbol, count(*) FROM v_ticks GROUP BY 1, 2").fetchall()
    return {(market, symbol): count for market, symbol, count in rows}


def traffic(harness: ServerHarness, market: str) -> tuple[int, int, int]:
    found = harness.server.intake.metrics.markets[market]
    return found.stored, found.duplicates, found.rejected


@pytest.mark.parametrize("pack", ["plain", "gz", "zip"])
async def test_a_dump_in_any_wrapping(harness: ServerHarness, tmp_path: Path, pack: str) -> None:
    source = FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv"
    path = {"plain": source, "gz": tmp_path / f"{source.name}.gz", "zip": tmp_path / f"{source.stem}.zip"}[pack]
    if pack == "gz":
        path.write_bytes(gzip.compress(source.read_bytes()))
    elif pack == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(source, source.name)
    await replay(harness, path, "usdm")
    assert counts(harness) == {("usdm", "BTCUSDT"): 3}
    assert traffic(harness, "usdm") == (3, 0, 1)


async def test_the_same_file_again_is_all_duplicates(harness: ServerHarness, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        await replay(harness, FIXTURES / "ticks_no_ids.ndjson")
    ((market, _), *_) = counts(harness)
    assert market.startswith("file-")
    assert traffic(harness, market) == (8, 8, 0)
    refused = [record.getMessage() for record in caplog.records if "rows refused" in record.getMessage()]
    assert refused == ["ticks_no_ids.ndjson: 2 rows refused: 'price' is 0"] * 2


async def test_of_recorded_frames_every_aggregate_trade_is_stored_once(harness: ServerHarness) -> None:
    await replay(harness, FIXTURES / "frames_combined.txt", "usdm")
    assert counts(harness) == {("usdm", "AAAUSDT"): 3, ("usdm", "BBBUSDT"): 1}
    assert traffic(harness, "usdm") == (4, 1, 0)
    await replay(harness, FIXTURES / "frames_2026.ndjson", "spot")
    assert counts(harness)[("spot", "BTCUSD_PERP")] == 1
    assert traffic(harness, "spot") == (4, 0, 1)
    (refusal,) = harness.server.intake.rows.refusals
    assert refusal.row.startswith("['DOGEUSDT', 77, '0'") and refusal.reason == "price is '0'; expected more than 0"


async def test_a_file_that_is_not_there_or_not_trades(tmp_path: Path, harness: ServerHarness) -> None:
    with pytest.raises(ValueError, match="expected binance, simulator, or a file that exists"):
        ReplayFeed(tmp_path / "nothing.csv", None)
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam\n")
    with pytest.raises(ValueError, match="columns are 'Dear Sir or Madam': none is the time"):
        await replay(harness, path)


def locked_zip() -> bytes:
    """An archive whose one file asks for a password: a flag says so, in the file's own head and in the directory."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "1,1,1,1,1,1,true")
    found = bytearray(packed.getvalue())
    found[6] |= 1
    found[found.index(b"PK\x01\x02") + 8] |= 1
    return bytes(found)


NOISE = random.Random(7).randbytes(4_000)
DUMP = (FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv").read_bytes()
NO_RECORDINGS = {
    "noise.zip": (NOISE, "is damaged, or is no .zip file (File is not a zip file)"),
    "noise.gz": (NOISE, "is damaged, or is no .gz file (Not a gzipped file"),
    "torn.csv.gz": (gzip.compress(DUMP)[:-20], "is cut off"),
    "bent.csv.gz": (gzip.compress(DUMP)[:10] + NOISE, "is damaged, or is no .gz file (Error -3"),
    "noise.csv": (NOISE, "is not text: byte 0x"),
    "locked.zip": (locked_zip(), "cannot be read: File 'a.csv' is encrypted"),
    "endless.csv": (DUMP + b"1" * 200_000 + b"\n", "has more than 65,536 characters in row 8"),
}


@pytest.mark.parametrize("name", NO_RECORDINGS)
async def test_what_is_no_recording_is_named_with_what_was_expected(tmp_path: Path, name: str) -> None:
    content, found = NO_RECORDINGS[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError) as refused:
        await ReplayFeed(path, None).run("ws://127.0.0.1:9/", "")
    said = str(refused.value)
    assert said.startswith(f"{path} {found}")
    assert said.endswith("; expected CSV, NDJSON or Parquet, as it is or in a .gz or .zip")


def test_a_folder_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder; expected one file of trades"):
        ReplayFeed(tmp_path, None)


async def test_a_refused_row_is_told_in_words(harness: ServerHarness, caplog: pytest.LogCaptureFixture) -> None:
    await replay(harness, FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv", "usdm")
    told = [record.getMessage() for record in caplog.records if "refused BTCUSDT" in record.getMessage()]
    assert told == [
        "BTCUSDT-aggTrades-2026-11-01.csv: refused BTCUSDT 1004 (price 85000.40, quantity 0.000,"
        " time 1793491201000): quantity is '0.000'; expected more than 0"
    ]


def assert_bars_equal_pandas(harness: ServerHarness, market: str) -> None:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        ticks = pd.read_sql("SELECT * FROM v_ticks WHERE market=? ORDER BY agg_id", db, params=(market,))
        bars = pd.read_sql("SELECT * FROM v_bars WHERE market=?", db, params=(market,))
    assert len(ticks) > 0
    rules = {"1s": "1s", "5s": "5s", "1m": "1min", "5m": "5min", "15m": "15min", "1h": "1h"}
    for symbol, of in ticks.groupby("symbol"):
        timed = of.set_index(pd.to_datetime(of["trade_time_ms"], unit="ms", utc=True))
        for name, rule in rules.items():
            found = bars[(bars["symbol"] == symbol) & (bars["interval"] == name)].sort_values("open_time_ms")
            prices = timed["price"].resample(rule).ohlc().dropna()
            volume = timed["quantity"].resample(rule).sum().loc[prices.index]
            assert (found[["open", "high", "low", "close"]].to_numpy() == prices.to_numpy()).all(), (symbol, name)
            assert found["volume"].to_numpy() == pytest.approx(volume.to_numpy(), rel=1e-12), (symbol, name)


async def test_bars_of_a_replay_equal_pandas(harness: ServerHarness) -> None:
    await replay(harness, FIXTURES / "ticks_no_ids.ndjson", "file-mine")
    assert_bars_equal_pandas(harness, "file-mine")


@pytest.mark.realdata
async def test_the_recorded_ticks(harness: ServerHarness, caplog: pytest.LogCaptureFixture) -> None:
    await replay(harness, recording("ticks/usdm_btc_eth_2025-12-15.ndjson"))
    ((market, _), _) = counts(harness)
    assert traffic(harness, market) == (19_182, 0, 0)
    assert sum(counts(harness).values()) == 19_182
    assert "usdm_btc_eth_2025-12-15.ndjson: 98 rows refused: 'price' is 0" in caplog.messages
    assert harness.server.health()["markets"][market]["open_holes"] == 0
    assert_bars_equal_pandas(harness, market)


@pytest.mark.realdata
async def test_the_recorded_frames(harness: ServerHarness) -> None:
    await replay(harness, recording("frames/usdm_combined_2021-07-22.txt"), "usdm")
    assert sum(counts(harness).values()) == 91
    assert traffic(harness, "usdm") == (91, 0, 0)
    await replay(harness, recording("frames/binance_2026_frames.ndjson"), "spot")
    stored, _, rejected = traffic(harness, "spot")
    assert rejected == 0 and stored == sum(n for (market, _), n in counts(harness).items() if market == "spot")


@pytest.mark.parametrize("name", ["oldest_first", "newest_first", "shuffled"])
async def test_the_order_of_a_file_does_not_show_in_its_bars(harness: ServerHarness, name: str) -> None:
    await replay(harness, FIXTURES / "cases" / f"{name}.csv")
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        bars = db.execute("SELECT open, high, low, close, volume, trades FROM v_bars WHERE interval='1m'").fetchall()
    assert bars == [(100.0, 103.9, 100.0, 103.9, 40.0, 40)]


async def test_a_file_without_ids_opens_no_gap_in_an_exchange(harness: ServerHarness) -> None:
    with pytest.raises(ValueError, match="has no ids of an exchange and cannot go into market 'usdm'"):
        await replay(harness, FIXTURES / "cases/noids_mix.csv", "usdm")
    await replay(harness, FIXTURES / "cases/noids_mix.csv")
    await replay(harness, FIXTURES / "cases/MIXUSDT-aggTrades-2026-01-01.csv", "usdm")
    found = counts(harness)
    assert found[("usdm", "MIXUSDT")] == 20 and sorted(found.values()) == [20, 40]
    assert all(market["open_holes"] == 0 for market in harness.server.health()["markets"].values())
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        assert db.execute("SELECT count(*) FROM holes").fetchone() == (0,)


async def test_epoch_seconds_are_the_day_they_were(harness: ServerHarness) -> None:
    await replay(harness, FIXTURES / "cases/seconds.csv")
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        found = db.execute("SELECT min(trade_time_ms), max(trade_time_ms), count(*) FROM v_ticks").fetchone()
    assert found == (1_767_225_600_000, 1_767_225_609_000, 10)


async def test_what_a_file_does_not_say_must_be_said(harness: ServerHarness) -> None:
    with pytest.raises(ValueError, match=r"1 times of ticks\.csv name no zone; say their zone \(zone\)"):
        await replay(harness, FIXTURES / "ticks.csv")
    assert counts(harness) == {}
    await ReplayFeed(FIXTURES / "ticks.csv", "file-mine", told=Told(zone="UTC")).run(harness.url, harness.token)
    assert counts(harness) == {("file-mine", "BTCUSDT"): 4}
