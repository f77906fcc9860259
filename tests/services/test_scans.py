"""Scans in a separate process: results, cancellation, and errors."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from engine.market.ticks import Tick
from engine.pairs.settings import classic
from engine.scan import ScanSettings
from engine.scan.request import HOUR_MS, ScanRequest
from engine.store import open_backend
from engine.store.interface import Now
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.bar_reader import SqliteBarReader
from engine.store.sqlite.scans import SqliteScans
from engine.store.sqlite.trials import SqliteTrials
from engine.store.sqlite.writer import SqliteTickWriter
from services.backtest_data import read_legs
from services.backtest_job import Place, run_request
from services.backtest_request import BacktestRequest, StoredSource
from services.job_process import ProcessExecutor
from services.jobs import JobBusy, Jobs
from services.scan_job import scan
from services.scans import BridgeAddress, ScanService
from tests.conftest import until
from tests.engine.store.harness import batch

T0 = 1_790_046_000_000
SECONDS = 700
REQUEST = ScanRequest("sim", 1_000, HOUR_MS, ScanSettings(least_bars=200))


def universe() -> list[Tick]:
    """Y is cointegrated with X, the others are walks; each trades once a second on both sides, RARE almost never."""
    rng = np.random.default_rng(5)
    walks = {name: np.cumsum(rng.normal(0, 1e-3, SECONDS)) for name in ("XUSDT", "AUSDT", "BUSDT", "RAREUSDT")}
    spread = np.zeros(SECONDS)
    for t in range(1, SECONDS):
        spread[t] = 0.7 * spread[t - 1] + rng.normal(0, 1e-3)
    walks["YUSDT"] = 0.8 * walks["XUSDT"] + spread
    ticks = []
    for name, walk in walks.items():
        quantity = 10.0 if name == "XUSDT" else 1.0
        for second in range(0, SECONDS, 50 if name == "RAREUSDT" else 1):
            for side in (0, 1):
                price = round(100.0 * float(np.exp(walk[second])) * (1 + (2 * side - 1) * 1e-5), 8)
                at = T0 + 1_000 * second + 400 * side
                ticks.append(Tick(name, 2 * second + side + 1, price, quantity, at, side == 0))
    return ticks


@pytest.fixture
def executor() -> ProcessExecutor:
    return ProcessExecutor()


def service(executor: ProcessExecutor, folder: Path) -> ScanService:
    nowhere = BridgeAddress("ws://127.0.0.1:9/", lambda: None)
    return ScanService(
        Jobs(executor),
        SqliteScans(folder / "analysis.db"),
        SqliteTrials(folder / "analysis.db"),
        folder,
        lambda: None,
        nowhere,
    )


@pytest.fixture
async def scans(executor: ProcessExecutor, tmp_path: Path) -> AsyncIterator[ScanService]:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    ticks = universe()
    for name in {tick.symbol for tick in ticks}:
        await writer.commit([batch(*(tick for tick in ticks if tick.symbol == name))], [], Now(T0, 0))
    SqliteAnalysis(tmp_path / "analysis.db").close()
    made = service(executor, tmp_path)
    yield made
    made._scan._jobs.close()
    await writer.close()


async def running(executor: ProcessExecutor) -> subprocess.Popen[str]:
    await until(lambda: executor.children)
    (child,) = executor.children
    return child


def ended(scans: ScanService) -> Callable[[], bool]:
    return lambda: scans.state().phase != "running"


async def test_what_is_found_is_stored_with_its_tests_and_what_was_left_out(
    scans: ScanService, executor: ProcessExecutor, tmp_path: Path
) -> None:
    assert scans.state().phase == "idle" and scans.earlier() == []
    scans.start(REQUEST)
    with pytest.raises(JobBusy):
        scans.start(REQUEST)
    child = await running(executor)
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == 19
    await until(ended(scans), 40)
    state = scans.state()
    assert (state.phase, state.problem) == ("done", "") and state.scan_id is not None
    (summary,) = scans.earlier()
    assert (summary.symbols, summary.tests, summary.found, summary.confirmed) == (4, 6, 1, 1)
    assert abs(summary.at_ms - time.time_ns() // 1_000_000) < 60_000
    result = scans.result(state.scan_id)
    assert result is not None
    said: list[object] = []
    assert result == scan(REQUEST, SqliteBarReader(tmp_path / "ticks.db"), lambda *each: said.append(each), threads=1)
    assert said[0] == ("reading symbols", 0, 5)
    assert said[-2:] == [("testing pairs", 6, 6), ("correlating", 0, 1)]
    best = result["pairs"][0]
    assert (best["y"], best["x"], best["is_confirmed"]) == ("YUSDT", "XUSDT", True)
    assert best["hedge_pvalue"] <= 0.02 and best["wild_pvalue"] <= 0.05
    assert result["explained"] == sum(pair["explained_by"] != "" for pair in result["pairs"])
    assert abs(best["beta"] - 0.8) < 0.05
    assert [each[:2] for each in result["excluded"]] == [["RAREUSDT", "MISSING_BARS"]]
    assert result["to_ms"] - result["from_ms"] == 1_000 * (result["bars"] + result["holdout_bars"])
    correlation = result["correlation"]
    assert sorted(correlation["symbols"]) == sorted(result["symbols"])
    assert all(correlation[kind][i][i] == 1.0 for kind in ("pearson", "hayashi_yoshida") for i in range(4))


async def test_a_backtest_of_a_found_pair_counts_all_that_were_scanned(scans: ScanService, tmp_path: Path) -> None:
    scans.start(REQUEST)
    await until(ended(scans), 40)
    backend, rule = open_backend(tmp_path), classic(interval_ms=1_000, stale_after_ms=5_000, gate="off")
    (logged,) = backend.trials().newest()
    assert (logged.trial.kind, logged.trial.tests, logged.trial.market) == ("scan", 6, "sim")
    asked = BacktestRequest(StoredSource("sim", "YUSDT", "XUSDT", T0), rule)
    legs = read_legs(asked.source, 1_000, backend)
    found = run_request(asked, legs, Place(tmp_path, backend.trials(), lambda: T0))
    assert (found.trial, found.counted) == (1, 7)


async def test_a_scan_can_be_cancelled_and_another_begun(scans: ScanService, executor: ProcessExecutor) -> None:
    scans.start(REQUEST)
    child = await running(executor)
    scans.cancel()
    assert scans.state().phase == "cancelled"
    await until(lambda: child.poll() is not None)
    assert scans.earlier() == []
    scans.start(REQUEST)
    await until(ended(scans), 40)
    assert scans.state().phase == "done"


async def test_closing_ends_the_process(scans: ScanService, executor: ProcessExecutor) -> None:
    scans.start(REQUEST)
    child = await running(executor)
    scans._scan._jobs.close()
    assert child.poll() is not None and scans.earlier() == []


async def test_a_market_without_trades_is_told(scans: ScanService) -> None:
    scans.start(ScanRequest("usdm", 1_000, HOUR_MS))
    await until(ended(scans), 40)
    assert scans.state().phase == "failed"
    assert scans.state().problem == "market usdm has 0 symbols with trades or candles; expected at least 2"


async def test_a_process_that_dies_is_told(scans: ScanService, executor: ProcessExecutor) -> None:
    scans.start(REQUEST)
    (await running(executor)).kill()
    await until(ended(scans), 10)
    assert scans.state().phase == "failed" and "ended with code -9" in scans.state().problem


async def test_without_a_store_it_is_told(executor: ProcessExecutor, tmp_path: Path) -> None:
    scans = service(executor, tmp_path)
    scans.start(REQUEST)
    await until(ended(scans), 40)
    assert scans.state().phase == "failed" and "does not exist yet" in scans.state().problem


async def test_when_every_symbol_is_excluded_nothing_is_tested_and_it_says_so(
    scans: ScanService, tmp_path: Path
) -> None:
    strict = ScanRequest("sim", 1_000, HOUR_MS, ScanSettings(least_volume=1e12, least_bars=200))
    result = scan(strict, SqliteBarReader(tmp_path / "ticks.db"), lambda *_: None)
    assert (result["tests"], result["pairs"], result["correlation"]) == (0, [], None)
    assert {code for _, code, _ in result["excluded"]} == {"ILLIQUID", "MISSING_BARS"}
