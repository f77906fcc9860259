"""The stream over real sockets and restarts: both clients, the JavaScript of the docs; and who may."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from client import ApiProblem, AsyncPairbridge, Pairbridge
from services.tokens import TokenService
from tests.api.stand import FIRST, served
from tests.conftest import ROOT, until
from tests.engine.pairs.markets import make_ticks

TICKS: dict[str, Any] = {"topic": "ticks", "cursor": "start"}
EXPECTED = [(each.symbol, str(each.agg_id)) for each in make_ticks(1)]
DOCS = (ROOT / "docs/api.md").read_text()


def ids(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["symbol"], row["id"]) for message in messages for row in message["items"]]


async def through_two_servers(folder: Path, taken: Any, start: Any) -> None:
    """A server that goes away after some trades, and another at the same address with the rest."""
    ticks = make_ticks(1)
    async with served(folder) as (url, harness):
        start(url)
        await harness.write(ticks[FIRST:1_500])
        await until(lambda: taken() >= 1_500)
        port = int(url.rpartition(":")[2])
    async with served(folder, port) as (url, harness):  # the first trades are stored again: as they are known already
        await harness.write(ticks[1_500:])
        await until(lambda: taken() >= len(ticks))
        await asyncio.sleep(0.1)


async def test_the_async_client_goes_on_over_a_restart(tmp_path: Path) -> None:
    got: list[dict[str, Any]] = []
    tasks: list[asyncio.Task[None]] = []

    async def follow(url: str) -> None:
        async with AsyncPairbridge(url=url) as bridge, contextlib.aclosing(bridge.stream(TICKS, "status")) as stream:
            async for message in stream:
                got.append(message)  # noqa: PERF401 - read while it grows

    def trades() -> int:
        return len(ids([each for each in got if each["topic"] == "ticks"]))

    await through_two_servers(tmp_path, trades, lambda url: tasks.append(asyncio.create_task(follow(url))))
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert ids([each for each in got if each["topic"] == "ticks"]) == EXPECTED
    assert any(each["topic"] == "status" and each["items"][0]["state"] for each in got)


async def test_the_client_that_waits_goes_on_too(tmp_path: Path) -> None:
    got: list[dict[str, Any]] = []

    def follow(url: str) -> None:
        with Pairbridge(url=url) as bridge:
            for message in bridge.stream(TICKS):
                got.append(message)
                if len(ids(got)) >= len(EXPECTED):
                    return

    threads: list[threading.Thread] = []

    def start(url: str) -> None:
        threads.append(threading.Thread(target=follow, args=(url,), daemon=True))
        threads[0].start()

    await through_two_servers(tmp_path, lambda: len(ids(got)), start)
    await asyncio.to_thread(threads[0].join, 10)
    assert ids(got) == EXPECTED and not threads[0].is_alive()


async def test_the_example_in_javascript_goes_on_too(tmp_path: Path) -> None:
    (example,) = re.findall(r"```js\n(.*?)```", DOCS, re.DOTALL)
    assert len(example.splitlines()) <= 30
    data = tmp_path / "data"
    data.mkdir()
    _, token = TokenService(data).make("viewer", "an example")
    program = f"""{example}
const [url, token] = process.argv.slice(2);
const topics = [{{ topic: "ticks", cursor: "start" }}];
follow(url, topics, (message) => console.log(JSON.stringify(message)), token);
"""
    (tmp_path / "follow.mjs").write_text(program)
    out = tmp_path / "out"
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> None:
        address = f"{url.replace('http', 'ws')}/api/stream"
        command = ["node", "--experimental-websocket", str(tmp_path / "follow.mjs"), address, token]
        with out.open("wb") as file:
            started.append(subprocess.Popen(command, stdout=file))

    def taken() -> list[dict[str, Any]]:
        return [json.loads(line) for line in out.read_text().splitlines(keepends=True) if line.endswith("\n")]

    try:
        await through_two_servers(data, lambda: len(ids(taken())), start)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert ids(taken()) == EXPECTED


async def test_the_same_roles_as_the_reads(tmp_path: Path) -> None:
    """A viewer may, a feeder and a stranger may not, and a revoked token ends its stream."""
    tokens = TokenService(tmp_path)
    made = {role: tokens.make(role, "a test") for role in ("viewer", "trader", "feeder")}
    async with served(tmp_path) as (url, _):
        for role in ("viewer", "trader"):
            async with AsyncPairbridge(made[role][1], url) as bridge:
                message = await anext(bridge.stream(TICKS))
                assert len(message["items"]) == 500, role
        for secret in (made["feeder"][1], "pb_none_none"):
            with pytest.raises(ApiProblem) as refused:
                async with AsyncPairbridge(secret, url) as bridge:
                    await anext(bridge.stream(TICKS))
            assert refused.value.status in (401, 403)
        address = f"{url.replace('http', 'ws')}/api/stream"
        for headers in ({}, {"origin": "http://evil.example"}, {"origin": "http://evil.example", "authorization": "x"}):
            with pytest.raises(InvalidStatus, match="403"):
                async with connect(address, additional_headers=headers):
                    pass
        async with connect(address, additional_headers={"authorization": f"Bearer {made['viewer'][1]}"}) as socket:
            await socket.send(json.dumps({"subscribe": [{"topic": "alerts"}]}))
            await socket.recv()
            await asyncio.to_thread(tokens.revoke, made["viewer"][0].token_id)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
        async with httpx.AsyncClient() as plain:
            assert (await plain.get(f"{url}/api/stream")).status_code == 404


async def test_what_is_refused_is_raised_and_not_tried_again(tmp_path: Path) -> None:
    async with served(tmp_path) as (url, _), AsyncPairbridge(url=url) as bridge:
        with pytest.raises(ApiProblem, match="Invalid enum value 'orders'") as refused:
            await anext(bridge.stream("orders"))
        assert refused.value.status == 400
        with pytest.raises(ValueError, match="no topic is named"):
            bridge.stream()
