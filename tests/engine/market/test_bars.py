from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.bars import Bar, Quote, SecondFold, roll_up, second_bar
from engine.market.ticks import Tick

T0 = 1_790_046_465_000


def tick(agg_id: int, price: float, at: int = 0, maker: bool | None = False, quantity: float = 1.0) -> Tick:
    return Tick("BTCUSDT", agg_id, price, quantity, T0 + at, maker)


ticks_of_a_second = st.lists(
    st.tuples(st.floats(0.01, 1e6), st.floats(1e-6, 1e4), st.integers(0, 999), st.sampled_from([True, False])),
    min_size=1,
    max_size=40,
).map(
    lambda rows: [
        Tick("X", i, price, quantity, T0 + at, maker)
        for i, (price, quantity, at, maker) in enumerate(sorted(rows, key=lambda row: row[2]))
    ]
)


def test_prints_and_quotes_of_one_second() -> None:
    bar = second_bar(
        T0, [tick(1, 100.0, 10, True, 2.0), tick(2, 101.0, 500, False, 3.0), tick(3, 100.5, 900, True, 1.0)]
    )
    assert (bar.open, bar.high, bar.low, bar.close) == (100.0, 101.0, 100.0, 100.5)
    assert (bar.volume, bar.quote_volume, bar.trades, bar.buy_volume) == (6.0, 200.0 + 303.0 + 100.5, 3, 3.0)
    assert (bar.first_id, bar.last_id) == (1, 3)
    assert (bar.bid, bar.bid_age_ms, bar.ask, bar.ask_age_ms) == (100.5, 100, 101.0, 500)
    assert bar.price_basis == "quotes"


def test_a_print_through_the_stale_side_clamps_it() -> None:
    bar = second_bar(T0, [tick(1, 101.0, 0, False), tick(2, 102.0, 5, True)])
    assert (bar.bid, bar.ask) == (102.0, 102.0)
    bar = second_bar(T0, [tick(1, 101.0, 0, True), tick(2, 99.0, 5, False)])
    assert (bar.bid, bar.ask) == (99.0, 99.0)


def test_a_side_without_a_print_is_unknown() -> None:
    bar = second_bar(T0, [tick(1, 101.0, 0, False)])
    assert (bar.bid, bar.bid_age_ms, bar.ask) == (None, None, 101.0)


def test_without_the_takers_side_there_are_no_quotes() -> None:
    bar = second_bar(T0, [tick(1, 101.0, 0, False), tick(2, 102.0, 1, None)])
    assert (bar.bid, bar.ask, bar.price_basis) == (None, None, "last")


def test_no_tick_is_no_bar() -> None:
    with pytest.raises(ValueError, match="at least one"):
        second_bar(T0, [])
    with pytest.raises(ValueError, match="at least one"):
        roll_up([], T0, 5_000)


@given(ticks_of_a_second, st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_show_in_a_single_bit(ticks: list[Tick], rng: random.Random) -> None:
    expected = second_bar(T0, ticks)
    shuffled = ticks[:]
    rng.shuffle(shuffled)
    fold = SecondFold(T0)
    for each in shuffled:
        fold.add(each)
    assert fold.bar() == expected


def carry(ticks: list[Tick]) -> tuple[float | None, float | None]:
    """The trade-side quote over one stretch of ticks, straight from its definition."""
    bid: float | None = None
    ask: float | None = None
    for each in ticks:
        if each.buyer_is_maker:
            bid = each.price
            ask = None if ask is None else max(ask, bid)
        else:
            ask = each.price
            bid = None if bid is None else min(bid, ask)
    return bid, ask


@given(st.lists(ticks_of_a_second, min_size=1, max_size=6))
def test_quotes_carried_from_bar_to_bar_equal_those_of_one_long_stretch(seconds: list[list[Tick]]) -> None:
    moved = [
        [each._replace(trade_time_ms=each.trade_time_ms + 1_000 * n, agg_id=each.agg_id + 100 * n) for each in second]
        for n, second in enumerate(seconds)
    ]
    bars = [second_bar(T0 + 1_000 * n, ticks) for n, ticks in enumerate(moved)]
    quote = Quote()
    for n, bar in enumerate(bars):
        quote = quote.after(bar, T0 + 1_000 * (n + 1))
    whole = roll_up(bars, T0, 1_000 * len(bars))
    assert (quote.bid, quote.ask) == (whole.bid, whole.ask) == carry([each for second in moved for each in second])


def naive_roll_up(bars: list[Bar]) -> tuple[float, ...]:
    return (
        bars[0].open,
        max(b.high for b in bars),
        min(b.low for b in bars),
        bars[-1].close,
        sum(b.trades for b in bars),
    )


@given(st.lists(ticks_of_a_second, min_size=1, max_size=6))
def test_a_longer_bar_is_its_seconds_in_time_order(seconds: list[list[Tick]]) -> None:
    bars = [second_bar(T0 + 1_000 * n, ticks) for n, ticks in enumerate(seconds)]
    whole = roll_up(bars, T0, 60_000)
    assert (whole.open, whole.high, whole.low, whole.close, whole.trades) == naive_roll_up(bars)
    assert whole.volume == pytest.approx(sum(b.volume for b in bars), rel=1e-12)
    assert (whole.first_id, whole.last_id) == (bars[0].first_id, bars[-1].last_id)
