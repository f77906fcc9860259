"""Exports of a store: what comes out goes in again unchanged, hot and archived, and every mistake is named."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest

from engine.errors import SettingsError, StoreMissing
from engine.files.upload import look_through
from engine.files.writers import FORMATS
from engine.market.sourced import SourcedBar
from engine.market.ticks import Tick
from engine.store import open_backend
from engine.store.interface import Now
from engine.store.sqlite.writer import SqliteTickWriter
from feeds.replay import bring
from services.export import BarRequest, ExportFile, ExportService, NothingToExport, Selection, StoredAnalysis
from services.export.request import read_selection, read_when
from services.export.service import AT_ONCE
from services.jobs import JobBusy
from tests.conftest import ServerHarness
from tests.engine.store.harness import T0, batch, tick, trading
from tests.engine.store.sqlite.test_retention import LATER, files_of, sweep_twice

HOUR = 3_600_000


def service(folder: Path) -> ExportService:
    backend = open_backend(folder)
    return ExportService(backend, lambda: StoredAnalysis(backend))


def content(file: ExportFile) -> bytes:
    return b"".join(file.chunks)


async def filled(folder: Path, market: str = "usdm", ticks: int = 4_000) -> list[Tick]:
    """Two symbols over half an hour, most of it archived, some gaps filled after that."""
    writer = await SqliteTickWriter.open(folder / "ticks.db")
    made = list(islice(trading(random.Random(3), step_ms=450), ticks))
    late = [each for each in made[: ticks // 2] if each.agg_id % 11 == 0]
    at_once = set(late)
    await writer.commit([batch(*(each for each in made if each not in at_once), market=market)], [], LATER)
    await sweep_twice(writer)
    await writer.commit([batch(*late, market=market)], [], LATER)
    assert len(files_of(folder / "ticks.db")) >= 2
    await writer.close()
    return made


IMPORTED = tuple(each for each in FORMATS if each != "arrow")  # Arrow is for other programs


@pytest.mark.parametrize("form", IMPORTED)
@pytest.mark.parametrize("market", ["usdm", "file-mine"])
async def test_ticks_come_back_to_the_byte(harness: ServerHarness, tmp_path: Path, form: str, market: str) -> None:
    folder = tmp_path / "first"
    folder.mkdir()
    made = await filled(folder, market)
    first = service(folder).ticks(Selection(market), form)
    path = tmp_path / first.name
    path.write_bytes(content(first))
    brought = await bring(look_through([path]), market, harness.url, harness.token)
    assert (brought.tally.stored, brought.tally.rejected, brought.again.total()) == (len(made), [], 0)
    again = service(harness.ticks_db.parent).ticks(Selection(market), form)
    assert (again.name, content(again)) == (path.name, path.read_bytes())


@pytest.mark.parametrize("form", IMPORTED)
@pytest.mark.parametrize("width_ms", [1_000, 7_000, 60_000, HOUR])
async def test_bars_come_back_to_the_byte(harness: ServerHarness, tmp_path: Path, form: str, width_ms: int) -> None:
    folder = tmp_path / "first"
    folder.mkdir()
    await filled(folder, "file-mine")
    first = service(folder).ohlc(BarRequest(Selection("file-mine"), width_ms), form)
    path = tmp_path / first.name
    path.write_bytes(content(first))
    brought = await bring(look_through([path]), "file-mine", harness.url, harness.token)
    assert brought.bars.conflicts == 0 and brought.bars.rejected == [] and brought.bars.stored > 0
    again = service(harness.ticks_db.parent).ohlc(BarRequest(Selection("file-mine"), width_ms), form)
    assert content(again) == path.read_bytes()
    assert again.name.split("_")[:4] == first.name.split("_")[:4]


@pytest.mark.parametrize("seed", range(3))
async def test_sums_of_tiny_quantities_come_back(harness: ServerHarness, tmp_path: Path, seed: int) -> None:
    """Sums of floats have up to 17 digits; a volume below 0.001 would then have more decimals than any file."""
    folder = tmp_path / "first"
    folder.mkdir()
    rng = random.Random(seed)
    writer = await SqliteTickWriter.open(folder / "ticks.db")
    ticks = [
        tick(n, n * 130, price=rng.randint(1, 10**9) / 1e12, quantity=rng.randint(1, 10 ** rng.randint(1, 9)) / 1e12)
        for n in range(3_000)
    ]
    await writer.commit([batch(*ticks, market="file-mine")], [], LATER)
    await writer.close()
    request = BarRequest(Selection("file-mine"), 5_000)
    path = tmp_path / "bars.csv"
    path.write_bytes(content(service(folder).ohlc(request, "csv")))
    brought = await bring(look_through([path]), "file-mine", harness.url, harness.token)
    assert brought.bars.rejected == []
    assert content(service(harness.ticks_db.parent).ohlc(request, "csv")) == path.read_bytes()


async def test_what_is_exported_is_what_is_stored(tmp_path: Path) -> None:
    made = await filled(tmp_path)
    found = content(service(tmp_path).ticks(Selection("usdm", ("S1USDT",)), "csv")).decode()
    rows = list(csv.DictReader(io.StringIO(found)))
    assert list(rows[0]) == ["timestamp", "symbol", "price", "size", "agg_id", "buyer_is_maker"]
    expected = sorted((each for each in made if each.symbol == "S1USDT"), key=lambda each: each.agg_id)
    flags = {"true": True, "false": False, "": None}
    assert [
        Tick("S1USDT", int(row["agg_id"]), float(row["price"]), float(row["size"]),
             round(pd.Timestamp(row["timestamp"]).timestamp() * 1_000), flags[row["buyer_is_maker"]])
        for row in rows
    ] == expected  # fmt: skip


async def test_every_reader_reads_every_format(tmp_path: Path) -> None:
    await filled(tmp_path)
    files = {form: content(service(tmp_path).ticks(Selection("usdm"), form)) for form in FORMATS}
    by_pandas = pd.read_csv(io.BytesIO(files["csv"]), parse_dates=["timestamp"])
    by_polars = polars.read_csv(io.BytesIO(files["csv"]), try_parse_dates=True)
    parquet = polars.read_parquet(io.BytesIO(files["parquet"]))
    assert polars.read_ipc(io.BytesIO(files["arrow"])).equals(parquet)
    lines = [json.loads(line) for line in files["ndjson"].splitlines()]
    assert str(by_pandas["timestamp"].dt.tz) == "UTC" and str(parquet.schema["timestamp"].time_zone) == "UTC"  # type: ignore[attr-defined]
    for name in ("symbol", "price", "size", "agg_id"):
        values = parquet[name].to_list()
        assert by_pandas[name].tolist() == by_polars[name].to_list() == [line[name] for line in lines] == values
    times = parquet["timestamp"].dt.epoch("ms").to_list()
    assert by_polars["timestamp"].dt.epoch("ms").to_list() == times
    assert by_pandas["timestamp"].dt.as_unit("ms").astype("int64").tolist() == times
    assert [round(pd.Timestamp(line["timestamp"]).timestamp() * 1_000) for line in lines] == times


async def test_a_range_takes_its_start_and_leaves_its_end(tmp_path: Path) -> None:
    made = await filled(tmp_path)
    from_ms, to_ms = T0 + 100_000, made[-200].trade_time_ms
    frame = polars.read_parquet(content(service(tmp_path).ticks(Selection("usdm", (), from_ms, to_ms), "parquet")))
    expected = {(each.symbol, each.agg_id) for each in made if from_ms <= each.trade_time_ms < to_ms}
    assert set(frame.select("symbol", "agg_id").rows()) == expected and len(frame) == len(expected)
    bars = polars.read_csv(
        content(service(tmp_path).ohlc(BarRequest(Selection("usdm", (), from_ms, to_ms), 60_000), "csv"))
    )
    opens = [read_when(text, "", 0) for text in bars["timestamp"].to_list()]
    assert min(opens) == math.ceil(from_ms / 60_000) * 60_000 and max(opens) < to_ms


async def test_a_bar_that_trades_may_still_change_is_left_out(tmp_path: Path) -> None:
    """Of an exchange's market; a file has no clock that goes on."""
    last = {}
    for market in ("usdm", "file-mine"):
        folder = tmp_path / market
        folder.mkdir()
        made = await filled(folder, market)
        bars = polars.read_csv(content(service(folder).ohlc(BarRequest(Selection(market), 600_000), "csv")))
        last[market] = read_when(bars["timestamp"].to_list()[-1], "", 0)
        assert last[market] == made[-1].trade_time_ms // 600_000 * 600_000 - (600_000 if market == "usdm" else 0)


async def test_bars_that_were_not_made_from_trades_fill_what_trades_leave(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    hour = T0 // HOUR * HOUR
    candles = [
        SourcedBar("BTCUSDT", 60_000, hour + n * 60_000, 10.0 + n, 12.0 + n, 9.0 + n, 11.0 + n, 2.5, "kline")
        for n in range(60)
    ]
    await writer.store_bars("usdm", candles)
    only = SourcedBar("ETHUSDT", 60_000, hour, 1.0, 1.0, 1.0, 1.0, 0.0, "kline")
    await writer.store_bars("usdm", [only])
    await writer.commit([batch(*(tick(n, n * 1_000) for n in range(200)), market="usdm")], [], LATER)
    frame = polars.read_parquet(
        content(service(tmp_path).ohlc(BarRequest(Selection("usdm", ("BTCUSDT",)), 60_000, True), "parquet"))
    )
    sources = dict(zip(((frame["timestamp"].dt.epoch("ms") - hour) // 60_000).to_list(), frame["source"], strict=True))
    traded = {(T0 + n * 1_000 - hour) // 60_000 for n in range(200)}
    newest = max(traded)
    assert sources == {n: "live" if n in traded else "kline" for n in sorted({*range(60), *traded} - {newest})}
    kline = frame.filter(frame["source"] == "kline")
    assert kline["quote_volume"].null_count() == kline["trades"].null_count() == len(kline) > 0
    assert kline["high"].to_list() == [12.0 + n for n, source in sources.items() if source == "kline"]
    hours = polars.read_csv(content(service(tmp_path).ohlc(BarRequest(Selection("usdm", ("ETHUSDT",)), 60_000), "csv")))
    assert hours["close"].to_list() == [1.0]
    with pytest.raises(NothingToExport, match=r"has no symbol ETHUSDT; expected one of: BTCUSDT"):
        service(tmp_path).ticks(Selection("usdm", ("ETHUSDT",)), "csv")
    await writer.close()


async def test_the_summary_is_that_of_the_bars(tmp_path: Path) -> None:
    await filled(tmp_path)
    exports = service(tmp_path)
    request = BarRequest(Selection("usdm"), 5_000, True)
    bars = pd.read_csv(io.BytesIO(content(exports.ohlc(request, "csv"))))
    summary = pd.read_csv(io.BytesIO(content(exports.summary(request, "csv")))).set_index("symbol")
    assert sorted(summary.index) == ["S0USDT", "S1USDT"]
    for symbol, some in bars.groupby("symbol"):
        row, closes = summary.loc[symbol], some["close"]
        returns = 1e4 * np.log(closes).diff().dropna()
        assert (row["bars"], row["trades"]) == (len(some), some["trades"].sum())
        assert row["deviation_bps"] == pytest.approx(returns.std(ddof=1), rel=1e-9)
        assert row["mean_return_bps"] == pytest.approx(returns.mean(), rel=1e-9, abs=1e-9)
        assert (row["least_return_bps"], row["greatest_return_bps"]) == pytest.approx((returns.min(), returns.max()))
        assert row["drawdown_percent"] == pytest.approx(100 * (1 - closes / closes.cummax()).max())
        assert (row["open"], row["close"]) == (some["open"].iloc[0], closes.iloc[-1])
        assert (row["high"], row["low"]) == (some["high"].max(), some["low"].min())
        assert row["volume"] == pytest.approx(some["volume"].sum()) and row["interval"] == "5s"
        steps = (pd.to_datetime(some["timestamp"]).dt.as_unit("ms").astype("int64") // 5_000).diff().dropna()
        assert row["missing_bars"] == int((steps - 1).sum())


@pytest.mark.parametrize(
    ("market", "symbols", "from_", "to", "says"),
    [
        ("usdn", "", "", "", r"market 'usdn' holds no trades; there are the markets: usdm"),
        ("usdm", "NONEUSDT,S0USDT", "", "", r"has no symbol NONEUSDT; expected one of: S0USDT, S1USDT"),
        ("usdm", "S0USDT", "2031-01-01", "", r"nothing from 2031-01-01T.* to the end; expected .* within 2026"),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_named(
    tmp_path: Path, market: str, symbols: str, from_: str, to: str, says: str
) -> None:
    await filled(tmp_path)
    exports = service(tmp_path)
    for _ in range(AT_ONCE + 1):  # and nothing stays occupied
        with pytest.raises(NothingToExport, match=says):
            exports.ticks(read_selection(market, symbols.split(","), from_, to), "csv")


async def test_a_range_between_two_trades_is_empty(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    await writer.commit([batch(tick(1), tick(2, 90_000), market="usdm")], [], Now(T0, 0))
    exports = service(tmp_path)
    for _ in range(AT_ONCE + 1):
        with pytest.raises(
            NothingToExport, match=r"BTCUSDT in market usdm has no row from .* expected a range with trades"
        ):
            exports.ticks(Selection("usdm", (), T0 + 5_000, T0 + 80_000), "csv")
    await writer.close()


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "1767225600", "2200-01-01", "-1", "9" * 16])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"from is .*; expected UTC such as"):
        read_when(text, "from", 0)


def test_ranges_and_formats_are_checked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected an end after its start"):
        read_selection("usdm", [], "2026-01-02", "2026-01-01")
    with pytest.raises(SettingsError, match="format is 'xls'; expected csv, parquet, ndjson or arrow"):
        service(tmp_path).ticks(Selection("usdm"), "xls")
    with pytest.raises(StoreMissing):
        service(tmp_path).ticks(Selection("usdm"), "csv")
    with pytest.raises(SettingsError, match="interval is 1500 ms; expected whole seconds"):
        BarRequest(Selection("usdm"), 1_500)


async def test_two_exports_at_a_time_and_a_dropped_one_makes_room(tmp_path: Path) -> None:
    await filled(tmp_path)
    exports = service(tmp_path)
    open_ones = [exports.ticks(Selection("usdm"), form) for form in ("parquet", "csv")]
    assert len(open_ones) == AT_ONCE
    with pytest.raises(JobBusy, match="2 exports are being made"):
        exports.ticks(Selection("usdm"), "csv")
    open_ones[0].close()
    third = exports.ticks(Selection("usdm"), "csv")
    assert content(third) == content(open_ones[1])
    assert content(exports.ticks(Selection("usdm"), "csv"))  # those that ended made room


async def test_names_say_what_the_files_hold(tmp_path: Path) -> None:
    made = await filled(tmp_path)
    exports = service(tmp_path)
    name = exports.ticks(Selection("usdm", ("S0USDT",), T0, T0 + 60_000), "ndjson").name
    assert name == "ticks_usdm_S0USDT_2026-09-22T030745Z_2026-09-22T030845Z.ndjson"
    name = exports.ohlc(BarRequest(Selection("usdm"), 60_000), "parquet").name
    assert name.startswith("ohlc_usdm_all_1m_2026-09-22T030745Z_") and name.endswith(".parquet") and made
