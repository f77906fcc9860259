"""Wrong clocks of bridge or server affect neither the data nor the banner."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from config import Config
from engine.store.interface import Now
from serving import bridge_server
from serving.bridge_server import BridgeServer
from tests.conftest import ServerHarness

T0 = 1_790_046_465_000
MINUTE, HOUR = 60_000, 3_600_000


@dataclass
class Clock:
    """A controlled clock; ``wrong_ms`` is the error of the server's time of day."""

    passed_ms: int = 0
    wrong_ms: int = 0

    def now(self) -> Now:
        return Now(T0 + self.passed_ms + self.wrong_ms, 5_000_000 + self.passed_ms)


class Bridge:
    """Trades of two symbols, one each a second, and beats."""

    def __init__(self, socket: ClientConnection, clock: Clock, wrong_ms: int) -> None:
        self._socket = socket
        self._clock = clock
        self._wrong_ms = wrong_ms
        self._seq = 0

    async def greet(self, harness: ServerHarness) -> None:
        await self._socket.send(json.dumps(harness.hello()))
        await self._socket.send(json.dumps({"type": "subscribe", "symbols": ["BTCUSDT", "ETHUSDT"]}))

    async def beat(self) -> None:
        clock_ms = T0 + self._clock.passed_ms + self._wrong_ms
        beat = {"type": "beat", "upstream": "open", "age_ms": 0, "queued": 0, "unacked": 0, "visible": True}
        await self._socket.send(json.dumps(beat | {"clock_ms": clock_ms}))

    async def trade(self, agg_id: int, ahead_ms: int = 0) -> None:
        """Both symbols trade now by the exchange's clock, or so far ahead; returns when it is stored."""
        self._seq += 1
        time_ms = T0 + self._clock.passed_ms + ahead_ms
        rows = [[symbol, agg_id, f"10{agg_id % 7}", "1", time_ms, False] for symbol in ("BTCUSDT", "ETHUSDT")]
        await self._socket.send(json.dumps({"type": "ticks", "seq": self._seq, "rows": rows}))
        while json.loads(await self._socket.recv()).get("seq") != self._seq:
            pass


@dataclass(frozen=True)
class Observed:
    """The result of a minute of trades."""

    states: list[str]
    ticks: list[tuple[Any, ...]]
    bars: list[tuple[Any, ...]]
    findings: set[str]


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


async def a_minute(
    folder: Path, bridge_dir: Path, monkeypatch: pytest.MonkeyPatch, page_ms: int = 0, step_ms: int = 0
) -> Observed:
    """Sixty seconds of trades; the server's clock is set wrong in the middle. Then the bridge falls silent."""
    clock = Clock()
    monkeypatch.setattr(bridge_server, "now", clock.now)
    config = Config(data_dir=folder, bridge_port=0, warm_start_minutes=0)
    states: list[str] = []
    async with await BridgeServer.open(config, bridge_dir) as server:
        harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
        async with connect(harness.url) as socket:
            bridge = Bridge(socket, clock, page_ms)
            await bridge.greet(harness)
            for second in range(60):
                clock.passed_ms += 1_000
                clock.wrong_ms = step_ms if second >= 30 else 0
                await bridge.beat()
                await bridge.trade(100 + second)
                states.append(server.health()["state"])
            findings = {finding["code"] for finding in server.health()["markets"]["sim"]["findings"]}
            clock.passed_ms += 2_400
            states.append(server.health()["state"])
            clock.passed_ms += 200
            states.append(server.health()["state"])
    ticks_db = config.data_dir / "ticks.db"
    ticks = rows(ticks_db, "SELECT seq, agg_id, trade_time_ms, future FROM ticks ORDER BY seq")
    return Observed(states, ticks, rows(ticks_db, "SELECT * FROM v_bars ORDER BY 1, 2, 3"), findings)


@pytest.mark.parametrize(
    ("page_ms", "step_ms"),
    [(10 * MINUTE, 0), (-10 * MINUTE, 0), (0, HOUR), (0, -HOUR), (10 * MINUTE, -HOUR), (-10 * MINUTE, HOUR)],
)
async def test_wrong_clocks_change_neither_the_data_nor_the_banner(
    tmp_path: Path, bridge_dir: Path, monkeypatch: pytest.MonkeyPatch, page_ms: int, step_ms: int
) -> None:
    right = await a_minute(tmp_path / "right", bridge_dir, monkeypatch)
    wrong = await a_minute(tmp_path / "wrong", bridge_dir, monkeypatch, page_ms, step_ms)
    assert right.states == ["LIVE"] * 61 + ["BRIDGE DISCONNECTED"]
    assert len(right.ticks) == 120 <= len(right.bars)
    assert (wrong.states, wrong.ticks, wrong.bars) == (right.states, right.ticks, right.bars)
    assert right.findings == set()
    assert wrong.findings == {"clock-skew"}, "it is told all the same"


@pytest.mark.parametrize("step_ms", [0, -HOUR])
async def test_trades_from_the_future_are_flagged_enter_no_bar_and_move_no_clock(
    tmp_path: Path, bridge_dir: Path, monkeypatch: pytest.MonkeyPatch, step_ms: int
) -> None:
    clock = Clock()
    monkeypatch.setattr(bridge_server, "now", clock.now)
    config = Config(data_dir=tmp_path / "data", bridge_port=0, warm_start_minutes=0)
    async with await BridgeServer.open(config, bridge_dir) as server:
        harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
        async with connect(harness.url) as socket:
            bridge = Bridge(socket, clock, 0)
            await bridge.greet(harness)
            await bridge.trade(100)
            clock.wrong_ms = step_ms
            clock.passed_ms += 1_000
            await bridge.trade(101, ahead_ms=299_000)  # within 300 s of what the market's clock can be by now
            clock.passed_ms += 1_000
            await bridge.trade(102, ahead_ms=2 * HOUR)
            clock.passed_ms += 1_000
            await bridge.trade(103)
            await bridge.beat()
    flags = rows(config.data_dir / "ticks.db", "SELECT DISTINCT agg_id, future FROM ticks ORDER BY agg_id")
    assert flags == [(100, 0), (101, 0), (102, 1), (103, 0)]
    assert rows(config.data_dir / "ticks.db", "SELECT watermark_ms FROM markets") == [(T0 + 1_000 + 299_000,)]
    assert rows(config.data_dir / "ticks.db", "SELECT max(open_time_ms) FROM v_bars") == [(T0 + 300_000,)]


async def test_a_restart_on_a_clock_that_was_set_back_takes_no_trade_for_one_from_the_future(
    tmp_path: Path, bridge_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(bridge_server, "now", clock.now)
    config = Config(data_dir=tmp_path / "data", bridge_port=0, warm_start_minutes=0)
    for first in (100, 110):
        async with await BridgeServer.open(config, bridge_dir) as server:
            harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
            async with connect(harness.url) as socket:
                bridge = Bridge(socket, clock, 0)
                await bridge.greet(harness)
                for agg_id in range(first, first + 10):
                    clock.passed_ms += 1_000
                    await bridge.trade(agg_id)
                clock.passed_ms += 10 * MINUTE  # off for longer than the leeway
                clock.wrong_ms = -HOUR
    assert rows(config.data_dir / "ticks.db", "SELECT DISTINCT future FROM ticks") == [(0,)]
    assert rows(config.data_dir / "ticks.db", "SELECT count(*) FROM bars") == [(40,)]
