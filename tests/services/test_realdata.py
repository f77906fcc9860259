"""The real recordings through upload, pair and export; what comes out goes in again and comes out the same."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import numpy as np
import polars
import pytest

from engine.files.upload import look_through
from engine.files.writers import FORMATS
from engine.pairs.layout import Out
from engine.pairs.settings import classic
from engine.store import open_backend
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.reader import SqliteTickReader
from feeds.replay import Brought, bring
from live.monitor import Monitor
from services.export import BarRequest, ExportFile, ExportService, MonitorAnalysis, PairRequest, Selection
from services.job_process import ProcessExecutor
from services.jobs import Jobs
from services.uploads import UploadService
from tests.conftest import ServerHarness, until
from tests.realdata import recording
from tests.services.test_export import IMPORTED, content, service

pytestmark = pytest.mark.realdata

TICKS = "ticks/usdm_btc_eth_2025-12-15.ndjson"
MINUTE_MS = 60_000
PART = 1_024 * 1_024  # bytes of one part of an upload


@pytest.fixture
async def uploads(harness: ServerHarness) -> AsyncIterator[UploadService]:
    jobs = Jobs(ProcessExecutor())
    yield UploadService(jobs, harness.config.data_dir, harness.url, lambda: harness.token, lambda: None)
    jobs.close()


async def brought(harness: ServerHarness, market: str, *paths: Path) -> Brought:
    return await bring(look_through(list(paths)), market, harness.url, harness.token)


def written(folder: Path, file: ExportFile) -> Path:
    path = folder / file.name
    path.write_bytes(content(file))
    return path


@pytest.mark.parametrize("form", IMPORTED)
async def test_recorded_ticks_come_back_to_the_byte(harness: ServerHarness, tmp_path: Path, form: str) -> None:
    first = await brought(harness, "file-first", recording(TICKS))
    assert (first.tally.stored, first.tally.rejected) == (19_280 - 98, [])
    exports = service(harness.ticks_db.parent)
    path = written(tmp_path, exports.ticks(Selection("file-first"), form))
    again = await brought(harness, "file-again", path)
    assert (again.tally.stored, again.tally.rejected) == (first.tally.stored, [])
    assert content(exports.ticks(Selection("file-again"), form)) == path.read_bytes()


@pytest.mark.parametrize("form", IMPORTED)
async def test_recorded_candles_come_back_to_the_byte(harness: ServerHarness, tmp_path: Path, form: str) -> None:
    """Those of the symbol with minutes without a trade, as minutes and as hours."""
    first = await brought(harness, "file-first", recording("klines/BNBUSDT_1m.csv"))
    assert (first.bars.stored, first.bars.rejected) == (43_200, [])
    exports = service(harness.ticks_db.parent)
    for width_ms, count in ((MINUTE_MS, 43_200), (60 * MINUTE_MS, 43_200 // 60 - 1)):
        market = f"file-again-{width_ms}"
        path = written(tmp_path, exports.ohlc(BarRequest(Selection("file-first"), width_ms), form))
        again = await brought(harness, market, path)
        assert (again.bars.stored, again.bars.conflicts, again.bars.rejected) == (count, 0, [])
        assert content(exports.ohlc(BarRequest(Selection(market), width_ms), form)) == path.read_bytes()


async def uploaded(uploads: UploadService, *paths: Path) -> None:
    """The files in parts, as the page sends them; returns when their rows are stored."""
    upload: str | None = None
    for path in paths:
        data = path.read_bytes()
        for at in range(0, len(data), PART):
            upload = uploads.receive(path.name, data[at : at + PART], at=at, upload=upload).upload
    assert upload is not None
    for phase, begin in (("looked", uploads.look), ("stored", partial(uploads.store, market="file-bybit"))):
        begin(upload, {})
        await until(lambda: uploads.state(upload).phase not in ("looking", "storing"), 60, "the end of the job")
        assert (uploads.state(upload).phase, uploads.state(upload).problem) == (phase, "")


async def test_uploaded_candles_become_a_pair_whose_export_has_its_bars(
    harness: ServerHarness, uploads: UploadService, tmp_path: Path
) -> None:
    paths = {name: recording(f"klines/{name}_1m.csv") for name in ("ETHUSDT", "BTCUSDT")}
    await uploaded(uploads, *paths.values())
    chosen = classic(interval_ms=MINUTE_MS)
    monitor = Monitor(
        partial(SqliteTickReader, harness.ticks_db), SqliteAnalysis(tmp_path / "analysis.db"), (*paths, chosen)
    )
    try:
        monitor.step()
        monitor.watch("file-bybit", *paths, chosen)
        while monitor.step():
            pass
        (run,) = [run for pipeline in monitor.pipelines.values() for run in pipeline.runs.values()]
        exports = ExportService(open_backend(harness.ticks_db.parent), lambda: MonitorAnalysis(monitor))
        files = {form: content(exports.analytics(PairRequest("file-bybit", *paths), form)) for form in FORMATS}
    finally:
        monitor.close()
    frame = polars.read_parquet(io.BytesIO(files["parquet"]))
    assert len(frame) == run.model.size >= 20_000
    z = run.model.column(Out.Z)[: len(frame)]
    np.testing.assert_array_equal(frame["z"].fill_null(float("nan")).to_numpy(), z)
    lines = polars.read_ndjson(io.BytesIO(files["ndjson"]), infer_schema_length=None)
    table = polars.read_csv(io.BytesIO(files["csv"]), infer_schema_length=None)
    assert lines["z"].to_list() == table["z"].to_list() == frame["z"].to_list()
    times = frame["timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S+00:00").to_list()
    for side, path in zip("yx", paths.values(), strict=True):
        closes = {row[0]: float(row[4]) for row in csv.reader(path.read_text().splitlines()[1:])}
        given = [closes.get(time) for time in times]
        assert frame[f"{side}_close"].to_list() == given, path.name
