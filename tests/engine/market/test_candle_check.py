"""Candles beside the bars that ticks give: equal where both say the same, named where they do not."""

from __future__ import annotations

import pytest

from engine.market.bars import Bar, second_bar
from engine.market.candle_check import CandleDifference, differences, whole_bars
from engine.market.sourced import SourcedBar
from engine.market.ticks import Tick

MINUTE = 60_000
T0 = 1_790_046_000_000


def candle(slot: int, *values: float) -> SourcedBar:
    return SourcedBar("A", MINUTE, T0 + slot * MINUTE, *(values or (1.0, 3.0, 0.5, 2.0, 4.0)), "kline")


def seconds(*trades: tuple[int, float, float]) -> list[Bar]:
    """(ms after T0, price, quantity) of each, one a second."""
    return [
        second_bar(at // 1_000 * 1_000, [Tick("A", n, price, quantity, at, None)])
        for n, (at, price, quantity) in enumerate((T0 + ms, price, quantity) for ms, price, quantity in trades)
    ]


SAME = ((1_500, 1.0, 0.7), (2_000, 3.0, 0.1), (30_000, 0.5, 0.2), (59_999, 2.0, 3.0))


@pytest.mark.parametrize(
    ("values", "is_different"),
    [
        ((1.0, 3.0, 0.5, 2.0, 4.0), False),
        ((1.0, 3.0, 0.5, 2.0, 4.0 * (1 + 4e-13)), False),
        ((1.0, 3.0, 0.5, 2.0, 4.000001), True),
        ((1.01, 3.0, 0.5, 2.0, 4.0), True),
        ((1.0, 3.01, 0.5, 2.0, 4.0), True),
        ((1.0, 3.0, 0.49, 2.0, 4.0), True),
        ((1.0, 3.0, 0.5, 2.01, 4.0), True),
    ],
)
def test_every_price_counts_and_volume_to_rounding(values: tuple[float, ...], is_different: bool) -> None:
    found = differences([candle(0, *values)], seconds(*SAME))
    assert found == ([CandleDifference("A", MINUTE, T0, values, (1.0, 3.0, 0.5, 2.0, 4.0))] if is_different else [])


def test_each_bar_is_judged_by_its_own_trades() -> None:
    later = [(MINUTE + ms, price, quantity) for ms, price, quantity in SAME]
    quiet = candle(2, 2.0, 2.0, 2.0, 2.0, 0.0)
    claimed = candle(3, 2.0, 2.0, 2.0, 2.0, 5.0)
    found = differences([candle(0), candle(1), quiet, claimed], seconds(*SAME, *later[:3], (5 * MINUTE, 9.0, 9.0)))
    assert [each.open_time_ms for each in found] == [T0 + MINUTE, T0 + 3 * MINUTE]
    assert found[1].ticks == (2.0, 2.0, 2.0, 2.0, 0.0)


def test_only_whole_bars_are_chosen_the_newest_where_there_are_too_many() -> None:
    bars = [candle(slot) for slot in (4, 0, 1, 2, 3)]
    whole = (T0 + 1, T0 + 4 * MINUTE)
    assert whole_bars(bars, whole, 10**9) == [candle(1), candle(2), candle(3)]
    assert whole_bars(bars, whole, 2 * MINUTE) == [candle(2), candle(3)]
    assert whole_bars(bars, whole, MINUTE - 1) == []
