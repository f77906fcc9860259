"""The server over real sockets: acknowledged rows are stored, unauthorised clients are refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from config import Config
from engine.intake.metrics import MarketMetrics
from serving.bridge_server import BridgeServer
from tests.conftest import ServerHarness, until

T0 = 1_763_600_000_000


def row(agg_id: int, symbol: str = "BTCUSDT", price: str = "100.5") -> list[Any]:
    return [symbol, agg_id, price, "1.25", T0 + agg_id, False]


async def ask(socket: ClientConnection, message: Any) -> dict[str, Any]:
    await socket.send(json.dumps(message))
    answer: dict[str, Any] = json.loads(await socket.recv())
    return answer


def stored(harness: ServerHarness) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        return db.execute("SELECT symbol, agg_id, price, quantity FROM v_ticks ORDER BY 1, 2").fetchall()


async def test_a_batch_is_in_the_file_when_its_acknowledgement_arrives(harness: ServerHarness) -> None:
    async with connect(harness.url) as socket:
        welcome = await ask(socket, harness.hello())
        assert welcome["type"] == "welcome"
        ack = await ask(socket, {"type": "ticks", "seq": 1, "rows": [row(1), row(2, price="0"), row(3)]})
        assert (ack["stored"], ack["duplicates"], ack["conflicts"]) == (2, 0, 0)
        assert ack["rejected"] == [[1, "price is '0'; expected more than 0"]]
        assert stored(harness) == [("BTCUSDT", 1, 100.5, 1.25), ("BTCUSDT", 3, 100.5, 1.25)]


async def test_batches_sent_again_after_a_lost_connection_are_duplicates(harness: ServerHarness) -> None:
    batches = [{"type": "ticks", "seq": n, "rows": [row(10 * n + i) for i in range(10)]} for n in range(1, 20)]
    async with connect(harness.url) as socket:
        await ask(socket, harness.hello())
        for batch in batches:
            await socket.send(json.dumps(batch))
        socket.transport.abort()
    async with connect(harness.url) as socket:
        await ask(socket, harness.hello())
        acks = [await ask(socket, batch) for batch in batches]
    assert all(ack["stored"] + ack["duplicates"] == 10 and ack["conflicts"] == 0 for ack in acks)
    assert len(stored(harness)) == 190


async def test_a_slow_disk_stops_the_reading_and_loses_nothing(harness: ServerHarness) -> None:
    await harness.server._writer._db.execute("PRAGMA busy_timeout=10")
    lock = sqlite3.connect(harness.ticks_db, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    async with connect(harness.url) as socket:
        await ask(socket, harness.hello())
        sent = [{"type": "ticks", "seq": n, "rows": [row(500 * n + i) for i in range(500)]} for n in range(1, 101)]
        sending = asyncio.create_task(_send_all(socket, sent))
        await until(lambda: harness.server.health()["waiting_batches"] >= 32, what="32 batches in flight")
        await until(lambda: harness.server.health()["markets"]["sim"]["state"] == "STORAGE STALLED")
        assert harness.server.intake.must_wait(0), "no more is read than may be in flight"
        assert harness.server.intake.metrics.markets["sim"].received == 32 * 500
        found = harness.server.health()["markets"]["sim"]["findings"]
        assert [(each["code"], each["what"]) for each in found] == [("backpressure", "16,000 rows wait for the disk.")]
        lock.execute("ROLLBACK")
        acks = [json.loads(await socket.recv()) for _ in sent]
        await sending
    assert [ack["seq"] for ack in acks] == list(range(1, 101))
    assert len(stored(harness)) == 50_000
    lock.close()


async def _send_all(socket: ClientConnection, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        await socket.send(json.dumps(message))


async def test_stopping_commits_what_has_arrived(tmp_path: Path, bridge_dir: Path) -> None:
    config = Config(data_dir=tmp_path / "data", bridge_port=0)
    server = await BridgeServer.open(config, bridge_dir)
    async with server:
        harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
        async with connect(harness.url) as socket:
            await ask(socket, harness.hello())
            for n in range(1, 31):
                await socket.send(json.dumps({"type": "ticks", "seq": n, "rows": [row(n)]}))
            await until(lambda: server.intake.metrics.markets.get("sim", MarketMetrics()).received == 30)
            socket.transport.abort()  # it has not read its acknowledgements, so it could not close politely
    assert not (config.data_dir / "ticks.db-wal").exists(), "one tidy file is left"
    assert len(stored(harness)) == 30


async def test_stopping_ends_although_the_disk_takes_nothing(tmp_path: Path, bridge_dir: Path) -> None:
    """A bridge that has as much in flight as it may must not be waited for: nothing of it was acknowledged."""
    config = Config(data_dir=tmp_path / "data", bridge_port=0)
    server = await BridgeServer.open(config, bridge_dir)
    await server._writer._db.execute("PRAGMA busy_timeout=10")
    with closing(sqlite3.connect(config.data_dir / "ticks.db", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(20):
            async with server:
                harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
                async with connect(harness.url) as socket:
                    await ask(socket, harness.hello())
                    for n in range(1, 41):
                        await socket.send(json.dumps({"type": "ticks", "seq": n, "rows": [row(n)]}))
                    await until(lambda: server.intake.must_wait(0))
                    socket.transport.abort()
        lock.execute("ROLLBACK")
    assert stored(harness) == []


async def test_a_task_of_the_server_that_fails_ends_it(
    tmp_path: Path, bridge_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(mono_ms: int) -> list[Any]:
        raise ZeroDivisionError("made by the test")

    config = Config(data_dir=tmp_path / "data", bridge_port=0)
    with pytest.raises(ZeroDivisionError, match="made by the test"):
        async with asyncio.timeout(10), await BridgeServer.open(config, bridge_dir) as server:
            monkeypatch.setattr(server.intake, "tick", fails)
            await server.broken()


async def test_a_start_notes_that_no_bridge_is_there_yet(tmp_path: Path, bridge_dir: Path) -> None:
    """A killed server could not record that its bridges disconnected."""
    config = Config(data_dir=tmp_path / "data", bridge_port=0)
    for _ in range(2):
        async with await BridgeServer.open(config, bridge_dir) as server:
            harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
            async with connect(harness.url) as socket:
                await ask(socket, harness.hello())
                await ask(socket, {"type": "ticks", "seq": 1, "rows": [row(1)]})
    with closing(sqlite3.connect(config.data_dir / "ticks.db")) as db:
        states = db.execute("SELECT json_extract(detail, '$.state') FROM events WHERE kind = 'bridge'").fetchall()
    assert [state for (state,) in states] == ["up", "down", "down", "up", "down"]


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ('{"type":"hello","proto":1,"token":"wrong","market":"sim","client":"x","session":"s"}', 4401),
        ("nonsense", 4400),
        (b"\x00\x01", 4400),
    ],
)
async def test_who_is_not_welcome_is_told_why(harness: ServerHarness, first: str | bytes, code: int) -> None:
    async with connect(harness.url) as socket:
        await socket.send(first)
        refused = json.loads(await socket.recv())
        assert refused["type"] == "refused" and refused["message"]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code


async def test_silence_is_closed_with_4408(harness: ServerHarness) -> None:
    async with connect(harness.url) as socket:
        assert json.loads(await socket.recv())["code"] == "late"
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4408


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:9999", "http://127.0.0.1"])
async def test_another_origin_cannot_connect(harness: ServerHarness, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(harness.url, origin=origin)  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["null", "file://", None])
async def test_a_page_from_the_file_system_can_connect_with_the_token(
    harness: ServerHarness, origin: str | None
) -> None:
    async with connect(harness.url, origin=origin) as socket:  # type: ignore[arg-type]
        assert (await ask(socket, harness.hello()))["type"] == "welcome"


async def test_nothing_that_is_served_holds_the_token(harness: ServerHarness, bridge_dir: Path) -> None:
    base = f"http://127.0.0.1:{harness.server.port}"
    async with httpx.AsyncClient() as client:
        page = await client.get(base + "/")
        assert page.status_code == 200 and harness.token not in page.text
        assert f'content="{(harness.config.data_dir / "open-bridge.html").resolve()}"' in page.text, "the file to open"
        assert "access-control-allow-origin" not in page.headers
        assert page.headers["x-frame-options"] == "DENY"
        script = await client.get(base + "/bridge.js")
        assert script.status_code == 200 and harness.token not in script.text
        for path in ("/token.js", "/../server.py", "/..%2fserver.py", "/data/token", "/nothing"):
            assert (await client.get(base + path)).status_code == 404, path
        other = await client.get(base + "/", headers={"Host": "rebound.example"})
        assert other.status_code == 421 and harness.token not in other.text
    assert harness.token in (bridge_dir / "token.js").read_text()
    assert stat.S_IMODE((bridge_dir / "token.js").stat().st_mode) == 0o600
    assert stat.S_IMODE((harness.config.data_dir / "token").stat().st_mode) == 0o600


async def test_health_tells_state_counts_and_refusals(harness: ServerHarness) -> None:
    base = f"http://127.0.0.1:{harness.server.port}/health"
    async with httpx.AsyncClient() as client:
        assert (await client.get(base)).json()["state"] == "WAITING FOR BRIDGE"
        async with connect(harness.url) as socket:
            await ask(socket, harness.hello())
            await ask(socket, {"type": "ticks", "seq": 1, "rows": [row(1), row(5), row(2, price="-1")]})
            found = (await client.get(base)).json()
            assert (found["state"], found["market"]) == ("LIVE", "sim")
            market = found["markets"]["sim"]
            assert (market["received"], market["stored"], market["rejected"], market["open_holes"]) == (3, 2, 1, 1)
            assert market["holes"][0] == {"symbol": "BTCUSDT", "from": 2, "to": 4, "missing": 3, "given_up": None}
            assert found["refusals"][0]["row"].startswith("['BTCUSDT', 2, '-1'")
            assert harness.token not in (await client.get(base)).text


async def test_raw_frames_of_any_forwarder_are_stored_once(harness: ServerHarness) -> None:
    frame = {
        "e": "aggTrade",
        "E": T0,
        "a": 7,
        "s": "ETHUSDT",
        "p": "3100.10",
        "q": "0.5",
        "f": 1,
        "l": 2,
        "T": T0,
        "m": True,
    }
    async with connect(harness.url) as socket:
        await ask(socket, harness.hello())
        for message in (frame, {"stream": "x", "data": frame}, {"e": "bookTicker", "u": 1}, {"result": None, "id": 1}):
            await socket.send(json.dumps(message))
        assert json.loads(await socket.recv()) == {"type": "stored", "high_water": {"ETHUSDT": 7}}
    assert stored(harness) == [("ETHUSDT", 7, 3100.1, 0.5)]
