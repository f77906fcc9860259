"""History when storing it fails, when it comes faster than it is looked at, and when the server ends."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from config import Config
from engine.intake.actions import StoreBars
from engine.intake.history_intake import MAX_REASONS
from engine.intake.history_messages import BarSpan
from feeds.bar_queue import AT_ONCE
from feeds.bridge_client import BridgeLink
from serving.bridge_server import BridgeServer
from tests.conftest import ROOT, until
from tests.serving.test_history import DEADLINE_S, HOUR, serving, stored

BEGUN = 1_600_000_000_000 // HOUR * HOUR


@asynccontextmanager
async def helper(server: BridgeServer) -> AsyncIterator[ClientConnection]:
    """A client that has greeted."""
    async with connect(f"ws://127.0.0.1:{server.port}/") as client:
        hello = {"type": "hello", "proto": 1, "token": server._token, "market": "sim", "client": "t", "session": "s"}
        await client.send(json.dumps(hello | {"helper": True}))
        await client.recv()
        yield client


def bars(n: int, count: int = 10, symbol: str = "BTCUSDT", high: str = "3") -> dict[str, Any]:
    """The n-th message of bars."""
    times = [BEGUN + (n * count + slot) * HOUR for slot in range(count)]
    rows = [[at, "2", high, "1", "2.5", "0.5"] for at in times]
    return {"type": "bars", "symbol": symbol, "width_ms": HOUR, "from_ms": times[0], "to_ms": times[-1] + HOUR,
            "rows": rows, "source": "upload"}  # fmt: skip


async def test_a_folder_that_vanishes_under_bars_ends_the_server_and_drops_none(tmp_path: Path) -> None:
    """More messages than may be in flight: the connection is not being read when the failure comes."""
    folder = tmp_path / "data"
    with pytest.raises(FileNotFoundError) as failed:
        async with asyncio.timeout(DEADLINE_S), serving(folder) as server, helper(server) as client:
            shutil.rmtree(folder)
            for n in range(50):
                await client.send(json.dumps(bars(n)))
            await server.broken()
            assert server._history._bars, "they are dropped only when they are stored"
            client.transport.abort()
    assert failed.value.filename == str(folder)


async def test_bars_are_stored_while_connections_are_closing(tmp_path: Path) -> None:
    """The disk is busy when the server ends, and free before the last connection has said goodbye."""
    server = await BridgeServer.open(
        Config(data_dir=tmp_path, bridge_port=0, warm_start_minutes=0), ROOT / "bridge", {}
    )
    await server._writer._db.execute("PRAGMA busy_timeout=10")
    running = AsyncExitStack()
    await running.enter_async_context(server)
    with closing(sqlite3.connect(tmp_path / "ticks.db", isolation_level=None)) as lock:
        async with helper(server) as client:
            lock.execute("BEGIN IMMEDIATE")
            await client.send(json.dumps(bars(0)))
            await until(lambda: bool(server._history._bars))
            client.transport.pause_reading()  # type: ignore[attr-defined]
            ending = asyncio.create_task(running.aclose())
            await until(lambda: server._server is not None and not server._server.is_serving())
            lock.execute("ROLLBACK")
            await until(lambda: not server._history._bars)
            client.transport.resume_reading()  # type: ignore[attr-defined]
        await ending
    assert len(stored(tmp_path)["BTCUSDT"]) == 10


async def test_a_history_that_is_closed_begins_with_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        pass
    before = asyncio.all_tasks()
    server._history.take(StoreBars(0, "sim", BarSpan("BTCUSDT", HOUR, BEGUN, BEGUN + HOUR), ()))
    assert asyncio.all_tasks() == before and not server._history._bars


async def test_bars_that_are_all_refused_are_answered_and_counted_to_the_last(tmp_path: Path) -> None:
    """As many messages as a feed sends at once, answered together: with every reason that is 2 MB, and cut off."""
    async with serving(tmp_path) as server:
        await server._writer._db.execute("PRAGMA busy_timeout=10")
        link = BridgeLink(f"ws://127.0.0.1:{server.port}/", server._token, "sim", "t", helper=True)
        with closing(sqlite3.connect(tmp_path / "ticks.db", isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(DEADLINE_S), link:
                for n in range(AT_ONCE):
                    message = bars(n, 1_000, high="1.5")
                    await link.put_bars(BarSpan(*(message[key] for key in BarSpan._fields)), message["rows"], "upload")
                await until(lambda: len(server._history._bars) == AT_ONCE)
                lock.execute("ROLLBACK")
                await link.drained()
        tally = link.bars.tally
        assert (tally.stored, tally.known, tally.conflicts, tally.refused) == (0, 0, 0, AT_ONCE * 1_000)
        assert len(tally.rejected) == AT_ONCE * MAX_REASONS
        assert "expected open and close from low" in tally.rejected[-1][2]
        assert server.intake.refused["does not read"] == 0 and server._next_conn == 1, "on one connection"
