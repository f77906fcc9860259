"""Trades posted over HTTP while the server is killed again and again: each row is stored once, in its own place."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.market_routes import add_tick_routes
from api.problems import answer_in_problems
from services.tick_post import TickPostService
from tests.durability.bridge import ServerProcess

T0 = 1_790_000_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path)
    yield process
    process.kill()


async def posted(client: httpx.AsyncClient, number: int, rows: int) -> None:
    """Post a batch until it is answered, always with the same key."""
    ticks = [
        {"symbol": "AUSDT", "price": "1", "quantity": "1", "time_ms": T0 + 1_000 * number + n} for n in range(rows)
    ]
    body, key = {"market": "file-a", "ticks": ticks}, {"Idempotency-Key": f"batch {number}"}
    while True:
        answer = await client.post("/api/ticks/batch", json=body, headers=key)
        if answer.status_code == 200:
            assert answer.json()["stored"] == rows
            return
        assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.02)


async def kill_while_posting(server: ServerProcess, kills: int) -> None:
    rng = random.Random(14)
    app = FastAPI()
    answer_in_problems(app)
    server.start()
    posts = TickPostService(server.url, lambda: server.token)
    add_tick_routes(app, posts)
    sizes: list[int] = []

    async def post_on(client: httpx.AsyncClient, ended: asyncio.Event) -> None:
        while not ended.is_set():
            sizes.append(rng.randint(1, 60))
            await posted(client, len(sizes) - 1, sizes[-1])

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        ended = asyncio.Event()
        posters = [asyncio.create_task(post_on(client, ended)) for _ in range(4)]
        for _ in range(kills):
            await asyncio.sleep(rng.uniform(0.05, 0.4))
            server.kill()
            await asyncio.to_thread(server.start)
            posts._url = server.url  # it has another port
        ended.set()
        await asyncio.gather(*posters)
    await posts.close()
    assert server.terminate() == 0
    with closing(sqlite3.connect(server.ticks_db)) as db:
        ids = [each for (each,) in db.execute("SELECT agg_id FROM v_ticks ORDER BY agg_id")]
        times = [each for (each,) in db.execute("SELECT trade_time_ms FROM v_ticks ORDER BY trade_time_ms")]
        gaps = db.execute("SELECT count(*) FROM holes").fetchone()
    assert times == [T0 + 1_000 * number + n for number, size in enumerate(sizes) for n in range(size)]
    assert ids == list(range(sum(sizes))) and gaps == (0,)
    assert len(sizes) > kills


async def test_five_kills_store_each_posted_row_once(server: ServerProcess) -> None:
    await kill_while_posting(server, 5)


@pytest.mark.soak
async def test_twenty_kills_store_each_posted_row_once(server: ServerProcess) -> None:
    await kill_while_posting(server, 20)
