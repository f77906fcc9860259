"""A leg's bars and what pairs read of them: quotes carried, gaps filled and marked, the same in any pieces."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.bars import Bar, Quote, roll_up, second_bar
from engine.market.spans import SpanIndex
from engine.market.ticks import Tick
from engine.pairs.enums import LegFlag
from engine.pairs.layout import In
from engine.pairs.leg import Col, Leg

S = 1_000


def seconds(seed: int, count: int = 120, share: float = 0.7, sided: bool = True) -> list[Bar]:
    """One-second bars of a bouncing walk, some seconds without a trade."""
    rng = np.random.default_rng(seed)
    found, price = [], 100.0
    for second in range(count):
        price += rng.normal(0, 0.05)
        if rng.random() > share:
            continue
        ticks = []
        for i in range(int(rng.integers(1, 4))):
            is_sale = bool(rng.integers(2))
            at = price + (-0.02 if is_sale else 0.02)
            ticks.append(
                Tick("X", second * 10 + i, round(at, 4), 1.0, second * S + 200 * i, is_sale if sided else None)
            )
        found.append(second_bar(second * S, ticks))
    return found


def closed(bars: list[Bar], width_ms: int, through_ms: int, first_slot: int = 0) -> Leg:
    leg = Leg(width_ms, first_slot)
    leg.close(bars, through_ms, SpanIndex().touches)
    return leg


def inputs_of(leg: Leg) -> np.ndarray:
    return leg.inputs.columns[:, : leg.size]


@pytest.mark.parametrize("width_ms", [S, 2 * S, 5 * S])
def test_quotes_and_prints_are_carried_as_the_market_room_carries_them(width_ms: int) -> None:
    bars = seconds(1)
    leg = closed(bars, width_ms, 120 * S)
    quote, last, last_ms = Quote(), math.nan, math.nan
    for place in range(leg.size):
        open_ms, until = place * width_ms, (place + 1) * width_ms
        inside = [bar for bar in bars if open_ms <= bar.open_time_ms < until]
        if inside:
            bar = roll_up(inside, open_ms, width_ms)
            quote, last = quote.after(bar, until), bar.close
            last_ms = until - min(age for age in (bar.bid_age_ms, bar.ask_age_ms) if age is not None)
        column = inputs_of(leg)[:, place]
        assert column[In.LAST] == pytest.approx(last, nan_ok=True)
        assert column[In.MID] == pytest.approx(last if quote.mid is None else quote.mid, nan_ok=True)
        assert column[In.AGE] == pytest.approx(until - last_ms, nan_ok=True)
        if quote.mid is not None and quote.ask is not None and quote.bid is not None:
            assert column[In.HALF] == pytest.approx((quote.ask - quote.bid) / 2 / quote.mid)
        flags = int(column[In.FLAGS])
        assert bool(flags & LegFlag.FILLED) == (not inside)
        assert bool(flags & LegFlag.LAST_PRICE) == (quote.mid is None)
    np.testing.assert_array_equal(inputs_of(leg)[In.LOG_MID], [math.log(v) for v in inputs_of(leg)[In.MID]])
    np.testing.assert_array_equal(inputs_of(leg)[In.LOG_LAST], [math.log(v) for v in inputs_of(leg)[In.LAST]])


def test_a_second_is_its_own_roll_up() -> None:
    """Why one-second bars are taken as they are."""
    for sided in (True, False):
        for bar in seconds(2, sided=sided):
            assert roll_up([bar], bar.open_time_ms, S) == bar


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), width=st.sampled_from([1, 2, 7]), cuts=st.lists(st.integers(0, 119), max_size=8),
    first_slot=st.integers(0, 5), gap=st.integers(0, 110), length=st.integers(1, 9),
)  # fmt: skip
def test_pieces_and_a_filled_gap_do_not_show(
    seed: int, width: int, cuts: list[int], first_slot: int, gap: int, length: int
) -> None:
    bars, width_ms = seconds(seed), width * S
    whole = closed(bars, width_ms, 120 * S, first_slot)
    lost = range(gap * S, (gap + length) * S)
    span = [(lost.start, lost.stop)]
    leg = Leg(width_ms, first_slot)
    before = 0
    for cut in [*sorted(cuts), 120]:
        given_out = [b for b in bars if before <= b.open_time_ms < cut * S and b.open_time_ms not in lost]
        leg.close(given_out, cut * S, SpanIndex(span).touches)
        before = cut * S
    tainted = leg.column(Col.TAINTED) == 1.0
    slots = np.arange(leg.size) + first_slot
    np.testing.assert_array_equal(tainted, (slots * width_ms < lost.stop) & ((slots + 1) * width_ms > lost.start))

    def now(start_ms: int, end_ms: int) -> list[Bar]:
        return [bar for bar in bars if start_ms <= bar.open_time_ms < end_ms]

    first = leg.revise(lost.start, lost.stop, now, SpanIndex().touches)
    assert first == min(max(lost.start // width_ms - first_slot, 0), leg.size)
    assert leg.size == whole.size
    np.testing.assert_array_equal(inputs_of(leg), inputs_of(whole))
    for col in Col:
        np.testing.assert_array_equal(leg.column(col), whole.column(col), err_msg=col.name)


def test_a_trade_without_a_side_ends_the_quote() -> None:
    bars = [*seconds(3, 20, share=1.0), *(bar._replace(price_basis="last", bid=None, ask=None, bid_age_ms=None,
            ask_age_ms=None) for bar in seconds(4, 25, share=1.0)[20:])]  # fmt: skip
    leg = closed(bars, S, 25 * S)
    assert np.isnan(leg.column(Col.MID)[20:]).all() and np.isfinite(leg.column(Col.MID)[5:20]).all()
    np.testing.assert_array_equal(inputs_of(leg)[In.MID, 20:], inputs_of(leg)[In.LAST, 20:])
    assert (inputs_of(leg)[In.FLAGS, 20:].astype(int) & LegFlag.LAST_PRICE).all()
    assert np.isnan(inputs_of(leg)[In.HALF, 20:]).all()


def test_bars_of_an_outage_are_marked() -> None:
    leg = Leg(2 * S, 0)
    leg.close(seconds(5), 40 * S, SpanIndex().touches, [(9_500, 13_000)])
    flags = inputs_of(leg)[In.FLAGS].astype(int)
    assert np.flatnonzero(flags & LegFlag.BRIDGE_DOWN).tolist() == [4, 5, 6]  # 8 s to 14 s


def test_the_forming_bar_is_what_has_not_been_completed() -> None:
    bars = seconds(6, share=1.0)
    leg = closed(bars[:8], 5 * S, 8 * S)
    assert leg.size == 1
    assert leg.forming(bars[8:9]) == roll_up(bars[5:9], 5 * S, 5 * S)
    assert leg.forming([]) == roll_up(bars[5:8], 5 * S, 5 * S)
    assert closed([], 5 * S, 8 * S).forming([]) is None
