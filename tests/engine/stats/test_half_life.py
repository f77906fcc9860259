from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.api import OLS, add_constant

from engine.stats import half_life, ols
from engine.stats.half_life import NULL_RESIDUAL_5, ar1_kernel, half_life_kernel, kendall
from tests.engine.stats.worlds import ar1, examples, walk


def test_phi_equals_statsmodels() -> None:
    values = ar1(np.random.default_rng(1), 400, 20)
    fit = OLS(values[1:], add_constant(values[:-1])).fit()
    c, phi, rss = ar1_kernel(values)
    assert (c, phi, rss) == pytest.approx((fit.params[0], fit.params[1], fit.ssr), rel=1e-9)
    assert half_life(values).raw_bars == pytest.approx(-np.log(2) / np.log(fit.params[1]), rel=1e-9)
    assert half_life(values).bars == pytest.approx(-np.log(2) / np.log(phi + (1 + 3 * phi) / 400), rel=1e-9)


@pytest.mark.parametrize("true", [5, 20, 50])
def test_kendalls_correction_removes_most_of_the_bias(true: float) -> None:
    rng = np.random.default_rng(int(true))
    raw = np.array([ar1_kernel(ar1(rng, 200, true))[1] for _ in range(2000)])
    phi = 2 ** (-1 / true)
    assert raw.mean() < phi - 0.005
    assert abs(kendall(raw, 200).mean() - phi) < 0.25 * abs(raw.mean() - phi)


@pytest.mark.parametrize("n", [200, 500, 1000])
def test_a_random_walk_shows_its_null(n: int) -> None:
    rng = np.random.default_rng(n)
    raw = [half_life_kernel(walk(rng, n))[1] for _ in range(3000)]
    median = np.median(np.where(np.isnan(raw), np.inf, raw))  # phi >= 1 is slower than any
    assert median / n == pytest.approx(0.153, abs=0.012)
    assert half_life(walk(rng, n), resamples=0).null_median == pytest.approx(0.153 * n)


def test_a_regression_residual_shows_a_shorter_null() -> None:
    rng, n = np.random.default_rng(3), 500
    raw = [half_life_kernel(ols(walk(rng, n), walk(rng, n)).residuals)[1] for _ in range(3000)]
    assert np.median(np.where(np.isnan(raw), np.inf, raw)) / n == pytest.approx(0.087, abs=0.006)
    assert half_life(walk(rng, n), residual=True, resamples=0).null_median == pytest.approx(0.087 * n)


@pytest.mark.parametrize("n", [100, 200, 500, 2000])
def test_one_residual_of_noise_in_twenty_shows_less_than_its_quantile(n: int) -> None:
    rng = np.random.default_rng(n + 1)
    raw = [half_life_kernel(ols(walk(rng, n), walk(rng, n)).residuals)[1] for _ in range(3000)]
    assert np.mean(np.array(raw) < NULL_RESIDUAL_5 * n) == pytest.approx(0.05, abs=0.012)


def test_the_interval_covers_the_truth() -> None:
    rng, covered = np.random.default_rng(4), 0
    for _ in range(200):
        found = half_life(ar1(rng, 300, 15), resamples=199)
        covered += found.low <= 15 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_the_interval_is_open_where_a_walk_cannot_be_excluded() -> None:
    found = half_life(walk(np.random.default_rng(5), 300))
    assert found.high == np.inf and found.low > 0


def test_the_same_series_gives_the_same_interval() -> None:
    values = ar1(np.random.default_rng(6), 200, 10)
    assert half_life(values) == half_life(values)
    assert half_life(values).low < half_life(values).bars < half_life(values).high


@examples
@given(seed=st.integers(0, 10_000), level=st.sampled_from([1e-6, 1.0, 6e4, 1e8]))
def test_the_level_and_unit_of_the_series_do_not_matter(seed: int, level: float) -> None:
    values = ar1(np.random.default_rng(seed), 200, 10)
    moved = half_life(level * (1 + 1e-3 * values), resamples=0)
    assert moved.phi == pytest.approx(half_life(values, resamples=0).phi, rel=1e-6)


def test_where_nothing_reverts_the_half_life_is_unknown() -> None:
    for values in (np.full(30, 5.0), np.arange(30.0), np.resize([1.0, -1.0], 30)):
        found = half_life(values)
        assert np.isnan(found.bars) and np.isnan(found.raw_bars)
    with pytest.raises(ValueError, match="series has 9 values; expected at least 10"):
        half_life(np.arange(9.0))
