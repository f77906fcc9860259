"""Candles and funding over real sockets: fetched by Python from the simulated exchange, stored once, through kills."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from config import Config
from engine.market.sourced import SourcedBar
from engine.pairs.settings import classic
from engine.store import open_backend
from feeds.direct import DirectFeed
from feeds.markets import simulator_route
from live.monitor import Monitor
from live.thread import MonitorThread
from live.wants import HistoryWants
from serving.bridge_server import BridgeServer
from simulator import ExchangeSettings, SimulatedExchange, coins_named
from simulator.market_data import klines
from tests.conftest import ROOT, until

HOUR = 3_600_000
SYMBOLS = ["BTCUSDT", "ETHUSDT"]
DEADLINE_S = 30.0


def exchange(**changes: Any) -> SimulatedExchange:
    return SimulatedExchange(ExchangeSettings(coins=coins_named(SYMBOLS), **changes))


@asynccontextmanager
async def serving(folder: Path, routes: dict[str, Any] | None = None) -> AsyncIterator[BridgeServer]:
    server = await BridgeServer.open(
        Config(data_dir=folder, bridge_port=0, warm_start_minutes=0), ROOT / "bridge", routes or {}
    )
    async with server:
        yield server


@asynccontextmanager
async def forwarding(server: BridgeServer, sim: SimulatedExchange, minute: int = 2_400) -> AsyncIterator[None]:
    feed = DirectFeed(replace(simulator_route(f"127.0.0.1:{sim.port}"), minute=minute), SYMBOLS)
    task = asyncio.create_task(feed.run(f"ws://127.0.0.1:{server.port}/", server._token))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def wanting(server: BridgeServer, bars: list[list[Any]]) -> AsyncIterator[None]:
    async with connect(f"ws://127.0.0.1:{server.port}/") as client:
        hello = {"type": "hello", "proto": 1, "token": server._token, "market": "sim", "client": "t", "session": "s"}
        await client.send(json.dumps(hello | {"helper": True}))
        await client.send(json.dumps({"type": "want", "bars": bars}))
        yield


async def until_fetched(server: BridgeServer, missing: int = 0) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = server.health()["markets"].get("sim", {}).get("history", {"wanted": 0})
            if found["wanted"] and not found["unknown"] and found["missing"] <= missing:
                return
            await asyncio.sleep(0.01)


def last_hour() -> int:
    return time.time_ns() // 1_000_000 // HOUR * HOUR


def wanted(days: int = 90) -> list[list[Any]]:
    until_ms = last_hour()
    return [[symbol, HOUR, until_ms - days * 24 * HOUR, until_ms] for symbol in SYMBOLS]


def stored(folder: Path, width_ms: int = HOUR) -> dict[str, list[SourcedBar]]:
    reader = open_backend(folder).bar_reader()
    found = {symbol: reader.sourced_bars("sim", symbol, width_ms, 0, 2**50) for symbol in SYMBOLS}
    reader.close()
    return found


def offered(sim: SimulatedExchange, bars: list[list[Any]]) -> dict[str, list[SourcedBar]]:
    """What the exchange has."""
    found: dict[str, list[SourcedBar]] = {}
    for symbol, width_ms, from_ms, to_ms in bars:
        rows = klines(sim._venue, symbol, width_ms, from_ms, to_ms - 1, 10**6)
        found[symbol] = [SourcedBar(symbol, width_ms, row[0], *map(float, row[1:6]), "kline") for row in rows]
    return found


async def test_python_alone_killed_at_ten_points_has_the_same_bars_in_the_end(tmp_path: Path) -> None:
    rng = random.Random(7)
    bars = wanted()
    async with exchange() as sim:
        for _ in range(10):
            async with serving(tmp_path) as server, forwarding(server, sim), wanting(server, bars):
                await asyncio.sleep(rng.uniform(0.0, 0.6))
        async with serving(tmp_path) as server, forwarding(server, sim), wanting(server, bars):
            await until_fetched(server)
        assert stored(tmp_path) == offered(sim, bars)
        assert all(len(each) == 2_160 for each in stored(tmp_path).values())


@pytest.mark.soak
async def test_processes_killed_at_ten_points_have_the_same_bars_in_the_end(tmp_path: Path) -> None:
    """As above with ``server.py`` and its feed in a process that SIGKILL ends."""
    rng = random.Random(11)
    bars = wanted()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    names = {"DATA_DIR": str(tmp_path), "BRIDGE_PORT": str(port), "TOKEN": "t" * 32, "WARM_START_MINUTES": "0"}
    settings = {f"PAIRBRIDGE_{name}": value for name, value in names.items()}
    async with exchange() as sim, httpx.AsyncClient() as http:
        for kill in range(11):
            command = [sys.executable, "server.py", "--feed", "simulator", "--exchange", f"127.0.0.1:{sim.port}"]
            process = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=os.environ | settings, stdout=asyncio.subprocess.DEVNULL
            )
            try:
                missing = await _wanted_for(http, port, bars, rng.uniform(0.0, 0.8) if kill < 10 else DEADLINE_S)
            finally:
                process.kill()
                await process.wait()
        assert missing == 0
        assert stored(tmp_path) == offered(sim, bars)


async def _wanted_for(http: httpx.AsyncClient, port: int, bars: list[list[Any]], seconds: float) -> int | None:
    """Want these bars of a server that is starting, for so long or until all are there; returns how many are not."""
    missing: int | None = None
    async with asyncio.timeout(2 * DEADLINE_S):
        while True:
            try:
                await http.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    ends = time.monotonic() + seconds
    async with connect(f"ws://127.0.0.1:{port}/") as client:
        hello = {"type": "hello", "proto": 1, "token": "t" * 32, "market": "sim", "client": "t", "session": "s"}
        await client.send(json.dumps(hello | {"helper": True}))
        await client.send(json.dumps({"type": "want", "bars": bars}))
        while time.monotonic() < ends and missing != 0:
            answer = await http.get(f"http://127.0.0.1:{port}/health")
            history = answer.json()["markets"].get("sim", {}).get("history", {"wanted": 0, "missing": None})
            missing = history["missing"] if history["wanted"] and not history["unknown"] else None
            await asyncio.sleep(0.02)
    return missing


@pytest.mark.parametrize("feeds", [1, 2])
async def test_no_more_than_a_quarter_of_the_weight_is_spent(tmp_path: Path, feeds: int) -> None:
    """Of 200 a minute 50 may be spent: by then 10 requests of 1,000 candles, or fewer beside other requests."""
    until_ms = last_hour()
    bars = [[symbol, 300_000, until_ms - 40 * 24 * HOUR, until_ms] for symbol in SYMBOLS]
    async with exchange() as sim, serving(tmp_path) as server, AsyncExitStack() as others:
        for _ in range(feeds):
            await others.enter_async_context(forwarding(server, sim, 200))
        await until(lambda: len(server.intake.history.bars._bridges) == feeds)
        await others.enter_async_context(wanting(server, bars))
        await until_fetched(server, missing=2 * 40 * 288 - 6_000)
        spent: dict[int, int] = {}  # by the minute of the exchange's clock, in which it counts
        async with httpx.AsyncClient() as http:
            for _ in range(15):
                minute = int(time.time() // 60)
                answer = await http.get(f"{sim.rest_url}/fapi/v1/fundingInfo")
                spent[minute] = max(spent.get(minute, 0), int(answer.headers["X-MBX-USED-WEIGHT-1M"]))
                await asyncio.sleep(0.1)
        assert 0 < sum(spent.values()) <= 50
        assert server.health()["markets"]["sim"]["history"]["missing"] > 0


async def test_a_blocked_exchange_is_named_and_tried_again(tmp_path: Path) -> None:
    bars = wanted(2)
    async with (
        exchange(geo_block=True) as sim,
        serving(tmp_path) as server,
        forwarding(server, sim),
        wanting(server, bars),
    ):

        def wants() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = server.health()["markets"].get("sim", {}).get("history", {}).get("wants", [])
            return found

        await until(lambda: bool(wants()) and all("geo-blocked" in (each["problem"] or "") for each in wants()))
        assert [each["missing"] for each in wants()] == [48, 48]


async def test_the_server_fetches_itself_what_no_bridge_can(tmp_path: Path) -> None:
    bars = wanted(10)
    async with exchange() as sim:
        route = simulator_route(f"127.0.0.1:{sim.port}")
        async with serving(tmp_path, {"sim": route}) as server, wanting(server, bars):
            await until_fetched(server)
        assert stored(tmp_path) == offered(sim, bars)


async def test_bars_that_nobody_asked_for_are_taken_as_fast_as_they_are_stored(tmp_path: Path) -> None:
    """More messages than may be in flight, in a market where nothing else is committed."""
    count, of_each = 100, 50
    async with serving(tmp_path) as server, connect(f"ws://127.0.0.1:{server.port}/") as client:
        hello = {"type": "hello", "proto": 1, "token": server._token, "market": "sim", "client": "t", "session": "s"}
        await client.send(json.dumps(hello | {"helper": True}))
        for n in range(count):
            times = [(n * of_each + slot) * HOUR + 1_600_000_000_000 // HOUR * HOUR for slot in range(of_each)]
            rows = [[at, "2", "3", "1", "2.5", "0.5"] for at in times]
            span = {"symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": times[0], "to_ms": times[-1] + HOUR}
            await client.send(json.dumps({"type": "bars", **span, "rows": rows, "source": "upload"}))
        answers = [json.loads(await asyncio.wait_for(client.recv(), DEADLINE_S)) for _ in range(count + 1)]
        assert [answer["stored"] for answer in answers[1:]] == [of_each] * count
    assert len(stored(tmp_path)["BTCUSDT"]) == count * of_each


async def test_funding_comes_by_itself(tmp_path: Path) -> None:
    async with exchange() as sim, serving(tmp_path) as server, forwarding(server, sim):
        reader = open_backend(tmp_path).bar_reader()
        kinds = [(symbol, kind) for symbol in SYMBOLS for kind in ("mark", "settled")]
        await until(lambda: all(reader.funding("sim", symbol, kind, 0, 2**50) for symbol, kind in kinds))
        (mark,) = reader.funding("sim", "BTCUSDT", "mark", 0, 2**50)
        settled = reader.funding("sim", "BTCUSDT", "settled", 0, 2**50)
        assert mark.next_ms is not None and mark.next_ms % (8 * HOUR) == 0 and mark.mark_price
        assert 355 <= len(settled) <= 361 and all(row.rate is not None and abs(row.rate) < 0.01 for row in settled)
        reader.close()


async def test_an_hourly_pair_is_warm_and_tested_soon_after_watch(tmp_path: Path) -> None:
    async with exchange(history_days=90) as sim, serving(tmp_path) as server, forwarding(server, sim):
        backend = open_backend(tmp_path)
        monitor = Monitor(backend.tick_reader, backend.analysis(), ("ETHUSDT", "BTCUSDT", classic()))
        wants = HistoryWants(monitor, f"ws://127.0.0.1:{server.port}/", lambda: server._token, 3_000)
        with MonitorThread(monitor, lambda: None):
            task = asyncio.create_task(wants.run())
            await until(lambda: bool(monitor.watches))
            watch_id = await asyncio.to_thread(monitor.watch, "sim", "ETHUSDT", "BTCUSDT", classic(interval_ms=HOUR))
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    with monitor.lock:
                        run = monitor.followed(monitor.watches[watch_id])
                        size = run.model.size if run else 0
                        shot = run.model.snapshot(size - 1) if run and size else None
                    if size >= 89 * 24 and shot is not None and shot.gate_pvalue == shot.gate_pvalue:
                        break
                    await asyncio.sleep(0.02)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert shot.z == shot.z and size >= 89 * 24


async def test_a_fetched_candle_is_what_its_stored_ticks_give(tmp_path: Path) -> None:
    """Half an hour traded before the feed came: all ticks and all candles of them are fetched, and say the same."""
    width_ms = 60_000
    sim = SimulatedExchange(ExchangeSettings(coins=coins_named(SYMBOLS, 0.3), catch_up_hours=0.5))
    async with sim, serving(tmp_path) as server, forwarding(server, sim):

        def is_caught_up() -> bool:
            newest = [sim.trades(symbol)[-1].trade_time_ms for symbol in SYMBOLS if sim.trades(symbol)]
            return len(newest) == 2 and min(newest) > time.time_ns() // 1_000_000 - 20_000

        await until(is_caught_up, DEADLINE_S)
        await until(lambda: not server.health()["waiting_batches"])
        until_ms = (sim.now_ms - 5_000) // width_ms * width_ms
        async with wanting(server, [[symbol, width_ms, until_ms - HOUR // 2, until_ms] for symbol in SYMBOLS]):
            await until_fetched(server)

        def history() -> dict[str, Any]:
            found: dict[str, Any] = server.health()["markets"]["sim"]["history"]
            return found

        await until(lambda: history()["compared"] >= 40, DEADLINE_S)
        assert (history()["differing"], history()["differences"]) == (0, [])
        ticks = open_backend(tmp_path).tick_reader()
        compared = 0
        for symbol, bars in stored(tmp_path, width_ms).items():
            first_ms = sim.trades(symbol)[0].trade_time_ms
            for bar in bars:
                seconds = ticks.bars("sim", symbol, bar.open_time_ms, bar.end_ms)
                if bar.open_time_ms > first_ms and seconds:
                    made = (
                        seconds[0].open,
                        max(s.high for s in seconds),
                        min(s.low for s in seconds),
                        seconds[-1].close,
                    )
                    assert (bar.open, bar.high, bar.low, bar.close) == made
                    assert bar.volume == pytest.approx(sum(s.volume for s in seconds), rel=1e-12)
                    compared += 1
        assert compared > 40
        ticks.close()


async def test_a_candle_that_differs_from_whole_ticks_is_counted_and_told(tmp_path: Path) -> None:
    """Ticks of three minutes, then candles of four: one before them, two the same, one with another volume."""
    begun, minute = 1_600_000_020_000, 60_000
    ids = range(1, 181)
    rows = [["AUSDT", n, f"{10 + n % 7}", "0.5", begun + 1_000 * n - 500, n % 2 == 0] for n in ids]
    async with serving(tmp_path) as server, connect(f"ws://127.0.0.1:{server.port}/") as client:
        hello = {"type": "hello", "proto": 1, "token": server._token, "market": "sim", "client": "t", "session": "s"}
        await client.send(json.dumps(hello))
        await client.send(json.dumps({"type": "ticks", "seq": 1, "rows": rows}))
        later = ["AUSDT", 181, "10", "0.5", begun + 3 * minute + 5_000, True]
        await client.send(json.dumps({"type": "ticks", "seq": 2, "rows": [later]}))
        candles = []
        for slot in range(-1, 3):
            prices = [10 + n % 7 for n in ids if slot == (n - 1) // 60]  # a trade a second
            values = [prices[0], max(prices), min(prices), prices[-1]] if prices else [9, 9, 9, 9]
            volume = "30" if slot < 2 else "30.5"
            candles.append([begun + slot * minute, *map(str, values), volume])
        span = {"symbol": "AUSDT", "width_ms": minute, "from_ms": begun - minute, "to_ms": begun + 3 * minute}

        def found() -> dict[str, Any]:
            market: dict[str, Any] = server.health()["markets"].get("sim", {"stored": 0})
            return market

        await until(lambda: found()["stored"] == 181)
        await client.send(json.dumps({"type": "bars", **span, "rows": candles}))
        await until(lambda: bool(found()["history"]["compared"]))
        history = found()["history"]
        assert (history["compared"], history["differing"]) == (2, 1), "the first bar held the first trade"
        (each,) = history["differences"]
        assert (each["open_time_ms"], each["candle"][4], each["ticks"][4]) == (begun + 2 * minute, 30.5, 30.0)
        (told,) = [one for one in found()["findings"] if one["code"] == "candles-differ"]
        assert "1 of 2 bars differ" in told["what"] and "volume 30.5 in the candle, 30 in trades" in told["what"]
