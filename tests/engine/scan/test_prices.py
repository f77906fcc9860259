"""A scan reads the prices that the pairs read: bars made from columns of seconds equal those of a leg, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.bars import Bar
from engine.market.spans import SpanIndex
from engine.pairs.enums import LegFlag
from engine.pairs.layout import In
from engine.pairs.leg import Leg
from engine.scan.prices import closing_prices

FIRST = 1_000  # slot


def bars_of(seconds: list[Bar], width_ms: int, bars: int) -> np.ndarray:
    """What the scan makes of seconds."""
    columns = [[bar.low, bar.high, bar.close, bar.bid, bar.ask] for bar in seconds]
    quotes = np.array(columns, dtype=np.float64).reshape(-1, 5).T.copy()
    slots = np.array([bar.open_time_ms // width_ms for bar in seconds], dtype=np.int64)
    is_sided = np.array([bar.price_basis == "quotes" for bar in seconds], dtype=np.bool_)
    return closing_prices(slots, tuple(quotes), is_sided, FIRST, bars)  # type: ignore[arg-type]


def made(seed: int, width_s: int, bars: int, unsided: float) -> list[Bar]:
    """Seconds with and without trades, on one side or both, some without saying which."""
    rng = np.random.default_rng(seed)
    begin_ms = FIRST * width_s * 1_000
    seconds = []
    for second in range(width_s * bars):
        if rng.random() < 0.4:
            continue
        prices = np.round(100.0 + rng.normal(0, 1, 3), 2).tolist()
        low, high = min(prices), max(prices)
        is_sided = bool(rng.random() >= unsided)
        bid = float(low) if is_sided and rng.random() < 0.6 else None
        ask = float(high) if is_sided and (bid is None or rng.random() < 0.6) else None
        quote = (bid, None if bid is None else 100, ask, None if ask is None else 200)
        basis = "quotes" if is_sided else "last"
        shape = (prices[0], high, low, prices[-1], 1.0, 100.0, 3, 0.5, 1, 3)
        seconds.append(Bar(begin_ms + 1_000 * second, *shape, *quote, basis))
    return seconds


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), width_s=st.integers(1, 7), unsided=st.sampled_from([0.0, 0.05, 1.0]))
def test_prices_are_those_of_a_leg(seed: int, width_s: int, unsided: float) -> None:
    bars = 30
    seconds = made(seed, width_s, bars, unsided)
    width_ms = 1_000 * width_s
    leg = Leg(width_ms, FIRST)
    leg.close(seconds, (FIRST + bars) * width_ms, SpanIndex().touches)
    is_filled = leg.inputs.columns[In.FLAGS, :bars].astype(int) & LegFlag.FILLED != 0
    expected = np.where(is_filled, np.nan, leg.inputs.columns[In.MID, :bars])
    np.testing.assert_array_equal(bars_of(seconds, width_ms, bars), expected)


@pytest.mark.parametrize(("width_s", "expected"), [(1, [100.5, 101.0, np.nan]), (3, [101.0])])
def test_a_quote_is_carried_and_clamped(width_s: int, expected: list[float]) -> None:
    begin_ms = FIRST * width_s * 1_000
    numbers = (1.0, 100.0, 2, 0.5, 1, 2)
    seconds = [
        Bar(begin_ms, 100.0, 101.0, 100.0, 101.0, *numbers, 100.0, 10, 101.0, 5, "quotes"),
        Bar(begin_ms + 1_000, 102.0, 102.0, 102.0, 102.0, *numbers, None, None, 102.0, 5, "quotes"),
    ]
    assert bars_of(seconds, 1_000 * width_s, len(expected)) == pytest.approx(expected, nan_ok=True)


def test_without_sides_it_is_the_last_print() -> None:
    numbers = (1.0, 100.0, 2, 0.5, 1, 2)
    bar = Bar(FIRST * 1_000, 100.0, 101.0, 99.0, 99.5, *numbers, None, None, None, None, "last")
    assert bars_of([bar], 1_000, 1).tolist() == [99.5]
    assert np.isnan(bars_of([], 1_000, 2)).all()
