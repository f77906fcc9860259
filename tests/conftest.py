"""Fixtures shared by several packages: a real server in its own folder, and waiting for a state."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from playwright.sync_api import Browser

from config import Config
from serving.bridge_server import BridgeServer
from tests.browser import launched_chromium

ROOT = Path(__file__).parent.parent

hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")  # the same examples everywhere: a failure is the change's


async def until(condition: Callable[[], bool], within_s: float = 10.0, what: str = "the state") -> None:
    """Return when ``condition`` holds; fail after ``within_s``."""
    limit = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < limit, f"{what} was not reached within {within_s} s"
        await asyncio.sleep(0.01)


@dataclass
class ServerHarness:
    """A running bridge server."""

    server: BridgeServer
    config: Config
    token: str

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}/"

    @property
    def ticks_db(self) -> Path:
        return self.config.data_dir / "ticks.db"

    def hello(self, **changes: Any) -> dict[str, Any]:
        hello = {"type": "hello", "proto": 1, "token": self.token, "market": "sim", "client": "test", "session": "s"}
        return hello | changes


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; each test has a profile of its own."""
    with launched_chromium() as launched:
        yield launched


@pytest.fixture
def bridge_dir(tmp_path: Path) -> Path:
    """A copy of the page, so that no test writes a token beside the real one."""
    folder = tmp_path / "bridge"
    shutil.copytree(ROOT / "bridge", folder, ignore=shutil.ignore_patterns("token.js"))
    return folder


@pytest.fixture
async def harness(tmp_path: Path, bridge_dir: Path) -> AsyncIterator[ServerHarness]:
    """A bridge server on a free port with an empty store."""
    config = Config(data_dir=tmp_path / "data", bridge_port=0)
    server = await BridgeServer.open(config, bridge_dir, routes={})
    async with server:
        yield ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
