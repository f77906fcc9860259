from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from engine.stats import liquidity, volume_profile, volume_ratio, vwap
from tests.engine.stats.worlds import LEVELS, examples, walk


@examples
@given(seed=st.integers(0, 1000), level=st.sampled_from(LEVELS), window=st.integers(2, 30))
def test_vwap_equals_the_batch_formula_on_every_window(seed: int, level: float, window: int) -> None:
    rng = np.random.default_rng(seed)
    price, quantity = level * (1 + 1e-4 * walk(rng, 80)), rng.exponential(1.0, 80) * (rng.random(80) < 0.7)
    running, rolling = vwap(price, quantity), vwap(price, quantity, window=window)
    for t in range(80):
        for found, part in ((running[t], slice(0, t + 1)), (rolling[t], slice(t + 1 - window, t + 1))):
            if part.start < 0 or quantity[part].sum() == 0:
                assert np.isnan(found)
            else:
                assert found == pytest.approx(np.average(price[part], weights=quantity[part]), rel=1e-10)


def test_without_volume_there_is_no_vwap() -> None:
    assert_array_equal(vwap([5.0, 6.0, 7.0], [0.0, 0.0, 2.0]), [np.nan, np.nan, 7.0])
    assert_array_equal(vwap([5.0, 6.0, 7.0, 8.0], [9.0, 0.0, 0.0, 1.0], window=2), [np.nan, 5.0, np.nan, 8.0])


def test_the_profile_holds_all_the_volume_and_its_value_area_most() -> None:
    rng = np.random.default_rng(1)
    price, quantity = 100 + rng.standard_normal(20_000), rng.exponential(1.0, 20_000)
    found = volume_profile(price, quantity, bins=40)
    assert found.volume.sum() == pytest.approx(quantity.sum())
    assert found.edges[0] == price.min() and found.edges[-1] == price.max()
    assert found.point_of_control == pytest.approx(100, abs=0.5)
    inside = quantity[(price >= found.low) & (price <= found.high)].sum() / quantity.sum()
    assert 0.70 <= inside < 0.80
    assert (found.low, found.high) == (pytest.approx(99, abs=0.3), pytest.approx(101, abs=0.3))


def test_a_profile_needs_volume_at_different_prices() -> None:
    for price, quantity in (([5.0, 5.0], [1.0, 1.0]), ([5.0, 6.0], [0.0, 0.0])):
        with pytest.raises(ValueError, match="expected volume at different prices"):
            volume_profile(price, quantity)


def test_one_spike_does_not_hide_the_next() -> None:
    volume = np.ones(30)
    volume[[15, 20]] = 50.0
    found = volume_ratio(volume, 10)
    assert np.isnan(found[:10]).all()
    assert np.flatnonzero(found > 5).tolist() == [15, 20]
    assert np.isnan(volume_ratio(np.zeros(12), 10)).all()


def test_liquidity_counts_the_bars_that_traded() -> None:
    close = np.array([100.0, 101.0, 101.0, 100.0, 100.0])
    found = liquidity(close, [1e6, 2e6, 0.0, 1e6, 1e6])
    assert (found.quote_volume, found.traded_share, found.moved_share) == (1e6, 0.8, 0.5)
    assert found.amihud_bps == pytest.approx(np.median([1e4 * np.log(1.01) / 2, 1e4 * np.log(1.01), 0.0]))
    assert not found.passes(min_quote_volume=1e6) and found.passes(min_quote_volume=1e6, min_traded_share=0.8)
    assert np.isnan(liquidity(close, np.zeros(5)).amihud_bps)


def test_negative_volume_is_refused() -> None:
    for refused, name in ((vwap, "quantity"), (volume_profile, "quantity"), (liquidity, "quote_volume")):
        with pytest.raises(ValueError, match=rf"^{name}\[1\] is -1\.0; expected 0 or more"):
            refused([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(ValueError, match=r"volume\[0\] is -2\.0; expected 0 or more"):
        volume_ratio([-2.0, 1.0], 1)
    with pytest.raises(ValueError, match=r"2 closes, the lowest 0\.0; expected at least 2, all above 0"):
        liquidity([1.0, 0.0], [1.0, 1.0])


def test_rolling_vwap_does_not_depend_on_where_the_run_began() -> None:
    rng = np.random.default_rng(2)
    price, quantity = 100 + walk(rng, 100), rng.exponential(1.0, 100)
    whole, late = vwap(price, quantity, window=12), vwap(price[17:], quantity[17:], window=12, first_index=17)
    assert_array_equal(whole[17 + 11 :], late[11:])
    assert_allclose(whole[-1], np.average(price[-12:], weights=quantity[-12:]))
