"""Pages of bars: the work for one page is bounded, however sparse or dense the store is, and no bar is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.market.sourced import SourcedBar
from engine.store import open_backend
from services import market_data
from services.export.request import END_MS, BarRequest, Selection
from services.market_data import MarketDataService

HOUR, DAY = 3_600_000, 86_400_000
OLD, NEW = 1_600_000_000_000 // DAY * DAY, 1_790_000_000_000 // DAY * DAY  # six years apart


def candle(open_time_ms: int) -> SourcedBar:
    return SourcedBar("AUSDT", HOUR, open_time_ms, 1.0, 2.0, 0.5, 1.5, 10.0, "kline")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[MarketDataService]:
    backend = open_backend(tmp_path)
    writer = await backend.tick_writer("crash")
    await writer.store_bars("sim", [candle(OLD), candle(OLD + HOUR), *(candle(NEW + hour * HOUR) for hour in range(3))])
    yield MarketDataService(backend)
    await writer.close()


def asked(from_ms: int, width_ms: int = HOUR) -> BarRequest:
    return BarRequest(Selection("sim", ("AUSDT",), from_ms, END_MS), width_ms)


async def test_a_symbol_with_hourly_candles_alone_is_listed(service: MarketDataService) -> None:
    (found,) = service.symbols()
    assert (found.symbol, found.first_ms, found.end_ms) == ("AUSDT", OLD, NEW + 3 * HOUR)


async def test_pages_over_an_empty_stretch_of_years_are_bounded_and_lose_nothing(service: MarketDataService) -> None:
    opens, after, pages = [], None, 0
    while pages == 0 or after is not None:
        page = service.bars(asked(OLD), "", 2, after)
        opens, after, pages = opens + [bar.open_time_ms for bar in page.rows], page.following, pages + 1
    assert opens == [OLD, OLD + HOUR, *(NEW + hour * HOUR for hour in range(3))]
    slices = (NEW - OLD) // (DAY // 2)
    assert pages > slices // market_data.MOST_SLICES > 3  # most of them empty, each of bounded work


async def test_the_newest_are_read_backwards_within_the_bound(
    service: MarketDataService, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = service.bars(asked(0), "", 10)
    assert [bar.open_time_ms for bar in newest.rows] == [NEW, NEW + HOUR, NEW + 2 * HOUR] and newest.following is None
    monkeypatch.setattr(market_data, "MOST_SLICES", 10_000)
    assert len(service.bars(asked(0), "", 10).rows) == 5
    assert [bar.open_time_ms for bar in service.bars(asked(0, DAY), "", 10).rows] == []  # of some hours no day is made


async def test_a_dense_stretch_ends_a_page_too(service: MarketDataService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_data, "MOST_READ", 1)
    first = service.bars(asked(OLD), "", 1_000)
    assert [bar.open_time_ms for bar in first.rows] == [OLD, OLD + HOUR] and first.following is not None
