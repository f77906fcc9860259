"""Trades over HTTP, through a real bridge server: stored once for a key, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.market_routes import add_tick_routes
from api.problems import answer_in_problems
from config import Config
from services.tick_post import TickPostService
from serving.bridge_server import BridgeServer
from tests.conftest import ROOT

TOKEN = "t" * 32
T0 = 1_790_000_000_000


@asynccontextmanager
async def server_at(folder: Path, port: int = 0) -> AsyncIterator[BridgeServer]:
    config = Config(data_dir=folder, token=TOKEN, bridge_port=port)
    async with await BridgeServer.open(config, ROOT / "bridge", routes={}) as server:
        yield server


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[httpx.AsyncClient]:
    app, posts = FastAPI(), TickPostService(f"ws://127.0.0.1:{port}/", lambda: TOKEN)
    add_tick_routes(app, posts)
    answer_in_problems(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as made:
        yield made
    await posts.close()


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with server_at(tmp_path) as server, client_of(server.port) as made:
        yield made


def tick(number: int, **more: Any) -> dict[str, Any]:
    return {"symbol": "AUSDT", "price": "1.5", "quantity": "2", "time_ms": T0 + number} | more


def stored(folder: Path) -> list[tuple[str, int, int]]:
    with closing(sqlite3.connect(folder / "ticks.db")) as db:
        return db.execute("SELECT market, agg_id, trade_time_ms FROM v_ticks ORDER BY 1, 2").fetchall()


async def test_one_and_many(client: httpx.AsyncClient, tmp_path: Path) -> None:
    one = await client.post("/api/ticks", json={"market": "file-a"} | tick(1))
    counts = {"stored": 1, "duplicates": 0, "conflicts": 0, "rejected": [], "gaps": [0, 0], "again": False}
    assert one.json() == {"market": "file-a"} | counts
    rows = [tick(2), tick(3, price="0"), tick(4, buyer_is_maker=True)]
    many = (await client.post("/api/ticks/batch", json={"market": "file-a", "ticks": rows})).json()
    assert many["stored"] == 2 and many["rejected"] == [[1, "price is '0'; expected more than 0"]]
    assert stored(tmp_path) == [("file-a", 0, T0 + 1), ("file-a", 1, T0 + 2), ("file-a", 2, T0 + 4)]


async def test_an_exchanges_trades_keep_their_ids(client: httpx.AsyncClient, tmp_path: Path) -> None:
    rows = [tick(1, id="9007199254740990"), tick(2, id=9007199254740991)]
    found = (await client.post("/api/ticks/batch", json={"market": "usdm", "ticks": rows})).json()
    assert found["stored"] == 2 and [agg_id for _, agg_id, _ in stored(tmp_path)] == [2**53 - 2, 2**53 - 1]
    again = (await client.post("/api/ticks/batch", json={"market": "usdm", "ticks": rows})).json()
    assert (again["stored"], again["duplicates"]) == (0, 2)


async def test_a_key_answers_as_at_first_and_refuses_other_rows(client: httpx.AsyncClient, tmp_path: Path) -> None:
    key = {"Idempotency-Key": "monday-1"}
    first = await client.post("/api/ticks/batch", json={"market": "file-a", "ticks": [tick(1), tick(2)]}, headers=key)
    again = await client.post("/api/ticks/batch", json={"market": "file-a", "ticks": [tick(1), tick(2)]}, headers=key)
    assert again.json() == first.json() | {"again": True}
    other = await client.post("/api/ticks/batch", json={"market": "file-a", "ticks": [tick(9)]}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key")
    assert len(stored(tmp_path)) == 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"market": "file-a"} | tick(1, price="x"), "price is 'x'; expected a decimal string"),
        ({"market": "usdm"} | tick(1), "aggregate id is None"),
        ({"market": "usdm"} | tick(1, id="-7"), "id is '-7'; expected a whole number"),
        ({"market": "UPPER"} | tick(1), "market is 'UPPER'; expected lower-case"),
        ({"market": "file-a"} | tick(1, extra=1), "extra: Extra inputs"),
        ({"market": "file-a"}, "symbol: Field required"),
    ],
)  # fmt: skip
async def test_what_is_refused_is_told(client: httpx.AsyncClient, body: dict[str, Any], says: str) -> None:
    answer = await client.post("/api/ticks", json=body)
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"], answer.text


async def test_no_coin_margined_market_and_no_server(client: httpx.AsyncClient) -> None:
    refused = await client.post("/api/ticks", json={"market": "coinm"} | tick(1, id=1))
    assert (refused.status_code, refused.json()["code"]) == (502, "bridge-server")
    async with client_of(1) as alone:
        away = await alone.post("/api/ticks", json={"market": "file-a"} | tick(1))
    assert (away.status_code, away.json()["code"]) == (503, "bridge-server")


async def test_many_at_once_are_each_answered(client: httpx.AsyncClient, tmp_path: Path) -> None:
    posts = [
        client.post("/api/ticks/batch", json={"market": "file-a", "ticks": [tick(10 * n + each) for each in range(5)]})
        for n in range(80)
    ]
    answers = await asyncio.gather(*posts)
    assert [answer.json()["stored"] for answer in answers] == [5] * 80
    assert [agg_id for _, agg_id, _ in stored(tmp_path)] == list(range(400))


async def test_a_restarted_server_is_found_again(tmp_path: Path) -> None:
    key, body = {"Idempotency-Key": "k"}, {"market": "file-a"} | tick(1)
    async with AsyncExitStack() as stack:
        async with server_at(tmp_path) as server:
            port = server.port
            client = await stack.enter_async_context(client_of(port))
            assert (await client.post("/api/ticks", json=body, headers=key)).json()["again"] is False
        down = await client.post("/api/ticks", json=body, headers=key)
        assert down.status_code == 503
        async with server_at(tmp_path, port):
            assert (await client.post("/api/ticks", json=body, headers=key)).json()["again"] is True
            assert (await client.post("/api/ticks", json=body)).json()["stored"] == 1
