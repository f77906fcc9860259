"""The server fetches what its bridge could not."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from config import Config
from feeds.markets import simulator_route
from serving.bridge_server import BridgeServer
from simulator.exchange import SimulatedExchange
from simulator.settings import ExchangeSettings, coins_named
from tests.conftest import ServerHarness, until

SYMBOL = "BTCUSDT"


def rows_of(exchange: SimulatedExchange) -> list[list[Any]]:
    return [[SYMBOL, t.agg_id, t.price, t.quantity, t.trade_time_ms, t.buyer_is_maker] for t in exchange.trades(SYMBOL)]


def gaps(harness: ServerHarness) -> list[tuple[str, str | None]]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        return db.execute("SELECT status, reason FROM holes").fetchall()


async def forward_without_history(harness: ServerHarness, rows: list[list[Any]]) -> None:
    """A bridge that sends these rows and has no way to fetch what is between them."""
    async with connect(harness.url) as socket:
        for message in (harness.hello(), {"type": "subscribe", "symbols": [SYMBOL]}):
            await socket.send(json.dumps(message))
        await socket.send(json.dumps({"type": "ticks", "seq": 1, "rows": rows}))
        async with asyncio.timeout(20):
            while (message := json.loads(await socket.recv()))["type"] != "fetch":
                pass
            asked = {"symbol": SYMBOL, "from": message["from"], "to": message["to"]}
            await socket.send(json.dumps({"type": "unfetchable", "reason": "HTTP 451", **asked}))
            await until(lambda: gaps(harness)[0][0] != "open", 20)


async def test_what_the_bridge_cannot_fetch_the_server_does(tmp_path: Path, bridge_dir: Path) -> None:
    config = Config(data_dir=tmp_path / "data", bridge_port=0, warm_start_minutes=0)
    async with SimulatedExchange(ExchangeSettings(coins=coins_named([SYMBOL], rate=20.0))) as exchange:
        await until(lambda: len(exchange.trades(SYMBOL)) > 100)
        rows = rows_of(exchange)
        routes = {"sim": simulator_route(f"127.0.0.1:{exchange.port}")}
        async with await BridgeServer.open(config, bridge_dir, routes) as server:
            harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
            await forward_without_history(harness, rows[:20] + rows[60:])
            assert gaps(harness) == [("filled", None)]
            with closing(sqlite3.connect(config.data_dir / "ticks.db")) as db:
                assert db.execute("SELECT agg_id FROM v_ticks ORDER BY 1").fetchall() == [(row[1],) for row in rows]


async def test_what_neither_can_fetch_is_recorded_with_both_reasons(tmp_path: Path, bridge_dir: Path) -> None:
    config = Config(data_dir=tmp_path / "data", bridge_port=0, warm_start_minutes=0)
    async with SimulatedExchange(ExchangeSettings(coins=coins_named([SYMBOL], rate=20.0))) as exchange:
        await until(lambda: len(exchange.trades(SYMBOL)) > 100)
        rows = rows_of(exchange)
        gone = simulator_route(f"127.0.0.1:{exchange.port}")
    async with await BridgeServer.open(config, bridge_dir, {"sim": gone}) as server:
        harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
        await forward_without_history(harness, rows[:20] + rows[60:])
        ((status, reason),) = gaps(harness)
        assert status == "unfetchable"
        assert reason is not None and reason.startswith("the bridge: HTTP 451; the server: http://127.0.0.1:")
        assert "could not be reached" in reason
