"""The push: shared messages are computed once, and a screen that does not read does not affect the others."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Hashable
from typing import Any

import pytest
from starlette.websockets import WebSocketState

from api.live import MIN_GAP_S, READ_GAP_S, LiveHub, Screen, Shown, Told, difference
from api.permissions import is_signed_in
from tests.conftest import until


class Socket:
    """A screen's connection, which reads messages or not."""

    def __init__(self, takes: bool = True) -> None:
        self.takes = takes
        self.got: list[dict[str, Any]] = []
        self.says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed: tuple[int, str] | None = None
        self.client_state = WebSocketState.CONNECTED

    async def accept(self) -> None:
        """As starlette's."""

    async def receive(self) -> dict[str, Any]:
        return await self.says.get()

    async def send_text(self, text: str) -> None:
        while not self.takes:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.got.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason

    def follow(self, watch_id: int | None) -> None:
        text = json.dumps({"topics": ["pair"], "follow": watch_id})
        self.says.put_nowait({"type": "websocket.receive", "text": text})


class World:
    """A growing number; a screen gets the increase since its last message."""

    def __init__(self) -> None:
        self.at = 0
        self.made: Counter[tuple[int | None, Hashable, int]] = Counter()

    def compose(self, topics: frozenset[str], follow: int | None, seen: Hashable) -> tuple[dict[str, Any], Hashable]:
        self.made[follow, seen, self.at] += 1
        first = seen if isinstance(seen, int) else 0
        columns = {"added": list(range(first, self.at))}
        return {"type": "frame", "watch": follow, "reset": seen is None, "columns": columns}, self.at


def known(socket: Socket) -> list[int]:
    """A screen's state, assembled from its messages."""
    found: list[int] = []
    for message in socket.got:
        found = ([] if message.get("reset") else found) + message.get("columns", {"added": []})["added"]
    return found


async def test_what_many_screens_share_is_made_once() -> None:
    world = World()
    hub = LiveHub(world.compose)
    sockets = [Socket() for _ in range(50)]
    jobs = [asyncio.create_task(hub.run()), *(asyncio.create_task(hub.serve(each)) for each in sockets)]  # type: ignore[arg-type]
    await until(lambda: all(each.got for each in sockets))
    world.made.clear()
    for _ in range(20):
        world.at += 1
        hub.changed()
        await until(lambda: all(known(each) == list(range(world.at)) for each in sockets))
    assert all(times <= 2 for times in world.made.values()), world.made
    assert world.made.total() <= 60, "50 screens would have made 1,000"
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_a_screen_that_does_not_read_gets_what_it_lacks_later_and_holds_up_nobody() -> None:
    world = World()
    hub = LiveHub(world.compose)
    quick, slow = Socket(), Socket(takes=False)
    jobs = [asyncio.create_task(hub.run()), *(asyncio.create_task(hub.serve(each)) for each in (quick, slow))]  # type: ignore[arg-type]
    for _ in range(10):
        world.at += 1
        hub.changed()
        await until(lambda: known(quick) == list(range(world.at)))
    assert slow.got == []
    slow.takes = True
    await until(lambda: known(slow) == list(range(world.at)))
    assert len(slow.got) <= 3, "one that waited, and all the rest at once"
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_a_message_that_cannot_be_made_keeps_no_other_screen_from_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world, well, failing = World(), Socket(), Socket()

    def compose(topics: frozenset[str], follow: int | None, seen: Hashable) -> tuple[dict[str, Any], Hashable]:
        if follow == 1:
            raise ValueError("no such text")
        return world.compose(topics, follow, seen)

    hub = LiveHub(compose)
    for socket, watch_id in ((failing, 1), (well, 2)):
        socket.follow(watch_id)
    jobs = [asyncio.create_task(hub.run()), *(asyncio.create_task(hub.serve(each)) for each in (failing, well))]  # type: ignore[arg-type]
    for _ in range(3):
        world.at += 1
        hub.changed()
        await until(lambda: any(each.get("watch") == 2 for each in well.got) and len(known(well)) == world.at)
    assert all(each.get("watch") != 1 for each in failing.got) and "no such text" in caplog.text
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_a_screen_of_tables_is_told_less_often_than_one_of_a_pair() -> None:
    told = Told({}, None)
    pair = Screen(Socket(), Shown(frozenset({"pair", "watch-list"})), told, told_s=10.0)  # type: ignore[arg-type]
    tables = Screen(Socket(), Shown(frozenset({"overview"})), told, told_s=10.0)  # type: ignore[arg-type]
    assert pair.ready_in(10.0) == 0.0, "with each round"
    assert tables.ready_in(10.0) == pytest.approx(READ_GAP_S) and tables.ready_in(10.0 + READ_GAP_S) == 0.0
    assert tables.ready_in(10.0 + MIN_GAP_S) == pytest.approx(READ_GAP_S - MIN_GAP_S)
    tables.told = None
    assert tables.ready_in(10.0) == 0.0, "a page that has just opened waits for nothing"
    tables.sending = asyncio.Future()  # type: ignore[assignment]
    assert tables.ready_in(99.0) == MIN_GAP_S, "the last message has not been received"


async def test_what_changes_too_soon_for_a_screen_of_tables_is_sent_when_it_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.live.PULSE_S", 1e3)
    world, socket = World(), Socket()
    hub = LiveHub(world.compose)
    jobs = [asyncio.create_task(hub.run()), asyncio.create_task(hub.serve(socket))]  # type: ignore[arg-type]
    await until(lambda: bool(socket.got))
    for _ in range(5):
        world.at += 1
        hub.changed()
        await asyncio.sleep(0)
    await until(lambda: known(socket) == list(range(5)))
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_another_pair_is_shown_from_its_beginning_and_nothing_is_sent_when_nothing_changed() -> None:
    world = World()
    world.at = 3
    hub = LiveHub(world.compose)
    socket = Socket()
    jobs = [asyncio.create_task(hub.run()), asyncio.create_task(hub.serve(socket))]  # type: ignore[arg-type]
    await until(lambda: known(socket) == [0, 1, 2])
    socket.follow(7)
    await until(lambda: socket.got[-1].get("watch") == 7)
    (first,) = (message for message in socket.got if message.get("watch") == 7)
    assert first["reset"] and first["columns"]["added"] == [0, 1, 2]
    sent = len(socket.got)
    for _ in range(5):
        hub.changed()
        await asyncio.sleep(0.04)
    assert len(socket.got) <= sent + 1
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_the_first_pair_is_not_sent_again_when_it_is_named() -> None:
    """A page asks for the first pair before it knows which one that is."""
    world = World()
    world.at = 3

    def compose(topics: frozenset[str], follow: int | None, seen: Hashable) -> tuple[dict[str, Any], Hashable]:
        return world.compose(topics, 7 if follow is None and "pair" in topics else follow, seen)

    hub, socket = LiveHub(compose), Socket()
    jobs = [asyncio.create_task(hub.run()), asyncio.create_task(hub.serve(socket))]  # type: ignore[arg-type]
    socket.follow(None)
    await until(lambda: bool(socket.got) and socket.got[-1].get("watch") == 7)
    socket.follow(7)
    world.at = 5
    hub.changed()
    await until(lambda: known(socket) == [0, 1, 2, 3, 4])
    assert [message["watch"] for message in socket.got if message.get("reset") and message["watch"]] == [7]
    socket.follow(8)
    await until(lambda: socket.got[-1].get("watch") == 8)
    assert socket.got[-1]["reset"]
    socket.follow(None)
    await until(lambda: socket.got[-1].get("watch") == 7)
    assert socket.got[-1]["reset"], "of another pair nothing is known"
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_a_screen_ends_with_its_session() -> None:
    hub = LiveHub(World().compose)
    socket, lasts = Socket(), [True]
    is_signed_in.set(lambda: lasts[0])
    jobs = [asyncio.create_task(hub.run()), asyncio.create_task(hub.serve(socket))]  # type: ignore[arg-type]
    await until(lambda: bool(socket.got))
    lasts[0] = False
    await until(lambda: socket.closed is not None, 5)
    assert socket.closed == (4401, "the session has ended") and hub.screens == set()
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_a_screen_hears_from_us_though_what_wakes_us_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.PULSE_S", 0.2)
    hub, socket = LiveHub(World().compose), Socket()
    jobs = [asyncio.create_task(hub.run()), asyncio.create_task(hub.serve(socket))]  # type: ignore[arg-type]
    await until(lambda: len(socket.got) >= 2)
    sent, rounds = len(socket.got), 0
    while len(socket.got) < sent + 3:
        hub.changed()
        rounds += 1
        assert rounds < 500, "it is never silent for long"
        await asyncio.sleep(0.02)
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        ({"type": "pulse", "banner": 1}, {"type": "pulse", "banner": 1}, {}),
        ({"type": "pulse", "banner": 1}, {"type": "pulse", "banner": 2}, {"type": "pulse", "banner": 2}),
        (
            {"type": "frame", "watch": 3, "text": {"z": "1", "p": "2"}, "columns": {"t": [1]}, "log": [], "first": 0},
            {"type": "frame", "watch": 3, "text": {"z": "1", "p": "3"}, "columns": {"t": []}, "log": [], "first": 1},
            {"type": "frame", "watch": 3, "text": {"p": "3"}},
        ),
        (
            {"type": "frame", "watch": 3, "text": {"z": "1"}, "columns": {"t": []}, "log": [], "first": 7},
            {"type": "frame", "watch": 3, "text": {"z": "1"}, "columns": {"t": [9]}, "log": [], "first": 7},
            {"type": "frame", "watch": 3, "columns": {"t": [9]}, "log": [], "first": 7},
        ),
        (
            {"type": "frame", "names": 1},
            {"type": "frame", "reset": True, "names": 1},
            {"type": "frame", "reset": True, "names": 1},
        ),
    ],
    ids=["nothing", "a value", "entries of the texts", "bars", "another run is sent whole"],
)
def test_only_what_has_changed_is_sent(before: dict[str, Any], after: dict[str, Any], news: dict[str, Any]) -> None:
    assert difference(before, after) == news
