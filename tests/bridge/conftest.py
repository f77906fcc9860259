"""A real Chromium and both scripted ends, for the tests of the bridge page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.bridge.scripted import BRIDGE, TOKEN, ScriptedExchange, ScriptedServer

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} was not found, and CI has to run this test")
    pytest.skip(f"{what} was not found")


def chromium_path() -> str | None:
    """The system's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each test has a profile of its own."""
    path = chromium_path()
    if path is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_ARGS)
        yield launched
        launched.close()


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
    """What the server writes beside the page."""
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
        page.goto(f"{base}?{urlencode(ends | query)}")
        return page

    yield opens
    assert faults == []
