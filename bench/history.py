"""From "watch" to a tested pair on candles: ``python -m bench history``.

A server, a feed and a simulated exchange with 90 days behind it; an hourly pair is watched. Measured: until its gate
was tested first, until all of its candles are in its run, and the weight that was spent on them.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from bench.report import Row, row, show
from engine.pairs.settings import PairSettings, classic, defended
from engine.store import open_backend
from live.monitor import Monitor
from live.thread import MonitorThread
from live.wants import HistoryWants
from tests.conftest import until
from tests.serving.test_history import HOUR, exchange, forwarding, serving

DAYS = 90
WITHIN_S = 60.0
PRESETS = {"classic": classic(interval_ms=HOUR), "defended": defended(interval_ms=HOUR)}


def run() -> list[Row]:
    """Measure and print the table."""
    lines = [line for name, settings in PRESETS.items() for line in asyncio.run(_watched(name, settings))]
    show(lines)
    return lines


async def _watched(name: str, settings: PairSettings) -> list[Row]:
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        async with exchange(history_days=DAYS) as sim, serving(folder) as server, forwarding(server, sim):
            backend = open_backend(folder)
            monitor = Monitor(backend.tick_reader, backend.analysis(), ("ETHUSDT", "BTCUSDT", classic()))
            wants = HistoryWants(monitor, f"ws://127.0.0.1:{server.port}/", lambda: server._token, 3_000)
            stack.enter_context(MonitorThread(monitor, lambda: None))
            asking = asyncio.create_task(wants.run())
            await until(lambda: bool(monitor.watches), WITHIN_S)
            began_s, spent = time.monotonic(), await _weight(sim.rest_url)
            watch_id = await asyncio.to_thread(monitor.watch, "sim", "ETHUSDT", "BTCUSDT", settings)
            await until(lambda: _tested(monitor, watch_id) > 0, WITHIN_S)
            tested_s = time.monotonic() - began_s
            await until(lambda: _tested(monitor, watch_id) >= (DAYS - 1) * 24, WITHIN_S)
            whole_s, spent = time.monotonic() - began_s, await _weight(sim.rest_url) - spent
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    bounds = {"ours": ("at most", 10)}
    return [
        row(f"{name}, hourly, {DAYS} days: gate tested after watch", tested_s, "s", bounds=bounds),
        row(f"{name}, hourly, {DAYS} days: all of it in the run", whole_s, "s", bounds=bounds),
        row(
            f"{name}, hourly, {DAYS} days: weight spent meanwhile", spent, "of 2400", bounds={"ours": ("at most", 600)}
        ),
    ]


def _tested(monitor: Monitor, watch_id: int) -> int:
    """Bars of the run, once its gate has been tested and its last bar has a z; 0 before."""
    with monitor.lock:
        run = monitor.followed(monitor.watches[watch_id])
        size = run.model.size if run else 0
        if run is None or not size:
            return 0
        shot = run.model.snapshot(size - 1)
        return size if run.model.gate_tests and shot.z == shot.z and shot.gate_pvalue == shot.gate_pvalue else 0


async def _weight(rest_url: str) -> int:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{rest_url}/fapi/v1/fundingInfo")
    return int(answer.headers["X-MBX-USED-WEIGHT-1M"])


if __name__ == "__main__":
    run()
