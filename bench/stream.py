"""Fifty clients of `/api/stream`, five of which never read: ``python -m bench stream``.

Server and dashboard are separate processes; the bridge and the clients are this one. Each client takes every trade and
the snapshots. A delay counts from the acknowledgement of the newest trade of a message to the message's arrival.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import msgspec
import psutil
from websockets.asyncio.client import connect

from bench.report import Row, row, show
from bench.viewers import _trade
from tests.e2e.stack import Stack, until

CLIENTS, DEAF = 50, 5
SECONDS = 20
HELLO = json.dumps({"subscribe": [{"topic": "ticks"}, {"topic": "snapshots"}]})


class Trade(msgspec.Struct):
    """A trade's time."""

    time_ms: int = 0


class Message(msgspec.Struct):
    """What counts of a message."""

    topic: str
    items: list[Trade]


def run() -> list[Row]:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.start_server()
            stack.start_dashboard()
            lines = asyncio.run(_measure(stack))
        finally:
            stack.close()
    show(lines)
    return lines


async def _measure(stack: Stack) -> list[Row]:
    acknowledged: dict[int, float] = {}
    delays_s: list[float] = []
    counts = [0] * CLIENTS
    sending = asyncio.create_task(_trade(stack, acknowledged))
    await asyncio.to_thread(until, lambda: stack.query("SELECT 1 FROM runs", file="analysis.db"), 20, "a run")
    dashboard = psutil.Process(stack._running["dashboard"].pid)
    before = dashboard.memory_info().rss
    clients = [
        asyncio.create_task(_never_read(stack) if at < DEAF else _read(stack, acknowledged, delays_s, counts, at))
        for at in range(CLIENTS)
    ]
    await asyncio.sleep(3)
    delays_s.clear()
    counts[:] = [0] * CLIENTS
    cpu_s, begun_s, most = sum(dashboard.cpu_times()[:2]), time.monotonic(), 0
    while time.monotonic() < begun_s + SECONDS:
        most = max(most, dashboard.memory_info().rss)
        await asyncio.sleep(0.2)
    took_s = time.monotonic() - begun_s
    cores = (sum(dashboard.cpu_times()[:2]) - cpu_s) / took_s
    for task in (sending, *clients):
        task.cancel()
    ended = await asyncio.gather(*clients, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
    p95 = 1_000 * statistics.quantiles(delays_s, n=20)[18]
    what = f"{CLIENTS} streams, {DEAF} never read, 2,000 trades/s:"
    return [
        row(f"{what} behind the commit p50", 1_000 * statistics.median(delays_s), "ms"),
        row(f"{what} behind the commit p95", p95, "ms", bounds={"ours": ("at most", 80)}),
        row(f"{what} trades to the slowest reader", min(counts[DEAF:]) / took_s, "/s"),
        row(f"{what} more memory", (most - before) / 1e6, "MB", bounds={"ours": ("at most", 64)}),
        row(f"{what} dashboard", cores, "cores"),
    ]


async def _read(
    stack: Stack, acknowledged: dict[int, float], delays_s: list[float], counts: list[int], at: int
) -> None:
    address, origin = stack.dashboard_url.replace("http", "ws") + "api/stream", stack.dashboard_url.rstrip("/")
    decode = msgspec.json.Decoder(Message).decode
    async with connect(address, origin=origin, max_size=None, compression=None) as socket:  # type: ignore[arg-type]
        await socket.send(HELLO)
        async for text in socket:
            arrived_s = time.monotonic()
            message = decode(text)
            if message.topic != "ticks" or not message.items:
                continue
            counts[at] += len(message.items)
            newest = message.items[-1].time_ms
            if newest in acknowledged:
                delays_s.append(max(arrived_s - acknowledged[newest], 0.0))


async def _never_read(stack: Stack) -> None:
    address, origin = stack.dashboard_url.replace("http", "ws") + "api/stream", stack.dashboard_url.rstrip("/")
    async with connect(address, origin=origin, compression=None) as socket:  # type: ignore[arg-type]
        await socket.send(HELLO)
        socket.transport.pause_reading()
        await asyncio.Event().wait()
