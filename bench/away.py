"""Catching up after a long absence: ``python -m bench away``.

A store with two hours of 5-second bars continues after 30, 90 and 365 days without trades. Measures the dashboard's
catch-up time, its memory, and the waiting time for a page meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import httpx
import psutil

from bench.report import Row, row, show
from engine.market.records import Batch
from engine.market.ticks import Tick
from engine.pairs.settings import PairSettings
from engine.store.interface import Now
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.writer import SqliteTickWriter
from live.monitor import Monitor
from tests.conftest import ROOT
from tests.engine.pairs.markets import T0, make_ticks

MIB = 1 << 20
DAY_MS = 86_400_000
SECONDS = 2 * 3_600
BACK_TICKS = 10_000  # about the first quarter of an hour after the silence
PAIR = ("YUSDT", "XUSDT", PairSettings())


def run() -> list[Row]:
    """Measure and print the table."""
    lines: list[Row] = []
    for days in (30, 90, 365):
        with tempfile.TemporaryDirectory() as folder:
            lines += _away(Path(folder), days)
    show(lines)
    return lines


def _away(folder: Path, days: int) -> list[Row]:
    before = [_renamed(tick) for tick in make_ticks(1, SECONDS)]
    after = _shifted(before[:BACK_TICKS], days * DAY_MS, 10**6)
    asyncio.run(_write(folder, before))
    _read_all(_monitor(folder))
    asyncio.run(_write(folder, after))
    memory = psutil.Process().memory_info().rss
    monitor = _monitor(folder)
    begun_s = time.monotonic()
    _read_all(monitor)
    took_s, more = time.monotonic() - begun_s, psutil.Process().memory_info().rss - memory
    what = f"{days} days away:"
    return [
        row(f"{what} caught up", took_s, "s", bounds={"ours": ("at most", 2.0)}),
        row(f"{what} memory", more / MIB, "MiB more", bounds={"ours": ("at most", 50)}),
        row(f"{what} page served, longest", 1_000 * _pages(folder, after), "ms", bounds={"ours": ("at most", 300)}),
    ]


def _shifted(ticks: list[Tick], later_ms: int, ids: int) -> list[Tick]:
    return [tick._replace(trade_time_ms=tick.trade_time_ms + later_ms, agg_id=tick.agg_id + ids) for tick in ticks]


def _renamed(tick: Tick) -> Tick:
    return tick._replace(symbol={"YUSDT": "ETHUSDT", "XUSDT": "BTCUSDT"}[tick.symbol])


async def _write(folder: Path, ticks: list[Tick]) -> None:
    writer = await SqliteTickWriter.open(folder / "ticks.db")
    last_ms = ticks[-1].trade_time_ms
    for at in range(0, len(ticks), 5_000):
        await writer.commit([Batch(0, 0, "usdm", tuple(ticks[at : at + 5_000]))], [], Now(last_ms, last_ms - T0))
    await writer.close()


def _monitor(folder: Path) -> Monitor:
    pair = ("ETHUSDT", "BTCUSDT", PAIR[2])
    return Monitor(partial(SqliteTickReader, folder / "ticks.db"), SqliteAnalysis(folder / "analysis.db"), pair)


def _read_all(monitor: Monitor) -> None:
    while monitor.step():
        pass
    monitor.close()


def _pages(folder: Path, after: list[Tick]) -> float:
    """The longest wait for the page while a dashboard catches up after another year."""
    later = _shifted(after, 365 * DAY_MS, 10**7)
    ports = {"PAIRBRIDGE_DASHBOARD_PORT": "0", "PAIRBRIDGE_BRIDGE_PORT": "1", "PAIRBRIDGE_DATA_DIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, "dashboard.py"], cwd=ROOT, env={**os.environ, **ports}, text=True, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            httpx.get(url, trust_env=False)  # the first one builds the layout
            writing = threading.Thread(target=lambda: asyncio.run(_write(folder, later)))
            writing.start()
            longest_s, ends_s = 0.0, time.monotonic() + 4.0
            while time.monotonic() < ends_s:
                asked_s = time.monotonic()
                httpx.get(url, trust_env=False).raise_for_status()
                longest_s = max(longest_s, time.monotonic() - asked_s)
            writing.join()
            return longest_s
        finally:
            process.terminate()
