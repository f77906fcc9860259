"""Scans in a process of their own: what they find, how they are cancelled, and what they say when they cannot."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from engine.market.ticks import Tick
from engine.scan import ScanSettings
from engine.scan.request import HOUR_MS, ScanRequest
from engine.store.interface import Now
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.scans import SqliteScans
from engine.store.sqlite.writer import SqliteTickWriter
from live.scan_job import run
from live.scans import ScanBusy, ScanService
from tests.conftest import until
from tests.engine.store.harness import batch

T0 = 1_790_046_000_000
SECONDS = 700
REQUEST = ScanRequest("sim", 1_000, HOUR_MS, ScanSettings(least_bars=200))


def universe() -> list[Tick]:
    """Y keeps to X, the others walk; each trades once a second on both sides, RARE almost never."""
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
async def room(tmp_path: Path) -> AsyncIterator[ScanService]:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    ticks = universe()
    for name in {tick.symbol for tick in ticks}:
        await writer.commit([batch(*(tick for tick in ticks if tick.symbol == name))], [], Now(T0, 0))
    SqliteAnalysis(tmp_path / "analysis.db").close()
    made = ScanService(tmp_path / "ticks.db", SqliteScans(tmp_path / "analysis.db"))
    yield made
    made.close()
    await writer.close()


def ended(room: ScanService) -> Callable[[], bool]:
    return lambda: room.state().phase != "running"


async def test_what_is_found_is_stored_with_its_tests_and_what_was_left_out(room: ScanService, tmp_path: Path) -> None:
    assert room.state().phase == "idle" and room.earlier() == []
    room.start(REQUEST)
    with pytest.raises(ScanBusy):
        room.start(REQUEST)
    assert room._child is not None and os.getpriority(os.PRIO_PROCESS, room._child.pid) == 19
    await until(ended(room), 40)
    state = room.state()
    assert (state.phase, state.problem) == ("done", "") and state.scan_id is not None
    (summary,) = room.earlier()
    assert (summary.symbols, summary.tests, summary.found, summary.confirmed) == (4, 6, 1, 1)
    assert abs(summary.at_ms - time.time_ns() // 1_000_000) < 60_000
    result = room.result(state.scan_id)
    assert result is not None
    said: list[object] = []
    assert result == run(REQUEST, tmp_path / "ticks.db", said.append, threads=1)
    assert said[0] == {"stage": "reading symbols", "done": 0, "total": 5}
    assert said[-2:] == [
        {"stage": "testing pairs", "done": 6, "total": 6},
        {"stage": "correlating", "done": 0, "total": 1},
    ]
    best = result["pairs"][0]
    assert (best["y"], best["x"], best["is_confirmed"]) == ("YUSDT", "XUSDT", True)
    assert abs(best["beta"] - 0.8) < 0.05
    assert [each[:2] for each in result["excluded"]] == [["RAREUSDT", "MISSING_BARS"]]
    assert result["to_ms"] - result["from_ms"] == 1_000 * (result["bars"] + result["holdout_bars"])
    correlation = result["correlation"]
    assert sorted(correlation["symbols"]) == sorted(result["symbols"])
    assert all(correlation[kind][i][i] == 1.0 for kind in ("pearson", "hayashi_yoshida") for i in range(4))


async def test_a_scan_can_be_cancelled_and_another_begun(room: ScanService) -> None:
    room.start(REQUEST)
    room.cancel()
    assert room.state().phase == "cancelled"
    child = room._child
    assert child is not None
    await until(lambda: child.poll() is not None)
    assert room.earlier() == []
    room.start(REQUEST)
    await until(ended(room), 40)
    assert room.state().phase == "done"


async def test_closing_ends_the_process(room: ScanService) -> None:
    room.start(REQUEST)
    child = room._child
    room.close()
    assert child is not None and child.poll() is not None and room.earlier() == []


async def test_a_market_without_trades_is_told(room: ScanService) -> None:
    room.start(ScanRequest("usdm", 1_000, HOUR_MS))
    await until(ended(room), 40)
    assert room.state().phase == "failed"
    assert room.state().problem == "market usdm has 0 symbols with trades; expected at least 2"


async def test_a_process_that_dies_is_told(room: ScanService) -> None:
    room.start(REQUEST)
    assert room._child is not None
    room._child.kill()
    await until(ended(room), 10)
    assert room.state().phase == "failed" and "ended with code -9" in room.state().problem


def test_without_a_store_it_is_told(tmp_path: Path) -> None:
    room = ScanService(tmp_path / "ticks.db", SqliteScans(tmp_path / "analysis.db"))
    room.start(REQUEST)
    room._thread.join(40)  # type: ignore[union-attr]
    assert room.state().phase == "failed" and "does not exist yet" in room.state().problem


async def test_when_every_symbol_is_excluded_nothing_is_tested_and_it_says_so(
    room: ScanService, tmp_path: Path
) -> None:
    strict = ScanRequest("sim", 1_000, HOUR_MS, ScanSettings(least_volume=1e12, least_bars=200))
    result = run(strict, tmp_path / "ticks.db", lambda _: None)
    assert (result["tests"], result["pairs"], result["correlation"]) == (0, [], None)
    assert {code for _, code, _ in result["excluded"]} == {"ILLIQUID", "MISSING_BARS"}
