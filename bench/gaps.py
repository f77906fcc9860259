"""A hundred thousand gaps, and official dumps full of rows without a quantity: ``python -m bench gaps``.

The server is a separate process; this process is the bridge and polls ``/health``.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from bench.report import Row, row, show
from tests.durability.bridge import ServerProcess
from tests.engine.store.harness import T0

MIB = 1 << 20
GAPS = 100_000
BATCH = 500
ZEROS = 0.38  # of the rows of some official dumps have the quantity 0
SECONDS = 10


def run() -> list[Row]:
    """Measure and print the table."""
    lines = asyncio.run(_with_server(_many_gaps))
    for rows, bound_s in ((60_000, 2.0), (200_000, 8.0)):
        lines += asyncio.run(_with_server(lambda server, n=rows, most=bound_s: _zeros(server, n, most)))
    show(lines)
    return lines


async def _with_server(work: Any) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder))
        server.start()
        try:
            lines: list[Row] = await work(server)
            return lines
        finally:
            server.kill()


async def _many_gaps(server: ServerProcess) -> list[Row]:
    """A dump with every second id, then an honest bridge that reconnects and continues."""
    async with connect(server.url) as socket:
        await _greet(socket, server)
        begun_s = time.monotonic()
        await _send(socket, [_row(2 * at + 1) for at in range(GAPS + 1)])
        took_s = time.monotonic() - begun_s
    before = server.usage.memory_info().rss
    waits_s, health_s = [], []
    async with connect(server.url) as socket, httpx.AsyncClient(trust_env=False) as client:
        await _greet(socket, server)
        await socket.send(json.dumps({"type": "subscribe", "symbols": ["BTCUSDT"]}))
        fetches = 0
        for beat in range(SECONDS * 10):
            rows = [_row(2 * GAPS + 2 + 10 * beat + at) for at in range(10)]
            sent_s = time.monotonic()
            await socket.send(json.dumps({"type": "ticks", "seq": beat + 1, "rows": rows}))
            fetches += await _acknowledged(socket, beat + 1)
            waits_s.append(time.monotonic() - sent_s)
            asked_s = time.monotonic()
            (await client.get(server.url.replace("ws:", "http:") + "health")).raise_for_status()
            health_s.append(time.monotonic() - asked_s)
            await asyncio.sleep(max(0.1 - (time.monotonic() - sent_s), 0))
    more = server.usage.memory_info().rss - before
    what = f"{GAPS:,} gaps:"
    return [
        row(f"{what} imported", took_s, "s"),
        row(f"{what} requests to the bridge", fetches, "", bounds={"ours": ("at most", 16)}),
        row(f"{what} ack p99", 1_000 * _p99(waits_s), "ms", bounds={"ours": ("at most", 100)}),
        row(f"{what} /health p99", 1_000 * _p99(health_s), "ms", bounds={"ours": ("at most", 50)}),
        row(f"{what} memory beside a reconnect", more / MIB, "MiB more", bounds={"ours": ("at most", 64)}),
    ]


async def _zeros(server: ServerProcess, count: int, most_s: float) -> list[Row]:
    """Every row in order, 38 of 100 refused for their quantity; other gaps are open already."""
    async with connect(server.url) as socket:
        await _greet(socket, server)
        await _send(socket, [_row(2 * at + 1) for at in range(5_000)])
        rows = [_row(20_000 + at, "0.000" if at * ZEROS % 1 < ZEROS else "1") for at in range(count)]
        begun_s = time.monotonic()
        await _send(socket, rows, first_seq=11)
        took_s = time.monotonic() - begun_s
    what = f"{count:,} rows, {ZEROS:.0%} without a quantity"
    return [row(what, took_s, "s", bounds={"ours": ("at most", most_s)})]


def _row(agg_id: int, quantity: str = "1") -> list[Any]:
    return ["BTCUSDT", agg_id, "100.5", quantity, T0 + 10 * agg_id, False]


async def _greet(socket: ClientConnection, server: ServerProcess) -> None:
    hello = {"type": "hello", "proto": 1, "token": server.token, "market": "usdm", "client": "bench", "session": "s"}
    await socket.send(json.dumps(hello))
    assert json.loads(await socket.recv())["type"] == "welcome"


async def _send(socket: ClientConnection, rows: list[list[Any]], first_seq: int = 1) -> None:
    """All rows, with as many batches in flight as the protocol allows; returns when all are acknowledged."""
    batches = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
    sent = acknowledged = 0
    while acknowledged < len(batches):
        while sent < len(batches) and sent - acknowledged < 32:
            await socket.send(json.dumps({"type": "ticks", "seq": first_seq + sent, "rows": batches[sent]}))
            sent += 1
        if json.loads(await socket.recv())["type"] == "ack":
            acknowledged += 1


async def _acknowledged(socket: ClientConnection, seq: int) -> int:
    """Wait for an acknowledgement; returns the number of fetch requests before it."""
    fetches = 0
    while (message := json.loads(await socket.recv()))["type"] != "ack" or message["seq"] != seq:
        fetches += message["type"] == "fetch"
    return fetches


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
