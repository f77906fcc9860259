"""Exports over HTTP: names, types, parameters, and errors in words, through the routes of the dashboard."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pandas as pd
import polars
import pytest
from fastapi import FastAPI

from api.export import KINDS, PATHS, add_export_routes
from api.problems import answer_in_problems
from engine.store import open_backend
from services.export import ExportService, MonitorAnalysis
from services.export.market import SymbolSummary
from services.export.scan import SCAN_COLUMNS
from services.export.signals import SIGNAL_COLUMNS
from services.pairs import PairService
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness

REFERENCE = (Path(__file__).parents[2] / "docs/reference.md").read_text()
MARKET = "market=sim&symbols=YUSDT,XUSDT"
SCAN = {
    "market": "sim", "interval_ms": 1_000, "symbols": ["A", "B"], "tests": 1, "found": 0, "confirmed": 0,
    "pairs": [{"y": "A", "x": "B", "q_value": 1e-17, "half_life_bars": None, "is_found": False, "is_confirmed": False}],
}  # fmt: skip


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1))
    harness.read_all()
    backend = open_backend(tmp_path)
    backend.scans().add(1, SCAN)
    app = FastAPI()
    exports = ExportService(backend, lambda: MonitorAnalysis(harness.monitor))
    add_export_routes(app, exports, PairService(harness.monitor, SETTINGS, lambda: None))
    answer_in_problems(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as made:
        yield made
    harness.monitor.close()
    await harness.writer.close()


def address(kind: str, more: str = "") -> str:
    return f"/api/export/{kind}?{'' if kind == 'scan' else MARKET}&interval=5s{more}"


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_in_every_format(client: httpx.AsyncClient, kind: str) -> None:
    frames = []
    for form, media_type in (
        ("csv", "text/csv"), ("ndjson", "application/x-ndjson"), ("parquet", "application/vnd.apache.parquet"),
    ):  # fmt: skip
        answer = await client.get(address(kind, f"&format={form}"))
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(media_type)
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{kind}')
        assert answer.headers["content-disposition"].endswith(f'.{form}"')
        readers = {"csv": polars.read_csv, "ndjson": polars.read_ndjson, "parquet": polars.read_parquet}
        frames.append(
            readers[form](io.BytesIO(answer.content), **({} if form == "parquet" else {"infer_schema_length": None}))
        )
    assert len({(tuple(sorted(frame.columns)), len(frame)) for frame in frames}) == 1 and len(frames[0]) > 0


async def test_a_scan_reads_back_in_full(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/scan.csv?scan=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="scan-1_sim_1s.csv"'
    frame = pd.read_csv(io.StringIO(answer.text))
    assert tuple(frame.columns) == SCAN_COLUMNS
    assert frame.loc[0, "q_value"] == 1e-17 and pd.isna(frame.loc[0, "half_life_bars"])
    assert (await client.get("/api/export/scan")).text == answer.text


async def test_the_log_of_a_pair_as_it_is_filtered(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/signals.csv?watch=1")
    frame = pd.read_csv(io.StringIO(answer.text))
    assert tuple(frame.columns) == SIGNAL_COLUMNS and len(frame) > 10
    trades = pd.read_csv(io.StringIO((await client.get("/api/signals.csv?watch=1&show=trades")).text))
    assert len(trades) == (frame["kind"] != "no_entry").sum()
    exits = pd.read_csv(io.StringIO((await client.get("/api/signals.csv?watch=1&kind=exit")).text))
    assert set(exits["kind"]) == {"exit"}
    some = await client.get("/api/export/signals?market=sim&kind=exit&kind=enter_long&reason=TARGET")
    assert set(pd.read_csv(io.StringIO(some.text))["reason"]) == {"TARGET"}
    none = pd.read_csv(io.StringIO((await client.get("/api/signals.csv?watch=1&kind=-")).text))
    assert tuple(none.columns) == SIGNAL_COLUMNS and none.empty


async def test_ranges_and_columns(client: httpx.AsyncClient) -> None:
    found = polars.read_parquet((await client.get(address("ticks", "&format=parquet"))).content)
    begin, middle = found["timestamp"].min(), found["timestamp"].dt.epoch("ms").sort()[len(found) // 2]
    later = polars.read_parquet(
        (await client.get(address("ticks", f"&format=parquet&from={middle}&ids=false"))).content
    )
    assert "agg_id" in found.columns and "agg_id" not in later.columns
    assert len(later) == (found["timestamp"].dt.epoch("ms") >= middle).sum() and later["timestamp"].min() > begin  # type: ignore[operator]
    bars = polars.read_csv((await client.get(address("ohlc", "&details=1"))).content)
    assert bars.columns[-4:] == ["quote_volume", "trades", "buy_volume", "source"] and set(bars["interval"]) == {"5s"}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/scan.csv?scan=9", 404, "no scan with number 9 is stored; expected one of: 1 to 1"),
        ("/api/signals.csv?watch=9", 404, "no pair with number 9 is watched"),
        ("/api/export/ticks?market=sim&symbols=NONE", 404, "no symbol NONE; expected one of: XUSDT, YUSDT"),
        ("/api/export/ticks?market=none", 404, "there are the markets: sim"),
        ("/api/export/ticks?market=sim&from=tomorrow", 400, "from is 'tomorrow'; expected UTC such as"),
        ("/api/export/ticks?market=sim&from=2026-02-01&to=2026-01-01", 400, "expected an end after its start"),
        ("/api/export/ticks?market=sim&format=xls", 400, "format is 'xls'; expected csv, parquet, ndjson or arrow"),
        ("/api/export/ohlc?market=sim&interval=1M", 400, "interval is '1M'"),
        ("/api/export/ohlc?market=sim&symbols=a%20b", 400, "symbol is 'A B'"),
        ("/api/export/analytics?market=sim&symbols=YUSDT", 400, "expected the two legs of a pair, Y first"),
        ("/api/export/analytics?market=sim&symbols=XUSDT,YUSDT", 404, "expected a watched pair: YUSDT ~ XUSDT in sim"),
        ("/api/export/signals?market=usdm", 404, "no decision of usdm is stored"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told(client: httpx.AsyncClient, path: str, status: int, says: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_every_column_and_route_is_in_the_reference() -> None:
    for column in (*SCAN_COLUMNS, *SIGNAL_COLUMNS, *SymbolSummary.__slots__):
        name = {"first_ms": "first", "end_ms": "end"}.get(column, column)
        assert f"`{name}`" in REFERENCE, column
    for path in PATHS:
        assert path in REFERENCE, path
