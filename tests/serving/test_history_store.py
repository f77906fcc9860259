"""History when storing it fails, when it comes faster than it is looked at, and when the server ends."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from serving.bridge_server import BridgeServer
from tests.serving.test_history import DEADLINE_S, HOUR, serving

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
