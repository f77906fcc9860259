"""What every backend keeps of bars that were not made from ticks, and of funding."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from engine.market.funding import Funding
from engine.market.records import Batch
from engine.market.sourced import BarsStored, SourcedBar
from engine.market.ticks import Tick
from engine.store import open_backend
from engine.store.interface import Backend, TickReader
from engine.store.sourced import SourcedExtent
from tests.engine.store.contract.memory import MemoryTickReader
from tests.engine.store.harness import NOW, T0, tick

MINUTE = 60_000
START = T0 - T0 % (4 * MINUTE)


def bar(slot: int, symbol: str = "BTCUSDT", close: float = 11.0, width_ms: int = MINUTE) -> SourcedBar:
    return SourcedBar(symbol, width_ms, START + slot * width_ms, 10.0, 12.0, 9.0, close, 1.5, "kline")


@pytest.fixture(params=[open_backend])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    made: Callable[[Path], Backend] = request.param
    yield made(tmp_path)


async def test_bars_are_stored_once_and_the_first_stays(backend: Backend) -> None:
    writer = await backend.tick_writer("power")
    assert await writer.store_bars("sim", []) == BarsStored(0, 0, 0)
    assert await writer.store_bars("sim", [bar(5), bar(3), bar(4)]) == BarsStored(3, 0, 0)
    rounded = bar(5)._replace(volume=1.5 * (1 + 3e-13), source="upload")
    again = [bar(3), rounded, bar(4, close=10.5), bar(6), bar(6), bar(6, close=9.5), bar(3, "ETHUSDT")]
    assert await writer.store_bars("sim", again) == BarsStored(2, 3, 2)
    await writer.store_bars("spot", [bar(3, close=9.25)])
    await writer.close()
    writer = await backend.tick_writer("power")
    assert await writer.store_bars("sim", [bar(6)]) == BarsStored(0, 1, 0), "also after a restart"
    reader = backend.bar_reader()
    assert reader.sourced_bars("sim", "BTCUSDT", MINUTE, 0, 2**50) == [bar(slot) for slot in (3, 4, 5, 6)]
    assert reader.sourced_bars("sim", "BTCUSDT", MINUTE, bar(4).open_time_ms, bar(5).end_ms) == [bar(4), bar(5)]
    assert reader.sourced_bars("spot", "BTCUSDT", MINUTE, 0, 2**50) == [bar(3, close=9.25)]
    assert reader.sourced_bars("us", "BTCUSDT", MINUTE, 0, 2**50) == []
    assert reader.sourced_extents() == [
        SourcedExtent("sim", "BTCUSDT", MINUTE, bar(3).open_time_ms, bar(6).end_ms),
        SourcedExtent("sim", "ETHUSDT", MINUTE, bar(3).open_time_ms, bar(3).end_ms),
        SourcedExtent("spot", "BTCUSDT", MINUTE, bar(3).open_time_ms, bar(3).end_ms),
    ]
    reader.close()
    await writer.close()


async def test_bars_change_nothing_that_is_said_of_ticks(backend: Backend) -> None:
    writer = await backend.tick_writer("crash")
    await writer.store_bars("sim", [bar(0)])
    assert (writer.markets(), writer.high_water("sim"), writer.open_gaps()) == ([], {}, [])
    commit = await writer.commit([Batch(0, 0, "sim", (tick(7), tick(8)))], [], NOW)
    assert commit.last_seq == 2 and commit.extents[0].first_id == 7
    reader = backend.bar_reader()
    assert [extent.symbol for extent in reader.symbols("sim")] == ["BTCUSDT"]
    assert len(reader.read("sim", "BTCUSDT", 0, 2**50).open_time_ms) == 1
    reader.close()
    await writer.close()


async def test_many_bars_at_once(backend: Backend) -> None:
    writer = await backend.tick_writer("crash")
    many = [bar(slot, "S") for slot in range(2_345)]
    assert await writer.store_bars("sim", many) == BarsStored(2_345, 0, 0)
    assert await writer.store_bars("sim", [*many, bar(2_345, "S")]) == BarsStored(1, 2_345, 0)
    reader = backend.bar_reader()
    assert reader.sourced_bars("sim", "S", MINUTE, 0, 2**50) == [*many, bar(2_345, "S")]
    reader.close()
    await writer.close()


async def test_funding_is_stored_once(backend: Backend) -> None:
    writer = await backend.tick_writer("power")
    settled = [Funding("BTCUSDT", "settled", T0 + n * 28_800_000, 1e-4 * n, 100.0) for n in range(3)]
    mark = Funding("BTCUSDT", "mark", T0, None, 100.5, 100.25, T0 + 28_800_000)
    assert await writer.store_funding("sim", [*settled, mark]) == 4
    assert await writer.store_funding("sim", [*settled, mark._replace(symbol="ETHUSDT")]) == 1
    await writer.close()
    reader = backend.bar_reader()
    assert reader.funding("sim", "BTCUSDT", "settled", T0, T0 + 28_800_001) == settled[:2]
    assert reader.funding("sim", "BTCUSDT", "mark", 0, 2**50) == [mark]
    assert reader.funding("spot", "BTCUSDT", "mark", 0, 2**50) == []
    reader.close()


Commit = Callable[..., Awaitable[None]]
Store = Callable[[list[SourcedBar]], Awaitable[None]]


async def on_sqlite(folder: Path) -> AsyncIterator[tuple[TickReader, Commit, Store]]:
    backend = open_backend(folder)
    writer = await backend.tick_writer("crash")

    async def commit(*ticks: Tick) -> None:
        await writer.commit([Batch(0, 0, "sim", ticks)], [], NOW)

    async def store(bars: list[SourcedBar]) -> None:
        await writer.store_bars("sim", bars)

    reader = backend.tick_reader()
    yield reader, commit, store
    reader.close()
    await writer.close()


async def in_memory(_: Path) -> AsyncIterator[tuple[TickReader, Commit, Store]]:
    reader = MemoryTickReader()

    async def commit(*ticks: Tick) -> None:
        reader.add("sim", list(ticks), [])

    async def store(bars: list[SourcedBar]) -> None:
        reader.add_bars("sim", bars)

    yield reader, commit, store


@pytest.mark.parametrize("make", [on_sqlite, in_memory])
async def test_bars_have_their_place_in_the_order_of_commits(
    make: Callable[[Path], AsyncIterator[tuple[TickReader, Commit, Store]]], tmp_path: Path
) -> None:
    async for reader, commit, store in make(tmp_path):
        token = reader.changed_since(None)
        await commit(tick(1), tick(2))
        await store([bar(2), bar(1), bar(0)])
        await commit(tick(3))
        await store([bar(3)])
        assert reader.changed_since(token) is not None and reader.last_seq() == 3
        first, second = reader.events_after(0, 9)
        assert (first.kind, first.market, first.symbol) == ("bars", "sim", "BTCUSDT")
        assert (first.after_seq, second.after_seq) == (2, 3)
        assert first.detail == {"width_ms": MINUTE, "from_ms": START, "to_ms": START + 3 * MINUTE, "bars": 3}

        def known(event: int | None, width_ms: int = MINUTE, reader: TickReader = reader) -> list[SourcedBar]:
            return reader.sourced_bars("sim", "BTCUSDT", width_ms, 0, 2**50, event)

        assert known(0) == [] and known(first.event_id) == [bar(0), bar(1), bar(2)]
        assert known(second.event_id) == known(None) == [bar(slot) for slot in range(4)]
        wide = 2 * MINUTE
        assert [each.open_time_ms for each in known(first.event_id, wide)] == [START]
        assert [each.open_time_ms for each in known(second.event_id, wide)] == [START, START + wide]
        assert reader.sourced_bars("sim", "BTCUSDT", MINUTE, bar(1).open_time_ms, bar(3).open_time_ms) == [
            bar(1), bar(2),
        ]  # fmt: skip
        cut = reader.sourced_bars("sim", "BTCUSDT", 4 * MINUTE, START + MINUTE, START + 2 * MINUTE)
        assert cut == [], "a wider bar belongs to where it opens"
