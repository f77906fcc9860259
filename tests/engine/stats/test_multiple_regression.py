from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from statsmodels.api import OLS, add_constant
from statsmodels.tsa.adfvalues import mackinnoncrit
from statsmodels.tsa.arima_process import arma_acovf

from engine.stats import engle_granger, hedge_interval, johansen, multiple_regression
from engine.stats.checks import Floats
from engine.stats.mackinnon import critical_values
from engine.stats.serial_correlation import residual_ar1
from tests.engine.stats.worlds import ar1, examples, log_prices, walk

# Mean over the legs of the share of 2,000 intervals that hold beta, by legs, bars, half-life.
COVERS = {
    (1, 500, 20.0): 0.934, (2, 500, 20.0): 0.949, (3, 500, 20.0): 0.964, (5, 500, 20.0): 0.966,
    (1, 2000, 60.0): 0.946, (2, 2000, 60.0): 0.949, (3, 2000, 60.0): 0.957, (5, 2000, 60.0): 0.972,
}  # fmt: skip


def basket(rng: np.random.Generator, n: int, legs: int, half_life: float) -> tuple[Floats, Floats]:
    """y = the sum of the legs, which are walks, + AR(1) with a deviation of 3."""
    table = np.stack([walk(rng, n) for _ in range(legs)], axis=1)
    return table.sum(axis=1) + ar1(rng, n, half_life, 3.0), table


@pytest.mark.parametrize("legs", [1, 2, 5])
def test_betas_and_errors_equal_the_sandwich_on_statsmodels_covariance(legs: int) -> None:
    y, table = basket(np.random.default_rng(legs), 300, legs, 10.0)
    found = multiple_regression(11.0 + 1e-3 * y, 11.0 + 1e-3 * table)
    design = add_constant(1e-3 * table)
    fit = OLS(1e-3 * y, design).fit()
    _, phi, s2 = residual_ar1(fit.resid, legs)
    own = arma_acovf([1.0, -phi], [1.0], nobs=300, sigma2=s2)
    covariance = own[np.abs(np.subtract.outer(np.arange(300), np.arange(300)))]
    bread = np.linalg.inv(design.T @ design)
    errors = np.sqrt(np.diag(bread @ design.T @ covariance @ design @ bread))[1:]
    assert_allclose(found.betas, fit.params[1:], rtol=1e-8)
    assert_allclose(found.errors, errors, rtol=1e-8)
    assert_allclose(found.t_values, found.betas / errors, rtol=1e-8)
    assert_allclose(found.high - found.low, 2 * 1.959964 * errors, rtol=1e-6)
    assert found.phi == pytest.approx(phi, rel=1e-8)


def test_one_leg_is_the_interval_and_the_test_of_a_pair() -> None:
    y, x = log_prices(np.random.default_rng(1), 400, 20.0)
    found, pair, test = multiple_regression(y, [x]), hedge_interval(y, x), engle_granger(y, x)
    assert (found.betas[0], found.errors[0], found.alpha) == pytest.approx(
        (pair.beta, pair.beta_error, pair.alpha), rel=1e-9
    )
    assert (found.low[0], found.high[0]) == pytest.approx((pair.low, pair.high), rel=1e-9)
    assert (found.phi, found.half_lives) == pytest.approx((pair.phi, pair.half_lives), rel=1e-9)
    assert found.is_window_long_enough is pair.is_window_long_enough
    assert (found.statistic, found.lags) == (pytest.approx(test.statistic, rel=1e-9), test.lags)
    assert found.critical == test.critical


@pytest.mark.parametrize("legs", [2, 3, 4, 5])
@pytest.mark.parametrize("n", [50, 200, 1000])
def test_critical_values_of_more_legs_equal_statsmodels(legs: int, n: int) -> None:
    expected = mackinnoncrit(N=legs + 1, regression="c", nobs=n)
    assert_allclose([critical_values(legs + 1, n)[level] for level in (1, 5, 10)], expected, rtol=1e-9)


@pytest.mark.parametrize("legs", [1, 2, 3, 5])
def test_on_unrelated_walks_the_test_has_its_size(legs: int) -> None:
    rng = np.random.default_rng(legs)
    found = 0
    for _ in range(1_500):
        table = np.cumsum(rng.standard_normal((200, legs)), axis=0)
        each = multiple_regression(walk(rng, 200), table)
        found += each.statistic < each.critical[5]
    assert found / 1_500 == pytest.approx(0.05, abs=0.02)


def coverage(legs: int, n: int, half_life: float, draws: int) -> Floats:
    """Of the 95 % intervals, by leg; more draws begin with the same ones."""
    rng = np.random.default_rng(10 * legs + n)
    found = [multiple_regression(*basket(rng, n, legs, half_life), 1) for _ in range(draws)]
    return np.mean([(each.low <= 1.0) & (each.high >= 1.0) for each in found], axis=0)


@pytest.mark.parametrize("legs", [1, 2, 3, 5])
def test_95_percent_intervals_cover_every_beta(legs: int) -> None:
    assert coverage(legs, 500, 20.0, 300).min() >= 0.90


@pytest.mark.soak
@pytest.mark.parametrize(("legs", "n", "half_life"), COVERS)
def test_intervals_of_several_legs_in_the_long_form(legs: int, n: int, half_life: float) -> None:
    found = coverage(legs, n, half_life, 2_000)
    assert found.min() >= 0.90
    assert found.mean() == pytest.approx(COVERS[legs, n, half_life], abs=0.005)


def test_the_trap_a_leg_that_has_nothing_to_do_with_it() -> None:
    """Of a true relation a further walk has a beta within two errors of 0; of none, any leg may not."""
    rng = np.random.default_rng(2)
    beside, alone = [], []
    for _ in range(200):
        y, table = basket(rng, 1_000, 1, 10.0)
        found = multiple_regression(y, [table[:, 0], walk(rng, 1_000)])
        beside.append(abs(found.t_values[1]) > 1.96)
        alone.append(multiple_regression(walk(rng, 1_000), table).statistic)
    assert np.mean(beside) < 0.10
    assert np.mean(np.array(alone) < critical_values(2, 1_000)[5]) < 0.10


def test_johansen_s_weights_are_the_same_relation() -> None:
    y, table = basket(np.random.default_rng(3), 2_000, 3, 5.0)
    found = multiple_regression(y, table)
    assert_allclose(found.johansen_weights, 1.0, atol=0.1)
    assert_allclose(found.betas, 1.0, atol=0.1)
    system = johansen(np.column_stack([y, table]))
    assert found.johansen_rank == system.rank >= 1
    vector = system.eigenvectors[:, 0]
    assert_allclose(found.johansen_weights, -vector[1:] / vector[0], rtol=1e-9)
    vector = johansen(np.column_stack([y, table]), 3).eigenvectors[:, 0]
    assert_allclose(multiple_regression(y, table, johansen_lags=3).johansen_weights, -vector[1:] / vector[0])


@examples
@given(seed=st.integers(0, 10_000), unit=st.floats(1e-3, 1e3), legs=st.integers(2, 4))
def test_units_scale_and_the_order_of_the_legs_does_not_matter(seed: int, unit: float, legs: int) -> None:
    rng = np.random.default_rng(seed)
    y, table = basket(rng, 80, legs, 4.0)
    one, other = multiple_regression(y, table, 1), multiple_regression(unit * y, table, 1)
    for name in ("betas", "errors", "low", "high", "johansen_weights"):
        assert_allclose(getattr(other, name), unit * getattr(one, name), rtol=1e-6, atol=1e-8 * unit)
    assert (other.statistic, other.phi) == pytest.approx((one.statistic, one.phi), rel=1e-6)
    order = rng.permutation(legs)
    turned = multiple_regression(y, table[:, order], 1)
    for name in ("betas", "errors", "johansen_weights"):
        assert_allclose(getattr(turned, name), getattr(one, name)[order], rtol=1e-6, atol=1e-9)


def test_what_cannot_be_estimated_is_refused_by_name() -> None:
    y, table = basket(np.random.default_rng(4), 60, 5, 4.0)
    for arguments, message in (
        ((y, np.hstack([table, table])), "10 legs; expected 1 to 5"),
        ((y, []), "expected at least 30"),
        ((y[:29], table[:29]), "y has 29 values; expected at least 30"),
        ((y, table[:50]), "y has 60 values and columns has 50"),
        ((y, [table[:, 0], table[:, 0]]), "the 2 legs are constant or combinations of each other"),
        ((table.sum(axis=1), table), "y is a combination of the legs"),
        ((y, table, "hqic"), "lags is 'hqic'"),
    ):
        with pytest.raises(ValueError, match=message):
            multiple_regression(*arguments)
