"""Candles come faster than they can be compared with ticks: one comparison at a time, and little waits for it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from engine.errors import StoreError
from engine.intake.actions import StoreBars
from engine.intake.history_messages import BarSpan
from engine.market.sourced import SourcedBar
from engine.store.interface import SymbolExtent
from serving.candle_comparison import MOST_WAITING, CandleComparison

MINUTE = 60_000
LAST_MS = 10_000 * MINUTE


class SlowDisk:
    """A backend whose reads last until they are let through."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.read: list[tuple[int, int]] = []
        self.readers = self.most_readers = 0
        self.fails = 0

    def bar_reader(self) -> SlowDisk:
        self.readers += 1
        self.most_readers = max(self.readers, self.most_readers)
        self.gate.acquire()
        if self.fails:
            self.fails -= 1
            self.readers -= 1
            raise StoreError("made by the test")
        return self

    tick_reader = bar_reader

    def symbols(self, market: str) -> list[SymbolExtent]:
        return [SymbolExtent(f"S{n}", 0, False) for n in range(100)]

    def bars(self, market: str, symbol: str, from_ms: int, to_ms: int) -> list[Any]:
        self.read.append((int(symbol[1:]), from_ms // MINUTE))
        return []

    def close(self) -> None:
        self.readers -= 1


def came(slot: int, symbol: int = 0) -> StoreBars:
    span = BarSpan(f"S{symbol}", MINUTE, slot * MINUTE, (slot + 1) * MINUTE)
    return StoreBars(1, "sim", span, (SourcedBar(span.symbol, MINUTE, span.from_ms, 1.0, 1.0, 1.0, 1.0, 0.0, "kline"),))


def comparison_on(disk: SlowDisk, counts: list[int]) -> CandleComparison:
    def last_trade_ms(market: str, symbol: str) -> int | None:
        return None if symbol == "S99" else LAST_MS

    return CandleComparison(disk, last_trade_ms, lambda market, bars, found: counts.append(bars))  # type: ignore[arg-type]


async def test_one_comparison_at_a_time_and_of_each_symbol_the_newest_candles() -> None:
    disk, counts = SlowDisk(), list[int]()
    comparison = comparison_on(disk, counts)
    order = [*range(50, 90), *range(1, 50)]  # the newest of what waits is not what came last
    tasks = [asyncio.create_task(comparison.compare(came(slot, symbol))) for slot in order for symbol in range(3)]
    await asyncio.sleep(0)
    assert sum(not task.done() for task in tasks) == 1, "no task, and none of its bars, waits for another"
    for _ in range(1_000):
        disk.gate.release()
    await asyncio.gather(*tasks)
    assert disk.read == [(0, 50), (1, 89), (2, 89), (0, 89)] and counts == [1] * 4
    assert disk.most_readers == 1


async def test_no_more_than_so_many_symbols_wait() -> None:
    disk, counts = SlowDisk(), list[int]()
    comparison = comparison_on(disk, counts)
    tasks = [asyncio.create_task(comparison.compare(came(1, symbol))) for symbol in range(100)]
    await asyncio.sleep(0)
    for _ in range(1_000):
        disk.gate.release()
    await asyncio.gather(*tasks)
    assert [symbol for symbol, _ in disk.read] == [0, *range(99 - MOST_WAITING, 99)], "S99 does not trade"


async def test_what_cannot_be_read_is_said_and_the_next_compared(caplog: pytest.LogCaptureFixture) -> None:
    disk, counts = SlowDisk(), list[int]()
    disk.fails = 1
    comparison = comparison_on(disk, counts)
    for _ in range(1_000):
        disk.gate.release()
    await comparison.compare(came(1, 7))
    await comparison.compare(came(2, 7))
    assert disk.read == [(7, 2)] and counts == [1]
    assert "candles of S7 are not compared with ticks: made by the test" in caplog.text
