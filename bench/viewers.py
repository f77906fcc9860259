"""Fifty screens on one pair, and three on 190 pairs: ``python -m bench viewers``.

Server and dashboard are separate processes; the bridge and the screens are this one. A screen's delay counts from
the acknowledgement of the newest trade that a message shows to the message's arrival.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from websockets.asyncio.client import connect

from bench.report import Row, row, show
from tests.e2e.stack import Stack, until

SCREENS = (1, 50)
PER_BATCH, EVERY_S = 20, 0.01  # 2,000 trades a second
SECONDS = 20
MANY = [f"S{number:02d}USDT" for number in range(20)]
SCREENS_OF_MANY = (["overview"], ["pair", "watch-list"], ["overview", "watch-list"])


class Shown(msgspec.Struct):
    """Only the newest trades from a message to a screen."""

    newest: dict[str, tuple[int, int]] = {}  # by leg: id and time


def run() -> list[Row]:
    """Measure and print the table."""
    lines: list[Row] = []
    for screens in SCREENS:
        with tempfile.TemporaryDirectory() as folder:
            stack = Stack(Path(folder))
            try:
                stack.start_server()
                stack.start_dashboard()
                lines += asyncio.run(_measure(stack, screens))
            finally:
                stack.close()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        stack.environ["PAIRBRIDGE_API_REQUESTS_PER_S"] = "1000"
        try:
            stack.start_server()
            stack.start_dashboard()
            lines += asyncio.run(_many_pairs(stack))
        finally:
            stack.close()
    show(lines)
    return lines


async def _measure(stack: Stack, screens: int) -> list[Row]:
    acknowledged: dict[int, float] = {}
    delays_s: list[float] = []
    sizes: list[int] = []
    sending = asyncio.create_task(_trade(stack, acknowledged))
    await asyncio.to_thread(until, lambda: stack.query("SELECT 1 FROM runs", file="analysis.db"), 20, "a run")
    watching = [asyncio.create_task(_watch(stack, acknowledged, delays_s, sizes)) for _ in range(screens)]
    await asyncio.sleep(3)
    delays_s.clear()
    sizes.clear()
    dashboard = psutil.Process(stack._running["dashboard"].pid)
    cpu_s, begun_s = sum(dashboard.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(SECONDS)
    took_s = time.monotonic() - begun_s
    cores = (sum(dashboard.cpu_times()[:2]) - cpu_s) / took_s
    for task in (sending, *watching):
        task.cancel()
    await asyncio.gather(sending, *watching, return_exceptions=True)
    p95 = 1_000 * statistics.quantiles(delays_s, n=20)[18]
    what = f"{screens} screens, 2,000 trades/s:"
    bounds: dict[str, Any] = {"cores": {"ours": ("at most", 0.5)}, "p95": {"ours": ("at most", 60)}}
    return [
        row(f"{what} dashboard", cores, "cores", bounds=bounds["cores"]),
        row(f"{what} behind the commit p50", 1_000 * statistics.median(delays_s), "ms"),
        row(f"{what} behind the commit p95", p95, "ms", bounds=bounds["p95"]),
        row(f"{what} messages to a screen", len(sizes) / screens / took_s, "/s"),
        row(f"{what} to a screen", sum(sizes) / screens / took_s / 1_000, "kB/s"),
    ]


async def _many_pairs(stack: Stack) -> list[Row]:
    """Every pair of twenty symbols is watched; three screens look, each at something else."""
    sending = asyncio.create_task(_trade(stack, {}, MANY))
    key = {"x-pairbridge-key": (stack.data / "dashboard-key").read_text().strip()}
    async with httpx.AsyncClient(base_url=stack.dashboard_url, headers=key) as client:
        for y, x in itertools.combinations(MANY, 2):
            answer = await client.post("api/pairs", json={"market": "usdm", "y": y, "x": x})
            assert answer.is_success, answer.text
    runs = "SELECT count(*) FROM runs WHERE end_reason IS NULL"
    await asyncio.to_thread(until, lambda: stack.query(runs, file="analysis.db")[0][0] >= 190, 60, "190 runs")
    sizes: list[int] = []
    watching = [asyncio.create_task(_watch(stack, {}, [], sizes, topics)) for topics in SCREENS_OF_MANY]
    await asyncio.sleep(5)
    sizes.clear()
    dashboard = psutil.Process(stack._running["dashboard"].pid)
    cpu_s, begun_s = sum(dashboard.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(2 * SECONDS)
    took_s = time.monotonic() - begun_s
    cores = (sum(dashboard.cpu_times()[:2]) - cpu_s) / took_s
    memory = dashboard.memory_info().rss / 1e6
    for task in (sending, *watching):
        task.cancel()
    await asyncio.gather(sending, *watching, return_exceptions=True)
    what = "20 symbols, 190 pairs, 3 screens, 2,000 trades/s:"
    return [
        row(f"{what} dashboard", cores, "cores", bounds={"ours": ("at most", 0.25)}),
        row(f"{what} memory", memory, "MB", bounds={"ours": ("at most", 320)}),
        row(f"{what} to the screens", sum(sizes) / took_s / 1_000, "kB/s"),
    ]


async def _trade(stack: Stack, acknowledged: dict[int, float], symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT")) -> None:
    """All symbols alike, at a steady rate; notes when each millisecond's trades were acknowledged."""
    rng, per_symbol = random.Random(0), PER_BATCH // len(symbols)
    prices = [60_000.0 / (1 + at) for at in range(len(symbols))]
    token = (stack.data / "token").read_text().strip()
    hello = {"type": "hello", "proto": 1, "token": token, "market": "usdm", "client": "bench", "session": "s"}
    times: dict[int, int] = {}
    async with connect(stack.bridge_url.replace("http", "ws")) as socket:
        await socket.send(json.dumps(hello))

        async def read() -> None:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "ack":
                    acknowledged[times.pop(message["seq"])] = time.monotonic()

        reading = asyncio.create_task(read())
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())  # retrieved
        agg_id, seq, due_s = 1, 1, time.monotonic()
        while not reading.done():  # until the connection is lost, or this task is cancelled
            now_ms = time.time_ns() // 1_000_000
            rows = []
            for at in range(per_symbol):
                for place, symbol in enumerate(symbols):
                    prices[place] *= 1.0 + rng.gauss(0.0, 2e-5)
                    price = f"{prices[place]:.4f}"
                    rows.append([symbol, agg_id + at, price, "0.5", now_ms, (agg_id + at) % 2 == 0])
            times[seq] = now_ms
            await socket.send(json.dumps({"type": "ticks", "seq": seq, "rows": rows}))
            agg_id, seq, due_s = agg_id + per_symbol, seq + 1, due_s + EVERY_S
            await asyncio.sleep(max(due_s - time.monotonic(), 0))


async def _watch(
    stack: Stack, acknowledged: dict[int, float], delays_s: list[float], sizes: list[int],
    topics: Sequence[str] = ("pair", "watch-list"),
) -> None:  # fmt: skip
    address, origin = stack.dashboard_url.replace("http", "ws") + "api/live", stack.dashboard_url.rstrip("/")
    decode = msgspec.json.Decoder(Shown).decode
    newest = 0
    async with connect(address, origin=origin, max_size=None, compression=None) as socket:  # type: ignore[arg-type]
        await socket.send(json.dumps({"topics": list(topics)}))
        async for text in socket:
            sizes.append(len(text))
            shown = decode(text).newest.get("y", (0, 0))[1]
            if shown > newest and shown in acknowledged:
                newest = shown
                delays_s.append(max(time.monotonic() - acknowledged[shown], 0.0))
