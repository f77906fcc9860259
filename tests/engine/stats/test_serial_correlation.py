from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.api import OLS, add_constant
from statsmodels.tsa.arima_process import arma_acovf

from engine.stats import ols
from engine.stats.checks import Floats
from engine.stats.serial_correlation import (
    corrected_phi,
    half_lives_of,
    line_variances,
    long_run_variance,
    residual_ar1,
    weighted_variance,
)
from tests.engine.stats.worlds import ar1, examples, log_prices, walk


def covariance(n: int, phi: float, s2: float) -> Floats:
    """Of n values of an AR(1), from statsmodels."""
    own = arma_acovf([1.0, -phi], [1.0], nobs=n, sigma2=s2)
    return own[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))]


@examples
@given(seed=st.integers(0, 10_000), phi=st.floats(-0.95, 0.995), n=st.integers(2, 120))
def test_the_one_pass_is_the_quadratic_form(seed: int, phi: float, n: int) -> None:
    weights = np.random.default_rng(seed).standard_normal(n)
    expected = weights @ covariance(n, phi, 0.7) @ weights
    assert weighted_variance(weights, phi, 0.7) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("phi", [-0.4, 0.0, 0.5, 0.97, 0.998])
def test_the_variance_of_a_line_is_the_sandwich(phi: float) -> None:
    """(X'X)^-1 X' G X (X'X)^-1 with statsmodels' covariance G; x far from 0, as log prices are."""
    _, x = log_prices(np.random.default_rng(1), 300)
    table = add_constant(x - x[0])
    bread = np.linalg.inv(table.T @ table)
    sandwich = bread @ table.T @ covariance(300, phi, 2.0) @ table @ bread
    turn = np.array([[1.0, -x[0]], [0.0, 1.0]])  # alpha of x as it is
    found = line_variances(x, phi, 2.0)
    assert found == pytest.approx(tuple(np.diag(turn @ sandwich @ turn.T)), rel=1e-8)


@pytest.mark.parametrize("n", [30, 300, 3000])
def test_of_white_noise_the_errors_are_those_of_statsmodels(n: int) -> None:
    rng = np.random.default_rng(n)
    x = 3.0 + walk(rng, n)
    fit = OLS(x + rng.standard_normal(n), add_constant(x)).fit()
    assert np.sqrt(line_variances(x, 0.0, fit.scale)) == pytest.approx(fit.bse, rel=1e-8)


@pytest.mark.parametrize("legs", [1, 3])
def test_the_ar1_of_a_residual_equals_statsmodels_before_its_correction(legs: int) -> None:
    residual = ar1(np.random.default_rng(2), 400, 20.0)
    fit = OLS(residual[1:], add_constant(residual[:-1])).fit()
    raw, phi, s2 = residual_ar1(residual, legs)
    assert (raw, s2) == pytest.approx((fit.params[1], fit.ssr / (398 - legs)), rel=1e-9)
    assert phi == pytest.approx(raw + (1 + legs) * (1 + 3 * raw) / 400, rel=1e-12)


@pytest.mark.parametrize(("n", "half_life"), [(500, 10.0), (500, 20.0), (2000, 60.0)])
def test_the_doubled_correction_takes_out_the_bias_of_a_line_s_residual(n: int, half_life: float) -> None:
    rng, phi = np.random.default_rng(n), 2.0 ** (-1.0 / half_life)
    found = []
    for _ in range(1_500):
        x = walk(rng, n)
        found.append(residual_ar1(ols(x + ar1(rng, n, half_life, 3.0), x).residuals, 1)[:2])
    raw, corrected = np.mean(found, axis=0) - phi
    once = raw + (1 + 3 * phi) / n
    assert raw < once < 0.0 and abs(corrected) < 0.35 * abs(raw) and abs(corrected) < abs(once)


def test_phi_is_bounded_so_that_every_variance_is_finite() -> None:
    for phi in (0.999, 1.0, 1.2):
        bounded = corrected_phi(phi, 500.0, 1.0)
        assert half_lives_of(500, bounded) == pytest.approx((500.0, 1.0))
    assert corrected_phi(-1.0, 500.0, 1.0) > -1.0
    half_life, half_lives = half_lives_of(500, -0.2)
    assert np.isnan(half_life) and half_lives == np.inf


def test_a_slope_s_variance_stays_finite_as_the_spread_becomes_a_walk() -> None:
    """Of levels that walk only the distances from their mean count: the limit is that of a random walk."""
    x = walk(np.random.default_rng(3), 200)
    slope = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    walks = np.minimum.outer(np.arange(1.0, 201.0), np.arange(1.0, 201.0))
    assert line_variances(x, 1.0 - 1e-7, 1.0)[1] == pytest.approx(slope @ walks @ slope, rel=1e-4)


def test_the_long_run_variance_is_the_own_one_inflated() -> None:
    for phi in (-0.3, 0.0, 0.9):
        assert long_run_variance(phi, 2.0) == pytest.approx(2.0 / (1 - phi**2) * (1 + phi) / (1 - phi))
    mean = np.full(100_000, 1e-5)
    assert weighted_variance(mean, 0.9, 1.0) * 100_000 == pytest.approx(long_run_variance(0.9, 1.0), rel=1e-3)
