"""The page alone brings candles: its worker runs in Node, and neither a feed nor the server may ask the exchange."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.scan.request import ScanRequest
from engine.store import open_backend
from services.universe_fetch import fetch_universe
from serving.bridge_server import BridgeServer
from simulator import ExchangeSettings, SimulatedExchange, coins_named
from tests.browser import missing
from tests.conftest import until
from tests.serving.test_history import (
    DEADLINE_S,
    HOUR,
    SYMBOLS,
    exchange,
    offered,
    serving,
    stored,
    until_fetched,
    wanted,
    wanting,
)

PAGE = Path(__file__).parent / "node" / "page_process.js"


@asynccontextmanager
async def page(server: BridgeServer, sim: SimulatedExchange) -> AsyncIterator[None]:
    """Killed in the end, as a closed tab is."""
    node = shutil.which("node")
    if node is None:
        missing("Node.js")
    arguments = [str(server.port), str(sim.port), server._token, str(uuid.uuid4()), ",".join(SYMBOLS)]
    process = await asyncio.create_subprocess_exec(
        str(node), "--experimental-websocket", "--no-warnings", str(PAGE), *arguments,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_the_page_alone_killed_at_ten_points_has_the_same_bars_in_the_end(tmp_path: Path) -> None:
    rng = random.Random(3)
    bars = wanted()
    async with exchange() as sim:
        for kill in range(10):
            async with serving(tmp_path) as server, wanting(server, bars):
                if kill % 2:  # the page goes, and the server stays
                    async with page(server, sim):
                        await asyncio.sleep(rng.uniform(0.1, 0.8))
                async with page(server, sim):
                    await asyncio.sleep(rng.uniform(0.1, 0.8))
        async with serving(tmp_path) as server, wanting(server, bars), page(server, sim):
            await until_fetched(server)
        assert stored(tmp_path) == offered(sim, bars)
        assert all(len(each) == 2_160 for each in stored(tmp_path).values())


async def test_the_page_tells_why_it_cannot_and_brings_funding_when_it_can(tmp_path: Path) -> None:
    async with (
        exchange(geo_block=True) as sim,
        serving(tmp_path) as server,
        wanting(server, wanted(2)),
        page(server, sim),
    ):

        def problems() -> set[str]:
            wants = server.health()["markets"].get("sim", {}).get("history", {}).get("wants", [])
            return {each["problem"] or "" for each in wants}

        await until(lambda: any("blocked" in problem for problem in problems()), DEADLINE_S)
    async with exchange() as sim, serving(tmp_path) as server, page(server, sim):
        reader = server._backend.bar_reader()
        kinds = [(symbol, kind) for symbol in SYMBOLS for kind in ("mark", "settled")]
        await until(lambda: all(reader.funding("sim", symbol, kind, 0, 2**50) for symbol, kind in kinds), DEADLINE_S)
        (mark, *_) = reader.funding("sim", "BTCUSDT", "mark", 0, 2**50)
        assert mark.next_ms is not None and mark.next_ms % (8 * HOUR) == 0
        reader.close()


async def test_the_page_alone_brings_what_a_scan_needs(tmp_path: Path) -> None:
    """Volumes and candles of symbols that it does not stream, through kills of the page and of the server."""
    names = [*SYMBOLS, *(f"S{n}USDT" for n in range(6))]
    request = ScanRequest("sim", HOUR, 90 * 24 * HOUR, symbols=7)
    sim = SimulatedExchange(ExchangeSettings(coins=coins_named(names, 0.2), history_days=91))
    async with sim:
        async with serving(tmp_path) as server:
            url = f"ws://127.0.0.1:{server.port}/"
            job = asyncio.create_task(
                asyncio.to_thread(fetch_universe, request, url, server._token, lambda *_: None, lambda: False)
            )
            for pause_s in (0.8, 1.1):
                async with page(server, sim):
                    await asyncio.sleep(pause_s)
            async with page(server, sim):
                found = await asyncio.wait_for(job, DEADLINE_S)
        bars = [[symbol, HOUR, found.from_ms, found.until_ms] for symbol in found.symbols]
        reader = open_backend(tmp_path).bar_reader()
        kept = {name: reader.sourced_bars("sim", name, HOUR, found.from_ms, found.until_ms) for name in found.symbols}
        reader.close()
        assert len(kept) == 7 and kept == offered(sim, bars) and all(len(each) == 2_160 for each in kept.values())
