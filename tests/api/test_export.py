"""CSV exports: documented columns, round-trip numbers, errors for missing data."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import pandas as pd
import pytest
from fastapi import FastAPI

from api.export import SCAN_COLUMNS, SIGNAL_COLUMNS, add_export_routes

REFERENCE = (Path(__file__).parents[2] / "docs/reference.md").read_text()


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    signals = {7: ("signals.csv", [{"kind": "exit", "z": 0.1 + 0.2, "reason": "STOP"}])}
    scans = {3: ("scan-3.csv", [{"y": "A", "q_value": 1e-17, "half_life_bars": None, "unknown": 1}])}
    add_export_routes(app, signals.get, scans.get)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def test_a_scan_reads_back_in_full(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/scan.csv?scan=3")
    assert answer.headers["content-disposition"] == 'attachment; filename="scan-3.csv"'
    frame = pd.read_csv(io.StringIO(answer.text))
    assert tuple(frame.columns) == SCAN_COLUMNS
    assert frame.loc[0, "q_value"] == 1e-17 and pd.isna(frame.loc[0, "half_life_bars"])


async def test_signals_read_back_in_full(client: httpx.AsyncClient) -> None:
    frame = pd.read_csv(io.StringIO((await client.get("/api/signals.csv?watch=7")).text))
    assert tuple(frame.columns) == SIGNAL_COLUMNS and frame.loc[0, "z"] == 0.1 + 0.2


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/api/scan.csv?scan=9", "no scan with number 9 is stored"),
        ("/api/signals.csv?watch=9", "no pair with number 9 is watched"),
    ],
)
async def test_what_is_missing_is_told(client: httpx.AsyncClient, address: str, says: str) -> None:
    answer = await client.get(address)
    assert answer.status_code == 404 and answer.json() == {"detail": says}


def test_every_column_is_in_the_reference() -> None:
    for column in (*SCAN_COLUMNS, *SIGNAL_COLUMNS):
        assert f"`{column}`" in REFERENCE, column
