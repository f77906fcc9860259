from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from statsmodels.api import OLS, add_constant
from statsmodels.regression.rolling import RollingOLS

from engine.stats import rolling_correlation, rolling_moments, rolling_ols, zscore
from engine.stats.windows import line_of, spread_moments, window_new, window_push
from tests.engine.stats.worlds import LEVELS, examples, log_prices, walk

windows = st.integers(3, 40)
seeds = st.integers(0, 10_000)


@examples
@given(seed=seeds, window=windows, level=st.sampled_from(LEVELS))
def test_moments_equal_the_batch_formula_on_every_window(seed: int, window: int, level: float) -> None:
    values = level * (1 + 1e-5 * walk(np.random.default_rng(seed), 120))
    mean, deviation = rolling_moments(values, window)
    each = np.lib.stride_tricks.sliding_window_view(values, window)
    assert np.isnan(mean[: window - 1]).all() and np.isnan(deviation[: window - 1]).all()
    assert_allclose(mean[window - 1 :], each.mean(axis=1), rtol=1e-14)
    shifted = each - each[:, :1]  # the batch formula itself, without its loss to the level
    assert_allclose(deviation[window - 1 :], shifted.std(axis=1, ddof=1), rtol=1e-9)


@examples
@given(seed=seeds, window=windows, first=st.integers(0, 10**9), cut=st.integers(0, 100))
def test_the_bits_do_not_depend_on_where_the_run_began(seed: int, window: int, first: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = walk(rng, 200), walk(rng, 200)
    whole, late = (
        rolling_ols(y, x, window, first_index=first),
        rolling_ols(y[cut:], x[cut:], window, first_index=first + cut),
    )
    for full, part in ((whole.alpha, late.alpha), (whole.beta, late.beta), (whole.error_variance, late.error_variance)):
        assert_array_equal(full[cut + window - 1 :], part[window - 1 :])
    assert_array_equal(
        rolling_correlation(y, x, window, first_index=first)[cut + window - 1 :],
        rolling_correlation(y[cut:], x[cut:], window, first_index=first + cut)[window - 1 :],
    )
    assert_array_equal(
        zscore(y, window, first_index=first)[cut + window :], zscore(y[cut:], window, first_index=first + cut)[window:]
    )


@examples
@given(seed=seeds, window=windows, keep=st.integers(50, 150))
def test_what_comes_later_changes_nothing_before(seed: int, window: int, keep: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = walk(rng, 150), walk(rng, 150)
    assert_array_equal(rolling_ols(y, x, window).beta[:keep], rolling_ols(y[:keep], x[:keep], window).beta)
    assert_array_equal(zscore(y, window)[:keep], zscore(y[:keep], window))


@examples
@given(seed=seeds, window=st.integers(3, 20), at=st.integers(0, 79), bad=st.sampled_from([np.nan]))
def test_a_nan_spoils_the_windows_that_hold_it_and_no_other(seed: int, window: int, at: int, bad: float) -> None:
    rng = np.random.default_rng(seed)
    y, x = walk(rng, 80), walk(rng, 80)
    clean = rolling_ols(y, x, window).beta
    y[at] = bad
    holed = rolling_ols(y, x, window).beta
    touched = np.zeros(80, dtype=bool)
    touched[at : at + window] = True
    assert np.isnan(holed[touched]).all()
    assert_array_equal(holed[~touched], clean[~touched])


@pytest.mark.parametrize("window", [20, 500, 2000])
def test_rolling_ols_equals_statsmodels(window: int) -> None:
    rng = np.random.default_rng(3)
    y, x = walk(rng, 3000), walk(rng, 3000)  # not far from 0: RollingOLS loses digits to a level, ours does not
    ours, theirs = rolling_ols(y, x, window), RollingOLS(y, add_constant(x), window).fit()
    assert_allclose(ours.beta, theirs.params[:, 1], rtol=1e-8, atol=1e-8)
    assert_allclose(ours.alpha, theirs.params[:, 0], rtol=1e-8, atol=1e-8)
    assert_allclose(ours.error_variance, theirs.mse_resid, rtol=1e-8)


@pytest.mark.parametrize("level", LEVELS)
def test_rolling_ols_at_every_price_level(level: float) -> None:
    rng = np.random.default_rng(4)
    y, x = level * (1 + 1e-4 * walk(rng, 300)), level * (1 + 1e-4 * walk(rng, 300))
    ours = rolling_ols(y, x, 50)
    for t in (49, 120, 299):
        part = slice(t - 49, t + 1)
        expected = OLS((y[part] - y[t]) / level, add_constant((x[part] - x[t]) / level)).fit()
        assert ours.beta[t] == pytest.approx(expected.params[1], rel=1e-8)


def test_a_step_is_the_array_form() -> None:
    rng = np.random.default_rng(5)
    y, x = walk(rng, 90), walk(rng, 90)
    state, expected = window_new(30), rolling_ols(y, x, 30, first_index=17)
    for t in range(90):
        state = np.frombuffer(state.tobytes()).copy()  # a checkpoint between any two bars changes nothing
        _, mean_y, mean_x, _, sxy, sxx = window_push(state, 17 + t, y[t], x[t])
        assert_array_equal(line_of(mean_y, mean_x, sxy, sxx), (expected.alpha[t], expected.beta[t]))


def test_a_missing_index_starts_the_window_afresh() -> None:
    state = window_new(3)
    bars = [window_push(state, index, 1.0 * index, 2.0)[0] for index in (4, 5, 6, 7, 9, 10, 11)]
    assert bars == [1.0, 2.0, 3.0, 3.0, 1.0, 2.0, 3.0]


def test_the_spread_of_a_window_is_rebuilt_with_todays_line() -> None:
    y, x = log_prices(np.random.default_rng(6), 200)
    state = window_new(50)
    for t in range(200):
        moments = window_push(state, t, y[t], x[t])
    mean, deviation = spread_moments(*moments, 0.01, 0.93)
    spread = y[-50:] - 0.93 * x[-50:] - 0.01
    assert mean == pytest.approx(spread.mean(), rel=1e-12)
    assert deviation == pytest.approx(spread.std(ddof=1), rel=1e-10)
    assert np.isnan(spread_moments(50.0, 1.0, 1.0, 4.0, 2.0, 1.0, 0.0, 2.0)[1])  # y = 2 x moves with x alone


@pytest.mark.parametrize(("window", "share"), [(20, 0.175), (50, 0.163), (100, 0.158)])
def test_two_sigma_is_not_five_percent_on_a_random_walk(window: int, share: float) -> None:
    z = np.concatenate([zscore(walk(np.random.default_rng(seed), 20_000), window)[window:] for seed in range(5)])
    assert np.mean(np.abs(z) > 2) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(("window", "cap"), [(20, 4.25), (50, 6.93), (100, 9.90)])
def test_the_current_bar_is_not_in_its_own_window(window: int, cap: float) -> None:
    values = np.random.default_rng(7).standard_normal(window + 1)
    values[-1] = 1e6
    own = (values[1:] - values[1:].mean())[-1] / values[1:].std(ddof=1)
    assert own == pytest.approx(cap, abs=0.005)  # what including it would show, however far it is
    assert zscore(values, window)[-1] > 1e5


def test_a_window_that_does_not_move_has_no_z_and_no_line() -> None:
    flat = np.full(30, 6e4)
    assert np.isnan(zscore(flat, 10)).all()
    assert np.isnan(rolling_ols(np.arange(30.0), flat, 10).beta).all()
    assert np.isnan(rolling_correlation(np.arange(30.0), flat, 10)).all()


@examples
@given(seed=seeds, level=st.sampled_from(LEVELS), power=st.integers(-20, 20))
def test_z_does_not_change_with_the_unit(seed: int, level: float, power: int) -> None:
    values = level * (1 + 1e-5 * walk(np.random.default_rng(seed), 100))
    assert_array_equal(zscore(values, 20), zscore(values * 2.0**power, 20))


def test_rolling_correlation_equals_numpy() -> None:
    rng = np.random.default_rng(8)
    y = rng.standard_normal(300)
    x = 0.6 * y + 0.8 * rng.standard_normal(300)
    r = rolling_correlation(y, x, 60)
    for t in (59, 150, 299):
        assert r[t] == pytest.approx(np.corrcoef(y[t - 59 : t + 1], x[t - 59 : t + 1])[0, 1], rel=1e-12)
