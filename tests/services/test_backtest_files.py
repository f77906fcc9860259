"""The files of a stored backtest: kept on disk, named, and gone in the end."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pandas as pd
import polars
import pytest

from engine.backtest import run
from engine.errors import SettingsError
from engine.store import open_backend
from services import backtest_files
from services.backtest_files import BacktestFiles, keep_tables
from services.backtest_job import run_job
from services.export import NothingToExport
from services.jobs import Json
from tests.services.backtest_worlds import SETTINGS, legs_of, request_of, write_files


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, paths: list[Path]) -> tuple[Path, int, Json]:
    """A data folder with one backtest."""
    folder = tmp_path_factory.mktemp("data")
    backend = open_backend(folder)
    backend.analysis().close()
    request = {"data_dir": str(folder), "backtest": request_of(paths).to_json()}
    record = run_job(request, lambda *_: None, lambda: False)
    return folder, backend.backtests().add(1, record).backtest_id, record


def content(chunks: object) -> bytes:
    return b"".join(chunks)  # type: ignore[arg-type]


def test_the_tables_hold_every_trade_bar_and_decision(stored: tuple[Path, int, Json], paths: list[Path]) -> None:
    folder, number, record = stored
    files, legs, asked = BacktestFiles(open_backend(folder).backtests(), folder), legs_of(paths), request_of(paths)
    alone = run(legs.y, legs.x, None, SETTINGS, asked.costs, asked.account)
    trades = pd.read_csv(io.BytesIO(content(files.table(number, "trades", "csv").chunks)))
    assert trades["net"].tolist() == pytest.approx(alone.trades["net"].tolist(), rel=1e-14)
    assert len(trades) == record["trades"] > 20
    equity = polars.read_parquet(content(files.table(number, "equity", "parquet").chunks))
    assert equity["equity"].to_list() == alone.equity.tolist() and str(equity["bar_open"].dtype.time_zone) == "UTC"
    lines = content(files.table(number, "decisions", "ndjson").chunks).splitlines()
    assert sum(json.loads(line)["action"] != "no_entry" for line in lines) >= 2 * len(trades) - 1
    name = files.table(number, "trades", "csv").name
    assert name == f"backtest-{number}-files-ETHUSDT-BTCUSDT-1m-trades.csv"


def test_the_tear_sheet_and_the_record_come_from_what_is_stored(stored: tuple[Path, int, Json]) -> None:
    folder, number, record = stored
    files = BacktestFiles(open_backend(folder).backtests(), folder)
    assert json.loads(content(files.record(number).chunks)) == json.loads(json.dumps(record))
    page = content(files.tear_sheet(number).chunks).decode()
    assert page.startswith("<!doctype html>") and f"{record['trades']} trades" in page


def test_what_is_not_there_says_so(stored: tuple[Path, int, Json], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, number, record = stored
    files = BacktestFiles(open_backend(folder).backtests(), folder)
    with pytest.raises(NothingToExport, match="number 99"):
        files.tear_sheet(99)
    with pytest.raises(SettingsError, match="expected trades, equity, decisions"):
        files.table(number, "../../etc", "csv")
    with pytest.raises(SettingsError, match="format is 'xls'"):
        files.table(number, "trades", "xls")
    assert (folder / "backtests" / record["tables"]).exists()


def test_the_oldest_tables_go(tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest_files, "MOST_KEPT", 2)
    legs, asked = legs_of(paths), request_of(paths)
    found = run(legs.y, legs.x, None, SETTINGS, asked.costs, asked.account)
    names = []
    for _ in range(3):
        names.append(keep_tables(found, tmp_path))
        time.sleep(0.01)
    assert {each.name for each in (tmp_path / "backtests").iterdir()} == set(names[1:])
    store = open_backend(tmp_path)
    store.analysis().close()
    number = store.backtests().add(1, _summary() | {"tables": names[0]}).backtest_id
    with pytest.raises(NothingToExport, match="not kept any more"):
        BacktestFiles(store.backtests(), tmp_path).table(number, "trades", "csv")


def _summary() -> Json:
    texts = {"market": "files", "y": "A", "x": "B", "data": "d", "code": "c"}
    numbers = {"interval_ms": 60_000, "from_ms": 0, "to_ms": 1, "cells": 1, "trial": 1, "net": 0.0, "trades": 0}
    return {**texts, **numbers}
