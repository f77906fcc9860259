"""Contract of every TickReader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.bars import second_bar
from engine.market.records import Batch, Event
from engine.market.ticks import Tick
from engine.store import open_backend
from engine.store.interface import Now, TickReader
from tests.engine.store.contract.memory import MemoryTickReader
from tests.engine.store.harness import NOW, T0, tick

Commit = Callable[..., Awaitable[None]]
SECOND = T0 - T0 % 1_000
ABSENT = Event("absent", "sim", "BTCUSDT", {"first": 4, "last": 5})


async def on_sqlite(folder: Path) -> AsyncIterator[tuple[TickReader, Commit]]:
    backend = open_backend(folder)
    writer = await backend.tick_writer("crash")

    async def commit(*ticks: Tick, market: str = "sim", events: list[Event] = [], now: Now = NOW) -> None:  # noqa: B006
        await writer.commit([Batch(0, 0, market, ticks)] if ticks else [], events, now)

    reader = backend.tick_reader()
    yield reader, commit
    reader.close()
    await writer.close()


async def in_memory(_: Path) -> AsyncIterator[tuple[TickReader, Commit]]:
    reader = MemoryTickReader()

    async def commit(*ticks: Tick, market: str = "sim", events: list[Event] = []) -> None:  # noqa: B006
        reader.add(market, list(ticks), events)

    yield reader, commit


@pytest.fixture(params=[on_sqlite, in_memory])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[TickReader, Commit]]:
    async for made in request.param(tmp_path):
        yield made


async def test_ticks_come_in_the_order_of_commits_a_piece_at_a_time(store: tuple[TickReader, Commit]) -> None:
    reader, commit = store
    ticks = [tick(2, 50), tick(3, 60), tick(1, 20, symbol="ETHUSDT"), tick(1, 10)]
    await commit(*ticks[:2])
    await commit(*ticks[2:])
    assert reader.last_seq() == 4
    expected = [(seq, "sim", each) for seq, each in enumerate(ticks, 1)]
    assert reader.ticks_after(0, 10) == expected
    assert reader.ticks_after(1, 2) == expected[1:3]
    assert reader.ticks_after(4, 10) == []
    assert list(reader.all_ticks_after(0, 4)) == expected
    assert list(reader.all_ticks_after(1, 3)) == expected[1:3] and list(reader.all_ticks_after(4, 4)) == []


async def test_a_new_store_is_empty(store: tuple[TickReader, Commit]) -> None:
    reader, _ = store
    assert (reader.last_seq(), reader.deleted_seq(), reader.is_current()) == (0, 0, True)
    assert reader.ticks_after(0, 5) == reader.events_after(0, 5) == []
    assert reader.ticks_of_second("sim", "BTCUSDT", SECOND, 9) == reader.bars("sim", "BTCUSDT", 0, 2**50) == []
    assert reader.store_id() == reader.store_id() != ""


async def test_a_change_is_seen_once(store: tuple[TickReader, Commit]) -> None:
    reader, commit = store
    token = reader.changed_since(None)
    assert token is not None and reader.changed_since(token) is None
    await commit(tick(1))
    later = reader.changed_since(token)
    assert later is not None and reader.changed_since(later) is None


async def test_events_stand_after_the_tick_they_followed(store: tuple[TickReader, Commit]) -> None:
    reader, commit = store
    await commit(tick(3), tick(6), events=[ABSENT])
    await commit(tick(7), events=[Event("bridge", "sim", None, {"state": "lost"})])
    found = reader.events_after(0, 9)
    assert [(event.kind, event.after_seq, event.event_id) for event in found] == [("absent", 2, 1), ("bridge", 3, 2)]
    assert found[0].detail == {"first": 4, "last": 5}
    assert reader.events_after(0, 2) == found[:1] and reader.events_after(1, 9) == found[1:]


@pytest.mark.parametrize("make", [on_sqlite, in_memory])
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2_999)), unique_by=lambda each: each[0], max_size=20))
@settings(deadline=None, max_examples=20)
def test_the_past_is_what_was_stored_before_a_point(
    make: Callable[[Path], AsyncIterator[tuple[TickReader, Commit]]], arrivals: list[tuple[int, int]]
) -> None:
    ticks = [tick(agg_id, at) for agg_id, at in arrivals]

    async def check() -> None:
        with TemporaryDirectory() as folder:
            async for reader, commit in make(Path(folder)):
                for each in ticks:
                    await commit(each)
                for before in range(len(ticks) + 2):
                    _assert_past(reader, ticks, before)

    asyncio.run(check())


async def test_the_past_of_a_symbol_is_not_that_of_another(store: tuple[TickReader, Commit]) -> None:
    reader, commit = store
    ticks = [tick(n, at) for n, at in ((5, 100), (6, 1_200), (2, 40), (9, 1_900), (7, 1_300), (1, 20), (8, 2_500))]
    for each in ticks:
        await commit(each)
    await commit(tick(5, 100, symbol="ETHUSDT"), tick(1, 5, symbol="ETHUSDT"), market="spot")
    for before in range(len(ticks) + 2):
        _assert_past(reader, ticks, before)


def _assert_past(reader: TickReader, ticks: list[Tick], before: int) -> None:
    for second in range(SECOND, SECOND + 4_000, 1_000):
        inside = [each for each in ticks[: max(before - 1, 0)] if second <= each.trade_time_ms < second + 1_000]
        inside.sort(key=lambda each: each.agg_id)
        assert reader.ticks_of_second("sim", "BTCUSDT", second, before) == inside
        bars = reader.bars("sim", "BTCUSDT", second, second + 1_000, before)
        assert bars == ([second_bar(second, inside)] if inside else [])
