from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.linalg import toeplitz

from engine.stats import hurst
from engine.stats.hurst import SCATTER, hurst_kernel
from tests.engine.stats.worlds import ar1, walk


def test_the_mean_over_200_random_walks_is_one_half() -> None:
    found = [float(hurst(walk(np.random.default_rng(seed), 500))) for seed in range(200)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.01)
    assert np.std(found) == pytest.approx(SCATTER / np.sqrt(500), rel=0.15)


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_the_interval_holds_one_half_on_most_walks(n: int) -> None:
    rng = np.random.default_rng(n)
    found = [hurst(walk(rng, n)) for _ in range(300)]
    assert np.mean([each.low <= 0.5 <= each.high for each in found]) == pytest.approx(0.95, abs=0.035)


def test_a_reverting_spread_is_below_and_a_trend_above() -> None:
    rng = np.random.default_rng(1)
    assert hurst(ar1(rng, 2000, 5)).high < 0.5
    assert hurst(np.arange(300.0)).exponent == pytest.approx(1.0)
    assert hurst(rng.standard_normal(2000)).exponent == pytest.approx(0.0, abs=0.05)


def test_it_is_clamped() -> None:
    ramp = np.clip(np.arange(300.0) - 100, 0, 100)  # all of its movement is in the middle
    assert hurst_kernel(ramp) > 1.0 and hurst(ramp).exponent == 1.0
    assert hurst(np.random.default_rng(2).standard_normal(100)).low == 0.0


def test_the_slope_is_that_of_numpys_sums() -> None:
    for n in (100, 103, 1_440):
        values = walk(np.random.default_rng(n), n)
        moves = [np.abs(values[k:] - values[:-k]).mean() for k in range(1, 51)]
        assert hurst_kernel(values) == pytest.approx(
            np.polyfit(np.log(np.arange(1, 51)), np.log(moves), 1)[0], rel=1e-9
        )


def test_level_and_unit_do_not_matter() -> None:
    values = walk(np.random.default_rng(3), 300)
    assert hurst(1e8 + 1e3 * values).exponent == pytest.approx(hurst(values).exponent, rel=1e-9)


def test_a_series_that_does_not_move_has_none() -> None:
    assert np.isnan(float(hurst(np.full(100, 3.0))))
    with pytest.raises(ValueError, match="series has 99 values; expected at least 100"):
        hurst(np.arange(99.0))


@cache
def noise_factor(exponent: float, bars: int = 500) -> np.ndarray:
    """Of the autocovariance of fractional Gaussian noise."""
    at = np.arange(float(bars))
    covariance = (np.abs(at + 1) ** (2 * exponent) - 2 * at ** (2 * exponent) + np.abs(at - 1) ** (2 * exponent)) / 2
    return np.linalg.cholesky(toeplitz(covariance))


def fractional(seed: int, exponent: float) -> np.ndarray:
    """Fractional Brownian motion."""
    factor = noise_factor(exponent)
    return np.cumsum(factor @ np.random.default_rng(seed).standard_normal(len(factor)))


@pytest.mark.parametrize(("exponent", "covered"), [(0.3, 0.99), (0.5, 0.97), (0.7, 0.92), (0.9, 0.90)])
def test_the_interval_covers_less_above_a_half(exponent: float, covered: float) -> None:
    """It is a walk's: too wide for a series that reverts, too narrow for one that trends."""
    found = [hurst(fractional(seed, exponent)) for seed in range(300)]
    assert np.mean([each.low <= exponent <= each.high for each in found]) == pytest.approx(covered, abs=0.02)
