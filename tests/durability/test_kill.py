"""Repeated kill -9 of the server at 20,000 rows a second: acknowledged rows survive."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.sqlite.files import wal_of
from tests.conftest import until
from tests.durability.bridge import Bridge, ServerProcess, assert_nothing_lost

ROWS_PER_SECOND = 20_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path)
    yield process
    process.kill()


async def kill_again_and_again(server: ServerProcess, kills: int) -> Bridge:
    rng = random.Random(9)
    bridge = Bridge(ROWS_PER_SECOND)
    for _ in range(kills):
        server.start()
        life = asyncio.create_task(bridge.run(server.url, server.token))
        enough = bridge.acks + rng.randint(1, 12)
        await until(lambda: bridge.acks >= enough, what="acknowledgements")  # noqa: B023
        await asyncio.sleep(rng.uniform(0, 0.02))  # any moment of a commit
        server.kill()
        await life
    server.start()
    backlog = set(bridge.unacked)
    life = asyncio.create_task(bridge.run(server.url, server.token))
    await until(lambda: backlog.isdisjoint(bridge.unacked), what="the backlog to drain")
    assert server.terminate() == 0
    await life
    return bridge


@pytest.mark.parametrize("kills", [15, pytest.param(50, marks=pytest.mark.soak)])
async def test_kills_lose_nothing_that_was_acknowledged(server: ServerProcess, kills: int) -> None:
    bridge = await kill_again_and_again(server, kills)
    assert_nothing_lost(server.ticks_db, bridge)


async def test_20_stops_under_load_are_quick_and_lose_nothing(server: ServerProcess) -> None:
    bridge = Bridge(ROWS_PER_SECOND)
    took_s = []
    for _ in range(20):
        server.start()
        life = asyncio.create_task(bridge.run(server.url, server.token))
        enough = bridge.acks + 5
        await until(lambda: bridge.acks >= enough, what="acknowledgements")  # noqa: B023
        begun_s = time.monotonic()
        assert await asyncio.to_thread(server.terminate) == 0
        took_s.append(time.monotonic() - begun_s)
        await life
        assert not wal_of(server.ticks_db).exists(), "one tidy file is left"
    assert max(took_s) < 3.0, took_s
    assert_nothing_lost(server.ticks_db, bridge)


@pytest.mark.soak
async def test_500_kills_lose_nothing_that_was_acknowledged(server: ServerProcess) -> None:
    bridge = await kill_again_and_again(server, 500)
    assert_nothing_lost(server.ticks_db, bridge)
