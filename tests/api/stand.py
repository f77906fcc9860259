"""A whole dashboard over a small store, asked without a socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from api.bounded_http import bounded_http
from config import Config
from dashboard import create_app
from live.heartbeat import Heartbeat
from serving.bridge_server import BridgeServer
from tests.conftest import ROOT, until
from tests.engine.pairs.markets import make_ticks
from tests.live.test_monitor import Harness

BASE = "http://127.0.0.1:8050"
FIRST = 1_000  # trades that are stored at first


class Stand:
    """``viewer`` asks without a token, ``owner`` with the key of the data folder; ``with_token`` with another."""

    def __init__(self, app: Any, server: FastAPI, folder: Path) -> None:
        self.app, self.server, self.folder = app, server, folder
        self.bridge: BridgeServer
        self.viewer = self.client({})
        self.owner = self.client({"x-pairbridge-key": (folder / "dashboard-key").read_text().strip()})

    def client(self, headers: dict[str, str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE, headers=headers)

    def with_token(self, secret: str) -> httpx.AsyncClient:
        return self.client({"authorization": f"Bearer {secret}"})

    async def read(self, path: str) -> Any:
        """What a viewer is answered."""
        answer = await self.viewer.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def token(self, role: str) -> str:
        made = await self.owner.post("/api/tokens", json={"role": role, "name": f"a {role}"})
        assert made.status_code == 201, made.text
        return str(made.json()["secret"])


@asynccontextmanager
async def opened_with_server(folder: Path) -> AsyncIterator[Stand]:
    """The dashboard beside a bridge server, which is then the writer of the same store."""
    harness = await Harness.open(folder)
    await harness.write(make_ticks(1))
    harness.read_all()
    await harness.writer.close()
    config = Config(data_dir=folder, api_requests_per_s=100_000.0, token="t" * 32, bridge_port=0)
    async with await BridgeServer.open(config, ROOT / "bridge", routes={}) as server:
        config = replace(config, bridge_port=server.port)
        heartbeat = Heartbeat(f"http://127.0.0.1:{server.port}/health", 2_500)
        app, routes = create_app(harness.monitor, heartbeat, config, 8050)
        stand = Stand(app, routes, folder)
        stand.bridge = server
        yield stand
        await stand.viewer.aclose()
        await stand.owner.aclose()
    harness.monitor.close()


@asynccontextmanager
async def opened(folder: Path, settle: Callable[[Config], Config] = lambda config: config) -> AsyncIterator[Stand]:
    """The dashboard, without its lifespan: nothing is polled or pushed."""
    harness = await Harness.open(folder)
    await harness.write(make_ticks(1))
    harness.read_all()
    config = settle(Config(data_dir=folder, api_requests_per_s=100_000.0))
    app, server = create_app(harness.monitor, Heartbeat("http://127.0.0.1:1/", 2_500), config, 8050)
    stand = Stand(app, server, folder)
    try:
        yield stand
    finally:
        await stand.viewer.aclose()
        await stand.owner.aclose()
        harness.monitor.close()
        await harness.writer.close()


@asynccontextmanager
async def served(folder: Path, port: int = 0) -> AsyncIterator[tuple[str, Harness]]:
    """The dashboard on a real socket, with its lifespan: its address, and the writer of its store. The address stays
    the same over two of them with the same port."""
    harness = await Harness.open(folder)
    await harness.write(make_ticks(1)[:FIRST])
    listening = socket.create_server(("127.0.0.1", port))
    port = listening.getsockname()[1]
    config = Config(data_dir=folder, api_requests_per_s=100_000.0)
    app, _ = create_app(harness.monitor, Heartbeat("http://127.0.0.1:1/", 2_500), config, port)
    options: dict[str, Any] = {"http": bounded_http(), "ws": "websockets-sansio", "log_config": None}
    server = Unsignalled(uvicorn.Config(app, **options, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{port}", harness
    finally:
        server.should_exit = True
        await serving
        await harness.writer.close()


class Unsignalled(uvicorn.Server):
    """Leaves the signals to the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
