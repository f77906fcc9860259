"""The connections that posts go through: few, the last used ones, and none in another's way."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from services import tick_post
from services.tick_post import IDLE_S, MOST_LINKS, TickPostService

ROW = ["A", None, "1", "1", 1_790_000_000_000, None]
STORED = {"type": "ack", "stored": 1, "duplicates": 0, "conflicts": 0, "rejected": []}


class Server:
    """Answers as the bridge server does. Greetings of ``silent`` markets and rows of ``held`` ones wait."""

    def __init__(self) -> None:
        self.opened: Counter[str] = Counter()
        self.now, self.most = 0, 0
        self.silent: set[str] = set()
        self.held: set[str] = set()
        self.go = asyncio.Event()

    async def take(self, socket: ServerConnection) -> None:
        market = json.loads(await socket.recv())["market"]
        self.opened[market] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if market in self.silent:
                await self.go.wait()
            await socket.send(json.dumps({"type": "welcome"}))
            async for text in socket:
                if market in self.held:
                    await self.go.wait()
                await socket.send(json.dumps(STORED | {"seq": json.loads(text)["seq"]}))
        finally:
            self.now -= 1

    async def until_open(self, count: int) -> None:
        async with asyncio.timeout(5):
            while self.now != count:  # noqa: ASYNC110 - what a server counts
                await asyncio.sleep(0.01)


@asynccontextmanager
async def both() -> AsyncIterator[tuple[Server, TickPostService]]:
    server = Server()
    async with serve(server.take, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        posts = TickPostService(f"ws://127.0.0.1:{port}/", lambda: "t")
        yield server, posts
        server.go.set()
        await posts.close()


async def test_the_least_recently_used_connection_makes_room() -> None:
    async with both() as (server, posts):
        for number in [*range(MOST_LINKS), 0, 100, *range(2, MOST_LINKS), 0]:
            await posts.post(f"file-{number}", [ROW])
        assert server.most == MOST_LINKS
        assert server.opened == {f"file-{number}": 1 for number in [*range(MOST_LINKS), 100]}  # 1 went, and only 1
        await posts.post("file-1", [ROW])
        assert server.opened["file-1"] == 2


async def test_many_markets_at_once_wait_for_a_connection() -> None:
    async with both() as (server, posts):
        server.held = {f"file-{number}" for number in range(MOST_LINKS)}
        first = [asyncio.create_task(posts.post(market, [ROW])) for market in sorted(server.held)]
        await server.until_open(MOST_LINKS)
        later = [asyncio.create_task(posts.post(f"other-{number}", [ROW])) for number in range(64)]
        await asyncio.sleep(0.1)
        assert server.now == MOST_LINKS and not any(task.done() for task in later)
        server.go.set()
        answers = await asyncio.gather(*first, *later)
        assert [each.stored for each in answers] == [1] * (MOST_LINKS + 64)
        assert server.most == MOST_LINKS and server.opened["file-0"] == 1  # none in use was closed


async def test_a_greeting_that_takes_long_stalls_its_own_market_alone() -> None:
    async with both() as (server, posts):
        server.silent = {"slow"}
        slow = asyncio.create_task(posts.post("slow", [ROW]))
        await server.until_open(1)
        async with asyncio.timeout(2):
            assert (await posts.post("quick", [ROW])).stored == 1
        assert not slow.done()
        server.go.set()
        assert (await slow).stored == 1


async def test_idle_connections_are_closed_without_another_post(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_post, "LOOK_S", 0.01)
    async with both() as (server, posts):
        await posts.post("file-a", [ROW])
        await posts.close_idle(time.monotonic() + IDLE_S - 1)
        assert server.now == 1
        monkeypatch.setattr(tick_post, "IDLE_S", 0.05)
        timer = asyncio.create_task(posts.run())
        await server.until_open(0)
        timer.cancel()
        assert (await posts.post("file-a", [ROW])).stored == 1 and server.opened["file-a"] == 2
