"""Any whole number of seconds up to a day is a width, from its text to the bars of a pair's leg."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.bars import roll_up, second_bar
from engine.market.intervals import MAX_WIDTH_MS, SECOND_MS, bar_open, interval_name, parse_interval
from engine.market.spans import SpanIndex
from engine.market.ticks import Tick
from engine.pairs.leg import Col, Leg

T0 = 1_767_225_600_000  # 2026-01-01, a Thursday: midnight in UTC
HOUR_MS = 3_600_000


@given(st.integers(1, 86_400))
def test_the_name_of_every_width_reads_back(seconds: int) -> None:
    assert parse_interval(interval_name(seconds * SECOND_MS)) == seconds * SECOND_MS
    assert parse_interval(f" {seconds} S ") == seconds * SECOND_MS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30), ("2m", 120), ("4h", 14_400), ("1d", 86_400), ("1S", 1), ("1T", 60), ("5T", 300), ("1H", 3_600),
        ("5min", 300), ("1D", 86_400), ("24h", 86_400), ("86400s", 86_400), ("7s", 7), ("1440m", 86_400),
    ],
)  # fmt: skip
def test_the_forms_that_people_and_pandas_write(text: str, seconds: int) -> None:
    assert parse_interval(text) == seconds * SECOND_MS


@pytest.mark.parametrize(
    "text", ["", "0s", "2d", "25h", "86401s", "1.5m", "-1m", "m", "5", "1M", "1w", "1y", "100ms", "1 h 2 m", "１m"]
)
def test_what_is_no_width_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_interval(text)


def test_a_month_is_told_from_a_minute() -> None:
    with pytest.raises(ValueError, match="interval is '1M', a month; expected m for minutes"):
        parse_interval("1M")


def test_days_begin_at_midnight_in_utc() -> None:
    for at in (T0, T0 + 1, T0 + MAX_WIDTH_MS - 1):
        assert bar_open(at, MAX_WIDTH_MS) == T0
    assert bar_open(T0 - 1, MAX_WIDTH_MS) == T0 - MAX_WIDTH_MS


@pytest.mark.parametrize("text", ["7s", "30s", "90s", "2m", "25m", "4h", "1d"])
def test_bars_of_any_width_are_those_of_pandas_and_of_a_leg(text: str) -> None:
    """Prints of three days, some minutes apart; widths that divide no day begin where 1970 puts them."""
    rng = np.random.default_rng(9)
    times = T0 + np.sort(rng.choice(3 * 86_400, 1_500, replace=False)) * SECOND_MS
    prices = np.round(100.0 * np.exp(np.cumsum(rng.normal(0, 1e-3, times.size))), 4)
    seconds = [
        second_bar(int(at), [Tick("X", n, float(price), 1.5, int(at) + 300, None)])
        for n, (at, price) in enumerate(zip(times, prices, strict=True))
    ]
    width_ms = parse_interval(text)
    index = pd.to_datetime(times, unit="ms", utc=True)
    expected = pd.Series(prices, index).resample(f"{width_ms // 1_000}s", origin="epoch").ohlc().dropna()
    opens = expected.index.as_unit("ms").asi8
    rolled = [
        roll_up([bar for bar in seconds if bar_open(bar.open_time_ms, width_ms) == at], int(at), width_ms)
        for at in opens[:40]
    ]
    assert [list(bar[1:5]) for bar in rolled] == expected.iloc[:40].to_numpy().tolist()

    first = bar_open(T0, width_ms) // width_ms
    leg = Leg(width_ms, first)
    leg.close(seconds, T0 + 3 * 24 * HOUR_MS + width_ms, SpanIndex().touches)
    places = (opens // width_ms - first).tolist()
    for name, column in (("open", Col.OPEN), ("high", Col.HIGH), ("low", Col.LOW), ("close", Col.CLOSE)):
        np.testing.assert_array_equal(leg.column(column)[places], expected[name].to_numpy())
    assert math.fsum(leg.column(Col.TRADES)[places]) == times.size
