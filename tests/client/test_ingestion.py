"""`start_ingestion` of both clients, over real sockets, and the example of docs/api.md as it is written."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from client import ApiProblem, AsyncPairbridge, NoTrade, Pairbridge
from tests.api.stand import BASE, opened_with_server
from tests.api.test_ingestion import page_of
from tests.conftest import ROOT

DOCS = (ROOT / "docs/api.md").read_text()
EXAMPLE = re.search(r"```python\n(from client import NoTrade\n.*?)```", DOCS, re.DOTALL)


@asynccontextmanager
async def client_beside_page(folder: Path, *symbols: str) -> AsyncIterator[AsyncPairbridge]:
    async with opened_with_server(folder) as stand, page_of(stand.bridge, *symbols):
        transport = httpx.ASGITransport(stand.app)
        async with AsyncPairbridge(await stand.token("trader"), BASE, transport=transport) as bridge:
            yield bridge


async def test_it_returns_when_a_trade_of_each_symbol_is_stored(tmp_path: Path) -> None:
    async with client_beside_page(tmp_path, "BTCUSDT") as bridge:
        found = await bridge.start_ingestion(["SOLUSDT", "ADAUSDT"], market="sim")
        assert (found["how"], found["by"], found["without_trade"]) == ("asked", "page", [])
        ticks = await bridge.ticks("SOLUSDT", market="sim")
        assert ticks["id"].tolist() == ["1"]
        assert (await bridge.start_ingestion(["ADAUSDT"], market="sim"))["how"] == "already"


async def test_what_does_not_trade_is_named_and_received_all_the_same(tmp_path: Path) -> None:
    async with client_beside_page(tmp_path, "BTCUSDT") as bridge:
        with pytest.raises(NoTrade, match=r"no trade of QUIETUSDT was stored within 0\.3 s") as quiet:
            await bridge.start_ingestion(["SOLUSDT", "QUIETUSDT"], market="sim", timeout_s=0.3)
        assert quiet.value.symbols == ["QUIETUSDT"] and quiet.value.answer["added"] == ["SOLUSDT", "QUIETUSDT"]
        at_once = await bridge.start_ingestion(["QUIETUSDT"], market="sim", wait=False)
        assert (at_once["how"], at_once["without_trade"]) == ("already", ["QUIETUSDT"])


async def test_typos_and_a_missing_bridge_are_problems(tmp_path: Path) -> None:
    async with client_beside_page(tmp_path, "BTCUSDT") as bridge:
        with pytest.raises(ApiProblem, match="400 symbol: did you mean NEOUSDT") as wrong:
            await bridge.start_ingestion(["NOUSDT"], market="sim")
        assert wrong.value.code == "symbol"
        with pytest.raises(ApiProblem, match="409 no-bridge: no bridge of market 'usdm' is connected"):
            await bridge.start_ingestion(["BTCUSDT"])


@pytest.mark.parametrize(
    ("asked", "says"),
    [({"symbols": "BTCUSDT"}, "expected a list"), ({"symbols": ["BTCUSDT"], "timeout_s": 61}, "at most 60")],
)
def test_what_cannot_be_asked_is_refused_here(asked: dict[str, Any], says: str) -> None:
    with Pairbridge() as bridge, pytest.raises(ValueError, match=says):
        bridge.start_ingestion(**asked)


async def test_the_example_of_the_document_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert EXAMPLE is not None
    async with client_beside_page(tmp_path, "BTCUSDT") as beside:
        loop, sent = asyncio.get_running_loop(), []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(json.loads(request.content))
            body = sent[-1] | {"market": "sim"}
            asked = beside._client.post("/api/ingestion", params=dict(request.url.params) | {"wait_s": 0.3}, json=body)
            found = asyncio.run_coroutine_threadsafe(asked, loop).result(10)
            return httpx.Response(found.status_code, content=found.content)

        def run() -> None:
            with Pairbridge(transport=httpx.MockTransport(answer)) as bridge:
                exec(EXAMPLE[1], {"bridge": bridge})

        await asyncio.to_thread(run)  # BTCUSDT was received before, and does not trade here
        assert sent == [{"symbols": ["BTCUSDT", "SOLUSDT"]}]
        assert capsys.readouterr().out == "received, and no trade yet: ['BTCUSDT']\n"
