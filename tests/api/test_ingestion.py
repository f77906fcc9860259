"""Symbols on request over HTTP: a real server, a page that is spoken for, the direct feed of a simulated exchange."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from api.ingestion import add_ingestion_route
from api.problems import answer_in_problems
from config import Config
from engine.errors import NotAllowed
from feeds.direct import DirectFeed
from feeds.markets import Route, simulator_route
from live.heartbeat import Heartbeat
from services.feeds import FeedService
from services.ingestion import MOST_AT_ONCE, IngestionService
from serving.bridge_server import BridgeServer
from simulator.exchange import SimulatedExchange
from simulator.settings import ExchangeSettings, coins_named
from tests.api.stand import opened, opened_with_server
from tests.conftest import ROOT, until

TOKEN = "t" * 32
T0 = 1_790_000_000_000
Log = list[tuple[str, Any, Any]]


@asynccontextmanager
async def server_at(folder: Path, routes: Mapping[str, Route] | None = None) -> AsyncIterator[BridgeServer]:
    config = Config(data_dir=folder, token=TOKEN, bridge_port=0, warm_start_minutes=0)
    async with await BridgeServer.open(config, ROOT / "bridge", routes=routes or {}) as server:
        yield server


@asynccontextmanager
async def client_of(port: int, log: Log | None = None) -> AsyncIterator[httpx.AsyncClient]:
    app, heartbeat = FastAPI(), Heartbeat(f"http://127.0.0.1:{port}/health", 2_500)
    changes: Log = [] if log is None else log
    ingestion = IngestionService(
        f"ws://127.0.0.1:{port}/", lambda: TOKEN, lambda: None, lambda *change: changes.append(change)
    )
    add_ingestion_route(app, ingestion, FeedService(heartbeat))
    answer_in_problems(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", timeout=60) as made:
        yield made


@asynccontextmanager
async def page_of(server: BridgeServer, *symbols: str, can: tuple[str, ...] = ("subscribe",)) -> AsyncIterator[Any]:
    """A bridge that does as the page does; what it was asked to add. Each symbol trades once, as it is added."""
    hello = {"type": "hello", "proto": 1, "token": TOKEN, "market": "sim", "client": "page", "session": "s"}
    asked: list[list[str]] = []
    async with connect(f"ws://127.0.0.1:{server.port}/") as socket:
        await socket.send(json.dumps(hello | {"can": list(can)}))
        await socket.send(json.dumps({"type": "subscribe", "symbols": list(symbols)}))
        speaking = asyncio.create_task(_speak(socket, list(symbols), asked))
        await until(lambda: all(server.intake.leases.holder("sim", each) is not None for each in symbols))
        yield asked
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def _speak(socket: ClientConnection, symbols: list[str], asked: list[list[str]]) -> None:
    seq = 0
    async for text in socket:
        message = json.loads(text)
        if message["type"] != "add_symbols":
            continue
        asked.append(message["symbols"])
        if "NOUSDT" in message["symbols"]:
            refusal = {"type": "unaddable", "symbols": message["symbols"], "reason": "did you mean NEOUSDT?"}
            await socket.send(json.dumps(refusal))
            continue
        symbols += message["symbols"]
        await socket.send(json.dumps({"type": "subscribe", "symbols": symbols}))
        seq += 1
        rows = [[each, 1, "1.5", "2", T0, False] for each in message["symbols"] if each != "QUIETUSDT"]
        if rows:
            await socket.send(json.dumps({"type": "ticks", "seq": seq, "rows": rows}))


async def ask(client: httpx.AsyncClient, *symbols: str, wait_s: float = 5.0, market: str = "sim") -> httpx.Response:
    body = {"symbols": list(symbols), "market": market}
    return await client.post("/api/ingestion", params={"wait_s": wait_s}, json=body)


async def test_the_page_adds_symbols_and_asking_again_changes_nothing(tmp_path: Path) -> None:
    log: Log = []
    async with (
        server_at(tmp_path) as server,
        page_of(server, "BTCUSDT") as asked,
        client_of(server.port, log) as client,
    ):
        first = await ask(client, "BTCUSDT", "SOLUSDT", " SOLUSDT", wait_s=0.3)
        expected = {"market": "sim", "symbols": ["BTCUSDT", "SOLUSDT"], "how": "asked", "by": "page"}
        assert first.json() == expected | {"added": ["SOLUSDT"], "without_trade": ["BTCUSDT"]}
        assert asked == [["SOLUSDT"]]
        after = {"market": "sim", "symbols": ["SOLUSDT"], "how": "asked", "by": "page"}
        assert log == [("receive symbols of sim", None, after)]
        again = await ask(client, "SOLUSDT")
        assert (again.json()["how"], again.json()["added"], again.json()["without_trade"]) == ("already", [], [])
        assert asked == [["SOLUSDT"]] and len(log) == 1
        quiet = await ask(client, "ADAUSDT", "QUIETUSDT", wait_s=0.3)
        assert quiet.json()["without_trade"] == ["QUIETUSDT"]


async def test_wrong_symbols_are_named_and_nothing_is_logged(tmp_path: Path) -> None:
    log: Log = []
    async with server_at(tmp_path) as server, page_of(server, "BTCUSDT"), client_of(server.port, log) as client:
        refused = await ask(client, "ADAUSDT", "NOUSDT")
        assert (refused.status_code, refused.json()["code"]) == (400, "symbol")
        assert refused.json()["detail"] == "did you mean NEOUSDT?" and log == []
        assert server.intake.leases.holder("sim", "ADAUSDT") is None
        for symbols, says in (
            (["A B"], "symbol"),
            (["btcusdt"], "expected upper case"),
            ([], "at least 1 item"),
            ([""], "symbol"),
        ):
            bad = await ask(client, *symbols)
            assert bad.status_code == 400 and says in bad.json()["detail"].lower()
        assert "expected lower-case" in (await ask(client, "A", market="SIM")).json()["detail"]
        assert (await ask(client, "A", market="coinm")).status_code == 400


async def test_without_a_bridge_it_is_said_what_to_do(tmp_path: Path) -> None:
    async with server_at(tmp_path) as server, client_of(server.port) as client:
        nobody = await ask(client, "BTCUSDT")
        assert (nobody.status_code, nobody.json()["code"]) == (409, "no-bridge")
        assert "no bridge of market 'sim' is connected; open the bridge page" in nobody.json()["detail"]
        async with page_of(server, "BTCUSDT", can=("klines",)) as asked:
            old = await ask(client, "SOLUSDT")
            assert old.status_code == 409 and "connected are page" in old.json()["detail"] and asked == []
    async with client_of(1) as alone:
        away = await ask(alone, "BTCUSDT")
        assert (away.status_code, away.json()["code"]) == (503, "bridge-server")


async def test_more_requests_than_the_server_has_room_for_are_refused(tmp_path: Path) -> None:
    async with server_at(tmp_path) as server, page_of(server, "BTCUSDT"), client_of(server.port) as client:
        waiting = [asyncio.create_task(ask(client, "BTCUSDT", wait_s=1.0)) for _ in range(MOST_AT_ONCE + 1)]
        codes = sorted([(await each).status_code for each in waiting])
        assert codes == [200] * MOST_AT_ONCE + [409]


@asynccontextmanager
async def simulated(*names: str) -> AsyncIterator[Route]:
    async with SimulatedExchange(ExchangeSettings(coins=coins_named(list(names), rate=20.0))) as exchange:
        yield simulator_route(f"127.0.0.1:{exchange.port}")


async def test_without_a_page_the_direct_feed_is_started_and_then_asked(tmp_path: Path) -> None:
    async with (
        simulated("BTCUSDT", "ETHUSDT", "SOLUSDT") as route,
        server_at(tmp_path, {"sim": route}) as server,
        client_of(server.port) as client,
    ):
        wrong = await ask(client, "BTCUSDT", "SLUSDT")
        assert wrong.status_code == 400
        assert wrong.json()["detail"] == "SLUSDT is not a symbol of this market; did you mean SOLUSDT?"
        started = (await ask(client, "BTCUSDT", wait_s=20)).json()
        assert (started["how"], started["by"], started["without_trade"]) == ("started", "direct feed", [])
        more = (await ask(client, "BTCUSDT", "SOLUSDT", wait_s=20)).json()
        assert (more["how"], more["by"], more["added"]) == ("asked", "direct feed", ["SOLUSDT"])
        assert more["without_trade"] == []
        typo = await ask(client, "ETUSDT")
        assert typo.json()["detail"] == "ETUSDT is not a symbol of this market; did you mean ETHUSDT?"
        assert server.health()["markets"]["sim"]["bridges"] == ["direct feed"]
        await until(
            lambda: server.health()["markets"]["sim"]["open_holes"] == 0, 20, "gaps of the new stream are filled"
        )


async def test_a_feed_of_the_command_line_is_asked_too(tmp_path: Path) -> None:
    async with simulated("BTCUSDT", "SOLUSDT") as route, server_at(tmp_path) as server:
        running = asyncio.create_task(DirectFeed(route, ["BTCUSDT"]).run(f"ws://127.0.0.1:{server.port}/", TOKEN))
        await until(lambda: server.intake.leases.holder("sim", "BTCUSDT") is not None)
        async with client_of(server.port) as client:
            found = (await ask(client, "SOLUSDT", wait_s=20)).json()
        assert (found["how"], found["added"], found["without_trade"]) == ("asked", ["SOLUSDT"], [])
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_it_needs_a_trader_and_is_in_the_audit_log(tmp_path: Path) -> None:
    async with opened_with_server(tmp_path) as stand, page_of(stand.bridge, "BTCUSDT"):
        for role, expected in (("viewer", 403), ("feeder", 403), ("trader", 200)):
            client = stand.with_token(await stand.token(role))
            assert (await ask(client, "ADAUSDT")).status_code == expected, role
        assert (await ask(stand.viewer, "XRPUSDT")).status_code == 403
        rows = (await stand.owner.get("/api/audit")).json()["items"]
        logged = [row for row in rows if row["what"] == "receive symbols of sim"]
        assert [row["after"]["symbols"] for row in logged] == [["ADAUSDT"]] and "a trader" in logged[0]["who"]


async def test_the_service_refuses_readers_by_itself(tmp_path: Path) -> None:
    def refuse() -> None:
        raise NotAllowed("view only")

    with pytest.raises(NotAllowed):
        await IngestionService("ws://127.0.0.1:1/", lambda: TOKEN, refuse).start("sim", ["BTCUSDT"])


async def test_without_a_server_ever_started_it_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path) as stand:
        away = await ask(stand.owner, "BTCUSDT")
        assert (away.status_code, away.json()["code"]) == (503, "bridge-server")
