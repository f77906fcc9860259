"""Bars that were not made from ticks: what may be one, and what wider bars are made of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RowRefused
from engine.market.funding import Funding, read_funding
from engine.market.sourced import SourcedBar, at_width, check_bar, is_same, read_bar, spans_of, whole_slots
from engine.market.stretches import united

T0 = 1_790_046_000_000
GOOD = SourcedBar("BTCUSDT", 60_000, T0, 10.0, 12.0, 9.0, 11.0, 3.5, "kline")


def minutes(*slots: int, width_ms: int = 60_000) -> list[SourcedBar]:
    return [
        SourcedBar("S", width_ms, T0 + slot * width_ms, 10.0 + slot, 11.5 + slot, 9.0 + slot, 11.0 + slot, 1.1, "kline")
        for slot in slots
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"symbol": "b t"}, "symbol"),
        ({"width_ms": 500}, "width is 500 ms"),
        ({"width_ms": 1_500}, "width is 1500 ms"),
        ({"width_ms": 2 * 86_400_000}, "width is 172800000 ms"),
        ({"width_ms": 60_000.0}, "width is 60000.0 ms"),
        ({"open_time_ms": T0 + 1}, "multiple of the width"),
        ({"open_time_ms": T0 // 1_000}, "2009"),
        ({"open_time_ms": float(T0)}, "whole milliseconds"),
        ({"low": 0.0}, "low is 0.0"),
        ({"high": math.inf}, "high is inf"),
        ({"close": math.nan}, "close is nan"),
        ({"open": 12.5}, "open and close from low to high"),
        ({"close": 8.5}, "open and close from low to high"),
        ({"volume": -1.0}, "volume is -1.0"),
        ({"volume": math.nan}, "volume is nan"),
        ({"source": "K line"}, "source is"),
    ],
)
def test_what_no_bar_can_be_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    assert check_bar(GOOD) is GOOD
    with pytest.raises(RowRefused, match=said):
        check_bar(GOOD._replace(**change))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([T0, "1", "2", "1"], "six values"),
        ("abcdef", "six values|open is"),
        ([T0, 1.0, "2", "1", "2", "0"], "open is 1.0"),
        ([T0, "1", "2", "1", "2", "1e3"], "volume is '1e3'"),
        ([T0, "1", "2", "1", "2", None], "volume is None"),
        ([T0, "-1", "2", "1", "2", "0"], "open is '-1'"),
        ([True, "1", "2", "1", "2", "0"], "open time is True"),
    ],
)
def test_rows_of_bars_are_read_exactly_or_refused(row: Any, said: str) -> None:
    bar = read_bar("BTCUSDT", 60_000, [T0, "0.30", "0.31", "0.1", "0.2", "123456789.12345678"], "kline")
    assert bar[2:] == (T0, 0.3, 0.31, 0.1, 0.2, 123456789.12345678, "kline") and bar.end_ms == T0 + 60_000
    with pytest.raises(RowRefused, match=said):
        read_bar("BTCUSDT", 60_000, row, "kline")


def test_wider_bars_are_made_of_whole_sets_of_the_widest_narrower_ones() -> None:
    one = minutes(*range(10), 12)  # minutes 10 and 11 are missing
    five = minutes(1, width_ms=300_000)
    found = at_width(600_000, {60_000: one, 300_000: five})
    assert [(bar.open_time_ms - T0, bar.open, bar.high, bar.low, bar.close) for bar in found] == [
        (0, 10.0, 20.5, 9.0, 20.0)
    ]
    assert found[0].volume == pytest.approx(11.0, rel=1e-15)
    assert at_width(300_000, {60_000: one, 300_000: five}) == [
        *at_width(300_000, {60_000: minutes(*range(5))}), *five,
    ]  # fmt: skip
    assert at_width(90_000, {60_000: one}) == [] == at_width(60_000, {})
    own = minutes(0, width_ms=600_000)
    assert at_width(600_000, {60_000: one, 600_000: own}) == own, "a bar of the width itself comes first"


@given(st.sets(st.integers(0, 40)), st.sampled_from([2, 3, 5]))
def test_rolling_up_once_or_twice_gives_the_same(slots: set[int], times: int) -> None:
    one = minutes(*sorted(slots))
    middle = at_width(60_000 * times, {60_000: one})
    twice = at_width(60_000 * times * 2, {60_000 * times: middle})
    once = at_width(60_000 * times * 2, {60_000: one})
    assert len(once) == len(twice) and all(map(is_same, once, twice))


def test_spans_break_where_a_bar_is_missing() -> None:
    assert spans_of([], 60_000) == []
    times = [bar.open_time_ms for bar in minutes(0, 1, 2, 5, 6)]
    assert spans_of(times, 60_000) == [(T0, T0 + 180_000), (T0 + 300_000, T0 + 420_000)]


@given(st.sets(st.integers(0, 60)), st.sampled_from([2, 3, 5]))
def test_whole_slots_are_where_narrower_bars_can_be_rolled_up(slots: set[int], times: int) -> None:
    one, width_ms = minutes(*sorted(slots)), 60_000 * times
    covered = spans_of([bar.open_time_ms for bar in one], 60_000)
    wide = [bar.open_time_ms for bar in at_width(width_ms, {60_000: one})]
    assert united(whole_slots(covered, width_ms)) == spans_of(wide, width_ms)


def test_volumes_may_differ_by_rounding_and_prices_may_not() -> None:
    assert is_same(GOOD, GOOD._replace(volume=3.5 * (1 + 4e-13), source="upload"))
    assert not is_same(GOOD, GOOD._replace(volume=3.5 * (1 + 4e-12)))
    assert not is_same(GOOD, GOOD._replace(close=math.nextafter(11.0, 12.0)))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["BTCUSDT", "settled", T0, None, None, None, None], "rate is None"),
        (["BTCUSDT", "paid", T0, "0.1", None, None, None], "kind is 'paid'"),
        (["BTCUSDT", "mark", 5, "0.1", None, None, None], "time is 5"),
        (["BTCUSDT", "mark", T0, "0.1", "0", None, None], "mark price is 0.0"),
        (["BTCUSDT", "mark", T0, "x", None, None, None], "rate is 'x'"),
        (["BTCUSDT", "mark", T0, "0.1", None, None, 0], "next funding time is 0"),
        (["BTCUSDT", "mark", T0], "seven values"),
    ],
)
def test_readings_of_funding_are_read_or_refused(row: list[Any], said: str) -> None:
    mark = read_funding(["BTCUSDT", "mark", T0, "-0.00012", "85000.1", "85001", T0 + 1])
    assert mark == Funding("BTCUSDT", "mark", T0, -0.00012, 85000.1, 85001.0, T0 + 1)
    with pytest.raises(RowRefused, match=said):
        read_funding(row)
