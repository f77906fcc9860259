"""A real Chromium and both scripted ends, for the tests of the bridge page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.bridge.peer import BRIDGE, TOKEN
from tests.bridge.scripted_exchange import ScriptedExchange
from tests.bridge.scripted_server import ScriptedServer


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile of its own, 1440 x 900."""
    made = browser.new_context(viewport={"width": 1440, "height": 900})
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A bridge server that listens."""
    made = ScriptedServer()
    made.start()
    yield made
    made.close()


@pytest.fixture
def exchange() -> Iterator[ScriptedExchange]:
    """An exchange that listens and trades BTCUSDT and ETHUSDT."""
    made = ScriptedExchange("BTCUSDT", "ETHUSDT")
    made.start()
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path, server: ScriptedServer) -> Path:
    """A copy of the page's folder with the token of the scripted server, as the server leaves it."""
    copy = tmp_path / "bridge"
    shutil.copytree(BRIDGE, copy, ignore=shutil.ignore_patterns("token.js"))
    write_token(copy, server)
    return copy


def write_token(folder: Path, server: ScriptedServer, token: str = TOKEN) -> None:
    """The token file that the server writes beside the page."""
    lines = "globalThis.PAIRBRIDGE_TOKENS = globalThis.PAIRBRIDGE_TOKENS ?? {};\n"
    (folder / "token.js").write_text(f'{lines}PAIRBRIDGE_TOKENS[{server.port}] = "{token}";\n', encoding="utf-8")


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(
    context: BrowserContext, folder: Path, server: ScriptedServer, exchange: ScriptedExchange
) -> Iterator[OpenPage]:
    """Opens the page from the file system, against the scripted ends; ``query`` overrides its parameters."""
    faults: list[str] = []

    def opens(*, served: bool = False, **query: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Security Policy" in message.text else None)
        ends = {"market": "sim", "exchange": f"ws://127.0.0.1:{exchange.port}", "symbols": "BTCUSDT,ETHUSDT"}
        if not served:
            ends["server"] = f"ws://127.0.0.1:{server.port}/"
        base = f"http://127.0.0.1:{server.port}/" if served else (folder / "index.html").as_uri()
        page.goto(f"{base}?{urlencode(ends | query)}" + (f"#key={server.token}" if served else ""))
        return page

    yield opens
    assert faults == []
