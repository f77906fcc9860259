"""Longer bars by the column are those of ``roll_up`` to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.bar_columns import Columns, roll_up_columns
from engine.market.bars import Bar, roll_up, second_bar
from engine.market.ticks import Tick

T0 = 1_790_046_465_000

trades = st.lists(
    st.tuples(
        st.integers(0, 400_000), st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from([True, False, None])
    ),
    min_size=1, max_size=60,
)  # fmt: skip


def columns_of(bars: list[Bar]) -> Columns:
    rows = [
        (b.open_time_ms, b.open, b.high, b.low, b.close, b.volume, b.quote_volume, b.trades, b.buy_volume,
         b.price_basis == "quotes") for b in bars
    ]  # fmt: skip
    kinds = (np.int64, *(np.float64,) * 6, np.int64, np.float64, np.bool_)
    return Columns(*(np.array(column, dtype=kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)))


@given(trades, st.sampled_from([1_000, 5_000, 7_000, 60_000, 3_600_000, 86_400_000]))
def test_they_equal_bars_one_by_one(made: list[tuple[int, int, int, bool | None]], width_ms: int) -> None:
    ticks = [
        Tick("S", n, price / 1e3, quantity / 1e5, T0 + at, maker)
        for n, (at, price, quantity, maker) in enumerate(sorted(made, key=lambda each: each[0]))
    ]
    by_second: dict[int, list[Tick]] = {}
    for tick in ticks:
        by_second.setdefault(tick.trade_time_ms // 1_000 * 1_000, []).append(tick)
    seconds = [second_bar(at, some) for at, some in sorted(by_second.items())]
    by_slot: dict[int, list[Bar]] = {}
    for second in seconds:
        by_slot.setdefault(second.open_time_ms // width_ms * width_ms, []).append(second)
    expected = columns_of([roll_up(some, at, width_ms) for at, some in sorted(by_slot.items())])
    found = roll_up_columns(columns_of(seconds), width_ms)
    for name in Columns._fields:
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name


def test_nothing_gives_nothing() -> None:
    none = columns_of([second_bar(T0, [Tick("S", 1, 1.0, 1.0, T0, True)])])
    empty = Columns(*(column[:0] for column in none))
    assert roll_up_columns(empty, 60_000).open_time_ms.size == 0


@pytest.mark.parametrize("name", ["volume", "quote_volume", "buy_volume"])
def test_sums_add_in_time_order(name: str) -> None:
    """0.1 ten times is not 1: another order would give another number."""
    one = columns_of([second_bar(T0 + n * 1_000, [Tick("S", n, 1.0, 0.1, T0 + n * 1_000, False)]) for n in range(10)])
    total = 0.0
    for _ in range(10):
        total += 0.1
    assert getattr(roll_up_columns(one, 86_400_000), name).tolist() == [total] != [1.0]
