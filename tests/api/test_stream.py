"""The stream: what it resumes is lost and doubled nowhere, and who does not read costs one page and nobody else."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from api import stream as api_stream
from api import stream_channels
from api.permissions import is_signed_in
from api.stream import StreamHub
from engine.market.builder import GRACE_MS
from engine.store import open_backend
from engine.store.sqlite.retention import RetentionJob
from services import stream_sources
from services.alerts import AlertService
from services.delivery.setup import delivery_of
from services.delivery.shown import ShownChannels
from services.requests import not_logged
from services.stream import StreamService
from tests.conftest import until
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness

ALL = ["ticks", "decisions", "trades", "alerts"]
BARS = {"topic": "bars", "market": "sim", "symbol": "YUSDT", "interval": "2s"}
FAR = {"name": "far", "when": {"metric": "z", "kind": "leaves", "threshold": -1.2, "upper": 1.2, "hysteresis": 0.3}}


class Socket:
    """A client's connection, which takes messages or not."""

    def __init__(self, *subscribe: dict[str, Any], text: str | None = None, takes: bool = True) -> None:
        self.takes = takes
        self.got: list[dict[str, Any]] = []
        self.waiting = 0
        self.says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed: tuple[int, str] | None = None
        text = json.dumps({"subscribe": subscribe}) if text is None else text
        self.says.put_nowait({"type": "websocket.receive", "text": text})

    async def accept(self) -> None:
        """As starlette's."""

    async def receive(self) -> dict[str, Any]:
        return await self.says.get()

    async def send_text(self, text: str) -> None:
        self.waiting = len(text)
        while not self.takes:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.waiting = 0
        self.got.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason

    def leave(self) -> None:
        self.says.put_nowait({"type": "websocket.disconnect"})


class World:
    """A store with a monitor, and a hub over it."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.backend = open_backend(harness.folder)
        self.hub = StreamHub(StreamService(self.backend, harness.views))
        self.ticks = make_ticks(2, 1_500)
        self.at = 0

    async def write(self, count: int) -> None:
        await self.harness.write(self.ticks[self.at : self.at + count])
        self.at += count
        await asyncio.to_thread(self.harness.read_all)
        self.hub.changed()

    @asynccontextmanager
    async def client(self, *subscribe: dict[str, Any], **more: Any) -> AsyncIterator[Socket]:
        socket = Socket(*subscribe, **more)
        serving = asyncio.create_task(self.hub.serve(socket))  # type: ignore[arg-type]
        yield socket
        socket.leave()
        await serving

    async def gather(self, subscription: dict[str, Any], count: int) -> list[dict[str, Any]]:
        """So many rows from the beginning on."""
        async with self.client(subscription | {"cursor": "start"}) as socket:
            await until(lambda: len(rows_of(socket.got)) >= count)
        return rows_of(socket.got)


def rows_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for message in messages for row in message["items"]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    harness = await Harness.open(tmp_path)
    backend = open_backend(tmp_path)
    channels, _ = delivery_of(backend, tmp_path, (), lambda: None, not_logged)
    AlertService(harness.monitor, backend.outbox(), lambda: None, ShownChannels(channels)).create(FAR)
    world = World(harness)
    running = asyncio.create_task(world.hub.run())
    await world.write(400)
    yield world
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    harness.monitor.close()
    await harness.writer.close()


async def test_resuming_after_a_hundred_disconnects_loses_and_doubles_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of pages, while trades are written and older ones are archived."""
    monkeypatch.setattr(stream_sources, "PAGE_ROWS", 37)
    rng = random.Random(14)
    wanted = [{"topic": topic} for topic in ALL] + [BARS]
    cursors: dict[str, str] = {each["topic"]: "start" for each in wanted}
    got: dict[str, list[dict[str, Any]]] = {each["topic"]: [] for each in wanted}
    for number in range(100):
        if world.at < len(world.ticks) - 200:
            await world.write(rng.randrange(20, 120))
        if number in (40, 80):
            await archive(world.harness)
        async with world.client(*({**each, "cursor": cursors[each["topic"]]} for each in wanted)) as socket:
            length = rng.randrange(0, 12)
            ends_s = asyncio.get_running_loop().time() + 0.1
            while len(socket.got) < length and asyncio.get_running_loop().time() < ends_s:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        for message in socket.got[:length]:  # the others are lost with the connection
            got[message["topic"]] += message["items"]
            cursors[message["topic"]] = message["cursor"]
            assert message["left_out"] == 0 and not message["reset"]
    whole = await everything(world, wanted)
    async with world.client(*({**each, "cursor": cursors[each["topic"]]} for each in wanted)) as socket:
        await until(lambda: all(len(got[name]) + rows_in(socket, name) >= len(whole[name]) for name in got))
    for message in socket.got:
        got[message["topic"]] += message["items"]
    for name, rows in got.items():
        assert rows == whole[name], name
    ticks = [(each["symbol"], each["id"]) for each in got["ticks"]]
    assert ticks == [(each.symbol, str(each.agg_id)) for each in world.ticks[: world.at]]
    decided = [(each["close_ms"], each["kind"]) for each in got["decisions"]]
    assert decided == [(each.bar_ms + SETTINGS.interval_ms, each.kind) for each in world.harness.stored()]
    complete_ms = int(world.harness.monitor.pipelines["sim"].builder.watermark_ms) - GRACE_MS - SETTINGS.interval_ms
    filled = sum(kind == "exit" and close_ms <= complete_ms for close_ms, kind in decided)  # its half-spreads are known
    assert len(got["trades"]) == filled > 2 and len(got["bars"]) > 50 and len(got["alerts"]) > 2


def rows_in(socket: Socket, topic: str) -> int:
    return len(rows_of([each for each in socket.got if each["topic"] == topic]))


async def everything(world: World, wanted: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """As the sources give it in one go, without a stream."""
    service = StreamService(world.backend, world.harness.views)
    found: dict[str, list[dict[str, Any]]] = {}
    for each in wanted:
        (subscription,) = api_stream.subscriptions_of(json.dumps({"subscribe": [each]}))
        source = service.source(subscription)
        head = source.head()
        assert head is not None
        rows, at, is_more = [], 0, True
        while is_more:
            page = source.page(at, head.at)
            rows, at, is_more = rows + page.rows, page.at, page.is_more
        source.close()
        found[each["topic"]] = json.loads(json.dumps(rows))
    return found


async def archive(harness: Harness) -> None:
    """Move all but the newest trades."""
    for _ in range(2):  # a sweep moves what was stored before the one before it
        moved = await RetentionJob(harness.writer, 30_000, slack_ms=0).sweep()
    assert moved.archived


async def test_without_a_cursor_it_begins_now_and_says_where(world: World) -> None:
    async with world.client({"topic": "ticks", "symbols": ["YUSDT"]}) as socket:
        await until(lambda: socket.got)
        assert (socket.got[0]["items"], socket.got[0]["left_out"]) == ([], 0)
        await world.write(50)
        await until(lambda: rows_of(socket.got))
    written = [each for each in world.ticks[world.at - 50 : world.at] if each.symbol == "YUSDT"]
    rows = rows_of(socket.got)
    assert [each["id"] for each in rows] == [str(each.agg_id) for each in written]
    assert set(rows[0]) == {"market", "symbol", "id", "price", "quantity", "time_ms", "buyer_is_maker"}


async def test_bars_come_once_when_they_are_complete(world: World) -> None:
    async with world.client(BARS) as socket:
        await until(lambda: socket.got)
        await world.write(600)
        await until(lambda: len(rows_of(socket.got)) > 3)
    opens = [each["open_time_ms"] for each in rows_of(socket.got)]
    assert opens == sorted(set(opens)) and all(at % 2_000 == 0 for at in opens)


async def test_one_that_does_not_read_holds_one_page_and_holds_up_nobody(world: World) -> None:
    subscription = {"topic": "ticks"}
    async with (
        world.client(subscription, {"topic": "snapshots"}, takes=False) as slow,
        world.client(subscription) as quick,
    ):
        await until(lambda: quick.got)
        largest = 0
        for _ in range(20):
            await world.write(200)
            await until(lambda: len(rows_of(quick.got)) == world.at - 400)
            largest = max(largest, slow.waiting)
        (channel,) = (each for each in world.hub.channels.values() if isinstance(each, stream_channels.StoredChannel))
        assert slow.got == [] and largest < 150_000 and len(channel._pages) <= stream_channels.KEPT_PAGES
        slow.takes = True
        await until(lambda: rows_of([each for each in slow.got if each["topic"] == "ticks"]) == rows_of(quick.got))
        (states,) = ([each for each in slow.got if each["topic"] == "snapshots"],)
    assert len(states) <= 2 and states[-1]["items"][0]["bars"] > 0
    assert not world.hub.channels and not world.hub.streams


async def test_clients_at_the_same_place_share_one_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[tuple[int, int]] = []
    page = stream_sources.TickSource.page

    def noted(self: stream_sources.TickSource, after: int, head: int) -> stream_sources.Page:
        reads.append((after, head))
        return page(self, after, head)

    monkeypatch.setattr(stream_sources.TickSource, "page", noted)
    sockets = [Socket({"topic": "ticks"}) for _ in range(30)]
    serving = [asyncio.create_task(world.hub.serve(each)) for each in sockets]  # type: ignore[arg-type]
    await until(lambda: all(each.got for each in sockets))
    for _ in range(5):
        await world.write(40)
    await until(lambda: all(len(rows_of(each.got)) == 200 for each in sockets))
    assert len(reads) == len(set(reads)) <= 10
    for each in sockets:
        each.leave()
    await asyncio.gather(*serving)


async def test_newest_states_say_what_was_left_out(world: World) -> None:
    async with world.client({"topic": "snapshots"}, {"topic": "status"}, takes=False) as socket:
        channels = world.hub.channels
        await until(lambda: len(channels) == 2 and socket.waiting > 0)
        snapshots = next(each for key, each in channels.items() if "snapshots" in key)  # type: ignore[operator]
        assert isinstance(snapshots, stream_channels.StateChannel)
        for goal in range(2, 6):
            await world.write(200)
            await until(lambda goal=goal: snapshots.version >= goal)  # type: ignore[misc]
        version = snapshots.version
        socket.takes = True
        await until(lambda: sum(each["topic"] == "snapshots" for each in socket.got) == 2)
    first, last = (each for each in socket.got if each["topic"] == "snapshots")
    assert first["left_out"] == 0 and last["left_out"] == version - 2 and last["cursor"] is None
    assert set(last["items"][0]) >= {"watch", "market", "y", "x", "z", "gate", "position", "bars"}
    status = next(each for each in socket.got if each["topic"] == "status")
    assert set(status["items"][0]) == {"state", "cause", "advice", "findings"}


async def test_a_cursor_of_another_store_begins_anew_and_says_so(world: World) -> None:
    async with world.client({"topic": "ticks", "cursor": "ticks.0123456789abcdef.5"}) as socket:
        await until(lambda: len(rows_of(socket.got)) == world.at)
    assert [each["reset"] for each in socket.got] == [True] + [False] * (len(socket.got) - 1)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", 4400, "expected {subscribe"),
        ("[]", 4400, "expected {subscribe"),
        ("[" * 60_000, 4400, "expected {subscribe"),
        ("\ud800", 4400, "expected {subscribe"),
        ("x" * 64_001, 1009, "at most 64000 characters"),
        ('{"subscribe": []}', 4400, "length >= 1"),
        ('{"subscribe": [{"topic": "orders"}]}', 4400, "Invalid enum value 'orders'"),
        ('{"subscribe": [{"topic": "ticks", "speed": 9}]}', 4400, "unknown field `speed`"),
        ('{"subscribe": [{"topic": "ticks"}, {"topic": "ticks"}]}', 4400, "the same name"),
        ('{"subscribe": [{"topic": "ticks", "cursor": "bars.0123456789abcdef.1"}]}', 4400, "message of ticks"),
        ('{"subscribe": [{"topic": "ticks", "cursor": "ticks.0123456789abcdef.-1"}]}', 4400, "message of ticks"),
        ('{"subscribe": [{"topic": "status", "cursor": "status.0123456789abcdef.1"}]}', 4400, "message of status"),
        ('{"subscribe": [{"topic": "ticks", "symbols": ["a b"]}]}', 4400, ""),
        ('{"subscribe": [{"topic": "bars", "symbol": "A"}]}', 4400, "have no market"),
        ('{"subscribe": [{"topic": "bars", "market": "sim", "symbol": "A", "interval": "1M"}]}', 4400, "interval is"),
        ('{"subscribe": [{"topic": "decisions", "pair": "x"}]}', 4400, "expected market/Y~X"),
        ('{"subscribe": [{"topic": "decisions", "show": "x"}]}', 4400, "expected one of all"),
        (json.dumps({"subscribe": [{"topic": "ticks", "name": str(n)} for n in range(17)]}), 4400, "length <= 16"),
    ],
)
async def test_what_is_no_subscription_is_refused_with_the_reason(
    world: World, text: str, code: int, says: str
) -> None:
    socket = Socket(text=text)
    await world.hub.serve(socket)  # type: ignore[arg-type]
    assert socket.closed is not None and socket.closed[0] == code and says in socket.closed[1], socket.closed
    assert len(socket.closed[1].encode()) <= 123 and not world.hub.channels and not socket.got


async def test_a_second_message_bytes_silence_and_too_many_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.client({"topic": "ticks"}) as socket:
        await until(lambda: socket.got)
        socket.says.put_nowait({"type": "websocket.receive", "text": "{}"})
        await until(lambda: socket.closed)
    assert socket.closed == (4400, "expected one message; connect again for other topics")
    binary = Socket({"topic": "ticks"})
    binary.says.get_nowait()
    binary.says.put_nowait({"type": "websocket.receive", "bytes": b"x"})
    await world.hub.serve(binary)  # type: ignore[arg-type]
    assert binary.closed is not None and binary.closed[0] == 1003
    monkeypatch.setattr(api_stream, "HELLO_S", 0.05)
    silent = Socket({"topic": "ticks"})
    silent.says.get_nowait()
    await world.hub.serve(silent)  # type: ignore[arg-type]
    assert silent.closed is not None and silent.closed[0] == 4408
    monkeypatch.setattr(api_stream, "MOST_STREAMS", 0)
    many = Socket({"topic": "ticks"})
    await world.hub.serve(many)  # type: ignore[arg-type]
    assert many.closed is not None and many.closed[0] == 4429


async def test_it_ends_with_its_session(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.PULSE_S", 0.01)
    lasts = [True]
    is_signed_in.set(lambda: lasts[0])
    async with world.client({"topic": "ticks"}) as socket:
        await until(lambda: socket.got)
        lasts[0] = False
        await until(lambda: socket.closed)
    assert socket.closed == (4401, "the session has ended")
