"""Reads of the API beside the same query in plain FastAPI and sqlite3, in the same run: ``python -m bench rest``.

Both are served by uvicorn with the same protocol class, each in a process of its own, over the same file; one client
asks both in turn, a block at a time, so that whatever else the machine does hits both.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from bench.report import Row, row, show
from engine.market.records import Batch
from engine.market.ticks import Tick
from engine.store import open_backend
from engine.store.interface import Now
from tests.conftest import ROOT
from tests.engine.pairs.markets import T0, make_ticks

BLOCKS, BLOCK, AT_ONCE = 12, 150, 4
ROWS = 1_000
IDS = 10_000  # between the parts
PAIR_ASKED = 200
BARS = 1_000

_OURS = """
import sys
from pathlib import Path
from config import Config
from dashboard import serve
from engine.store import open_backend
from live.heartbeat import Heartbeat
from live.monitor import Monitor
from tests.engine.pairs.markets import SETTINGS
backend = open_backend(Path(sys.argv[1]))
monitor = Monitor(backend.tick_reader, backend.analysis(), ("YUSDT", "XUSDT", SETTINGS))
config = Config(data_dir=Path(sys.argv[1]), dashboard_port=0, api_requests_per_s=1_000_000.0)
serve(monitor, Heartbeat("http://127.0.0.1:1/health", 2_500), config)
"""

_PLAIN = """
import sqlite3, socket, sys
import uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/ticks")
def ticks(symbol: str, limit: int = 1000):
    db = sqlite3.connect(sys.argv[1])
    try:
        rows = db.execute(
            "SELECT t.agg_id, t.price, t.quantity, t.trade_time_ms, t.buyer_is_maker FROM ticks AS t"
            " JOIN series AS s USING (series_id) WHERE s.symbol=? ORDER BY t.agg_id LIMIT ?", (symbol, limit)
        ).fetchall()
    finally:
        db.close()
    names = ("id", "price", "quantity", "time_ms", "buyer_is_maker")
    return {"items": [dict(zip(names, row)) for row in rows]}
listening = socket.create_server(("127.0.0.1", 0))
print("Plain", f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
uvicorn.Server(uvicorn.Config(app, http="httptools", log_config=None)).run(sockets=[listening])
"""


def run() -> list[Row]:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_fill(Path(folder)))
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        ours = _started(_OURS, folder, environ)
        plain = _started(_PLAIN, str(Path(folder) / "ticks.db"), environ)
        try:
            lines = asyncio.run(_measure(_address(ours), _address(plain)))
        finally:
            for process in (ours, plain):
                process.terminate()
                process.wait()
    show(lines)
    return lines


async def _fill(folder: Path) -> None:
    """A market whose pair has more than 1,000 bars."""
    writer = await open_backend(folder).tick_writer("crash")
    for part in range(10):
        shift_ms = part * 260_000
        moved = [_later(tick, shift_ms, part) for tick in make_ticks(1)]
        await writer.commit([Batch(0, 0, "sim", tuple(moved))], [], Now(T0 + shift_ms, 0))
    await writer.close()


def _later(tick: Tick, shift_ms: int, part: int) -> Tick:
    return tick._replace(trade_time_ms=tick.trade_time_ms + shift_ms, agg_id=tick.agg_id + part * IDS)


def _started(code: str, argument: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, argument]
    return subprocess.Popen(command, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().split()[-1]


async def _measure(ours: str, plain: str) -> list[Row]:
    asked = f"ticks?symbol=YUSDT&limit={ROWS}"
    paths = {"ours": f"{ours}api/{asked}&market=sim", "plain": f"{plain}{asked}"}
    waits: dict[str, list[float]] = {"ours": [], "plain": []}
    spent = dict.fromkeys(waits, 0.0)
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        await _until_read(client, ours)
        for name, path in paths.items():
            await _block(client, path, 20)
            assert len((await client.get(path)).json()["items"]) == ROWS, name
        for _ in range(BLOCKS):
            for name, path in paths.items():
                began_s = time.perf_counter()
                waits[name] += await _block(client, path, BLOCK)
                spent[name] += time.perf_counter() - began_s
        watched = await _pair(client, f"{ours}api/analytics/pair?y=YUSDT&x=XUSDT&interval=2s&bars={BARS}")
        stored = await _pair(client, f"{ours}api/analytics/pair?y=XUSDT&x=YUSDT&interval=2s&bars={BARS}")
    rate = {name: BLOCKS * BLOCK / spent[name] for name in waits}
    p99 = {name: 1e3 * float(np.quantile(waits[name], 0.99)) for name in waits}
    reads = {"peer": "FastAPI + sqlite3", "theirs": rate["plain"], "ratio": rate["ours"] / rate["plain"]}
    return [
        row(f"GET /api/ticks, {ROWS:,} rows", rate["ours"], "/s", **reads, bounds={"ratio": ("at least", 0.7)}),
        row("its p99", p99["ours"], "ms", **reads | {"theirs": p99["plain"], "ratio": p99["ours"] / p99["plain"]}),
        row(f"GET /api/analytics/pair, {BARS:,} bars, watched, p95", watched, "ms", bounds={"ours": ("at most", 20)}),
        row(f"the same, not watched, {BARS:,} bars of 2 s, p95", stored, "ms", bounds={"ours": ("at most", 20)}),
    ]


async def _until_read(client: httpx.AsyncClient, ours: str) -> None:
    """Return when the monitor has read the store."""
    while True:
        (pair,) = (await client.get(f"{ours}api/pairs")).json()["items"] or [{"bars": 0}]
        if pair["bars"] > BARS:
            return
        await asyncio.sleep(0.2)


async def _block(client: httpx.AsyncClient, path: str, count: int) -> list[float]:
    waits: list[float] = []

    async def ask(times: int) -> None:
        for _ in range(times):
            began_s = time.perf_counter()
            assert (await client.get(path)).status_code == 200
            waits.append(time.perf_counter() - began_s)

    await asyncio.gather(*(ask(count // AT_ONCE) for _ in range(AT_ONCE)))
    return waits


async def _pair(client: httpx.AsyncClient, path: str) -> float:
    """p95 in ms, one after another."""
    waits = []
    for number in range(PAIR_ASKED + 3):
        began_s = time.perf_counter()
        answer = await client.get(path)
        took_s = time.perf_counter() - began_s
        assert answer.status_code == 200 and answer.json()["bars"] == BARS, answer.text
        if number >= 3:
            waits.append(took_s)
    return 1e3 * float(np.quantile(waits, 0.95))
