from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from engine.stats import bounce, half_spread_bps, ols, roll_half_spread, trade_side_mid, trade_side_quotes
from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.mackinnon import eg_critical
from engine.stats.quotes import quote_step
from engine.stats.unitroot import FIXED
from tests.engine.stats.worlds import ar1, walk


def test_the_mid_is_unknown_until_both_sides_have_traded() -> None:
    assert_array_equal(trade_side_mid([100.0, 99.0, 101.0], [True, True, False]), [np.nan, np.nan, 100.0])


def test_a_print_through_a_stale_quote_moves_it() -> None:
    bid, ask = trade_side_quotes([100.0, 102.0, 99.0, 103.0, 104.0], [True, False, False, True, True])
    assert_array_equal(bid, [100.0, 100.0, 99.0, 103.0, 104.0])
    assert_array_equal(ask, [np.nan, 102.0, 99.0, 103.0, 104.0])
    assert np.all(ask[1:] >= bid[1:])
    assert_array_equal(trade_side_mid([100.0, 102.0, 99.0], [True, False, False]), [np.nan, 101.0, 99.5])


def test_a_step_is_the_array_form() -> None:
    rng = np.random.default_rng(1)
    price, sold = 100 + walk(rng, 200), rng.random(200) < 0.5
    bid, ask = trade_side_quotes(price, sold)
    state = (np.nan, np.nan)
    for i in range(200):
        state = quote_step(*state, price[i], bool(sold[i]), True)
        assert_array_equal(state, (bid[i], ask[i]))


def tape(rng: np.random.Generator, seconds: int, h: float, rate: int = 5) -> tuple[Floats, Floats, Floats]:
    """(last prints, trade-side mids, true mids) of each second: ``rate`` trades a second, price = mid + h x side."""
    mid = walk(rng, seconds * rate) / np.sqrt(rate)
    sold = rng.random(mid.size) < 0.5
    price = 1000 + mid + np.where(sold, -h, h)
    ends = slice(rate - 1, None, rate)
    return price[ends], trade_side_mid(price, sold)[ends], 1000 + mid[ends]


@pytest.mark.parametrize(("h", "on_prints"), [(1, 0.19), (2, 0.58), (4, 0.93)])
def test_trap_4_bounce_looks_like_reversion_on_prints_and_not_on_the_mid(h: float, on_prints: float) -> None:
    rng = np.random.default_rng(h)
    rejected = np.zeros(2)
    for _ in range(300):
        one, two = tape(rng, 310, h), tape(rng, 310, h)
        for i in range(2):
            tau = engle_granger_kernel(one[i][10:], two[i][10:], FIXED, 1)[0]
            rejected[i] += tau < eg_critical(1, 300)
    assert rejected[0] / 300 == pytest.approx(on_prints, abs=0.08)
    assert rejected[1] / 300 <= 0.09


def test_roll_finds_the_half_spread_of_a_bouncing_tape() -> None:
    prints, _, true = tape(np.random.default_rng(2), 40_000, 2.0, rate=1)
    assert roll_half_spread(prints) == pytest.approx(2.0, rel=0.05)
    assert np.isnan(roll_half_spread(np.cumsum(np.arange(50.0))))  # a trend has no bounce to be seen
    assert np.isnan(roll_half_spread(true)) or roll_half_spread(true) < 0.2


def test_the_effective_half_spread_is_in_basis_points() -> None:
    price = np.resize([99.9, 100.1], 100)
    assert half_spread_bps(price, np.resize([True, False], 100)) == pytest.approx(10.0)
    assert np.isnan(half_spread_bps([100.0, 101.0], [True, True]))


def test_sides_are_true_or_false() -> None:
    assert_array_equal(trade_side_mid([1.0, 3.0], [1, 0]), [np.nan, 2.0])
    for bad in ([None, True], [2, 0], [0.0, 1.0], [[True, False]]):
        with pytest.raises(ValueError, match="expected 1-D true or false for every trade"):
            trade_side_mid([1.0, 3.0], bad)
    with pytest.raises(ValueError, match="price has 2 values and buyer_is_maker has 1; expected equal lengths"):
        trade_side_mid([1.0, 3.0], [True])


def test_the_bounce_meter_tells_a_bouncing_walk_from_a_reverting_spread() -> None:
    rng = np.random.default_rng(3)
    walks, spreads = [], []
    for _ in range(100):
        one, two = tape(rng, 410, 2.0), tape(rng, 410, 2.0)
        line = ols(one[0][10:], two[0][10:])
        walks.append(bounce(*(a[10:] - line.alpha - line.beta * b[10:] for a, b in zip(one[:2], two[:2], strict=True))))
        mid = ar1(rng, 400, 10, sd=3.0)
        spreads.append(bounce(mid + 0.3 * np.sign(rng.standard_normal(400)), mid))
    assert np.mean([each.is_bounce for each in walks]) > 0.9
    assert not any(each.is_bounce for each in spreads)
    assert all(each.is_bounce == (each.ratio > 3.0) for each in (*walks, *spreads))
    assert np.median([each.change_share for each in walks]) > 0.6
    assert np.median([each.level_share for each in spreads]) < 0.05
    assert np.median([each.half_life_prints for each in walks]) < np.nanmedian([each.half_life_mid for each in walks])


def test_a_spread_that_truly_reverts_is_not_called_bounce_because_its_prints_bounce_as_well() -> None:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(100):
        mid = ar1(rng, 400, 10, sd=3.0)
        found.append(bounce(mid + np.sign(rng.standard_normal(400)), mid))
    assert np.median([each.ratio for each in found]) == pytest.approx(2.5, abs=0.3)
    assert np.mean([each.is_bounce for each in found]) < 0.1


def test_the_badge_is_a_ratio_above_three() -> None:
    rng = np.random.default_rng(5)
    alternating = np.resize([1.0, -1.0], 60) + 1e-3 * rng.standard_normal(60)
    nothing = bounce(alternating, alternating)  # phi is negative: nothing to time
    assert np.isnan(nothing.ratio) and not nothing.is_bounce
    only_prints = bounce(ar1(rng, 200, 3.0), np.exp(np.linspace(0.0, 5.0, 200)))
    assert only_prints.ratio == np.inf and only_prints.is_bounce


def test_a_bounce_without_movement_is_unknown() -> None:
    found = bounce(np.full(40, 1.0), np.full(40, 1.0))
    assert np.isnan([found.level_share, found.change_share, found.half_life_prints]).all() and not found.is_bounce
