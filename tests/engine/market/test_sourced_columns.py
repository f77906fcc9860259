"""Bars by the column are the bars by the row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RowRefused
from engine.market.sourced import SourcedBar, check_bar
from engine.market.sourced_columns import BAR_BYTES, SourcedColumns, are_good, bytes_of, columns_of
from engine.market.ticks import are_decimals, read_decimals

T = 1_767_225_600_000
TEXTS = st.one_of(
    st.sampled_from(
        ["1", "0", "0.0", ".5", "5.", "1.2.3", "", "1e5", "١", "-1", "1\n2", "000000000001", "1" * 13, "nan"]
    ),
    st.decimals(min_value=0, max_value=10**6, places=3).map(str),
    st.from_regex(r"[0-9.\n]{0,16}", fullmatch=True),
)


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_decimals_are_read_where_all_are_plain(texts: list[str]) -> None:
    expected = list(map(float, texts)) if are_decimals(texts) else None
    assert read_decimals(texts) == expected


ODD = [0.0, -0.0, -1.0, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"), 0.1 + 0.2]
NUMBERS = st.one_of(st.sampled_from([1.0, 2.0, 3.5, 2.25]), st.sampled_from(ODD))
TIMES = st.one_of(st.integers(0, 50).map(lambda n: T + n * 60_000), st.sampled_from([T + 1, 0, -60_000, 2**62]))


@given(
    st.lists(st.tuples(TIMES, *[NUMBERS] * 5), min_size=1, max_size=4),
    st.sampled_from(["kline", "upload", "Bad Source"]), st.sampled_from(["BTCUSDT", "btc"]),
    st.sampled_from([60_000, 1_500]),
)  # fmt: skip
def test_columns_are_good_where_every_bar_is(rows: list[tuple[Any, ...]], source: str, symbol: str, width: int) -> None:
    bars = columns_of(symbol, width, bytes_of(list(zip(*rows, strict=True))), source)
    assert repr(list(bars)) == repr([SourcedBar(symbol, width, *row, source) for row in rows])  # nan is not itself
    assert are_good(bars) == all(map(is_good, bars))


def is_good(bar: SourcedBar) -> bool:
    try:
        return check_bar(bar) is bar
    except RowRefused:
        return False


@given(st.binary(max_size=200))
def test_any_bytes_of_whole_bars_are_bars(data: bytes) -> None:
    if len(data) % BAR_BYTES:
        with pytest.raises(ValueError, match=f"found {len(data)} bytes of bars; expected a multiple of 48"):
            columns_of("BTCUSDT", 60_000, data, "kline")
    else:
        bars = columns_of("BTCUSDT", 60_000, data, "kline")
        assert len(bars) == len(data) // BAR_BYTES
        assert not bars or are_good(bars) == all(map(is_good, bars))


BARS = [
    SourcedBar("BTCUSDT", 60_000, T, 1.0, 3.0, 0.5, 2.0, 10.0, "kline"),
    SourcedBar("BTCUSDT", 60_000, T + 60_000, 2.0, 2.5, 1.0, 2.25, 0.0, "kline"),
]


def test_good_bars_are_of_plain_numbers() -> None:
    found = columns_of("BTCUSDT", 60_000, bytes_of(SourcedColumns.of(BARS).values), "kline")
    assert list(found) == BARS and are_good(found)
    assert all(type(time) is int for time in found.times)
    assert all(type(value) is float for column in found.values[1:] for value in column)


def test_columns_are_a_sequence_of_bars() -> None:
    columns = SourcedColumns.of(BARS)
    assert list(columns) == BARS and [columns[0], columns[-1]] == BARS and len(columns) == len(BARS)
    assert list(columns[1:]) == BARS[1:] and columns.times == [T, T + 60_000]
