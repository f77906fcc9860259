from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from statsmodels.api import OLS, add_constant

from engine.stats import multiple_ols, ols, tls
from tests.engine.stats.worlds import LEVELS, examples, log_prices, walk

seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("n", [20, 200, 2000])
def test_ols_equals_statsmodels(n: int) -> None:
    y, x = log_prices(np.random.default_rng(n), n)
    ours, theirs = ols(y, x), OLS(y, add_constant(x - x[0])).fit()  # it loses digits to the level that ours does not
    assert_allclose((ours.alpha + x[0] * ours.beta, ours.beta), theirs.params, rtol=1e-8)
    assert_allclose(ours.residuals, theirs.resid, rtol=1e-8, atol=1e-12)


@examples
@given(seed=seeds, level=st.sampled_from(LEVELS), order=st.randoms(use_true_random=False))
def test_the_order_of_the_bars_does_not_matter(seed: int, level: float, order: object) -> None:
    rng = np.random.default_rng(seed)
    y, x = level * (1 + 1e-3 * walk(rng, 60)), level * (1 + 1e-3 * walk(rng, 60))
    shuffled = rng.permutation(60)
    assert ols(y[shuffled], x[shuffled]).beta == pytest.approx(ols(y, x).beta, rel=1e-9)


@examples
@given(seed=seeds, level=st.sampled_from(LEVELS))
def test_residuals_are_at_right_angles_to_x(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    y, x = level * (1 + 1e-3 * walk(rng, 60)), level * (1 + 1e-3 * walk(rng, 60))
    residuals = ols(y, x).residuals / level
    assert abs(residuals.mean()) < 1e-12
    assert abs(residuals @ (x / level - x.mean() / level)) < 1e-12


@examples
@given(seed=seeds)
def test_swapping_the_legs_of_tls_inverts_its_slope(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = walk(rng, 80), walk(rng, 80)
    assert tls(y, x).beta * tls(x, y).beta == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(("y_scale", "x_scale"), [(1.0, 1.0), (30.0, 1.0), (1.0, 30.0)])
def test_tls_is_the_first_principal_axis(y_scale: float, x_scale: float) -> None:
    rng = np.random.default_rng(2)
    x = walk(rng, 300)
    y, x = y_scale * (x + rng.standard_normal(300)), x_scale * x
    axis = np.linalg.svd(np.stack([x - x.mean(), y - y.mean()], axis=1), full_matrices=False)[2][0]
    line = tls(y, x)
    assert line.beta == pytest.approx(axis[1] / axis[0], rel=1e-9)
    assert line.alpha == pytest.approx(y.mean() - line.beta * x.mean(), rel=1e-9)
    assert_allclose(line.residuals, y - line.alpha - line.beta * x, rtol=1e-9, atol=1e-9)


def test_tls_refuses_a_cloud_without_a_direction() -> None:
    with pytest.raises(ValueError, match="no single line fits best"):
        tls([1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0])
    with pytest.raises(ValueError, match="no single line fits best"):
        tls([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])  # vertical
    assert tls([5.0, 5.0, 5.0], [1.0, 2.0, 3.0]).beta == 0.0


@pytest.mark.parametrize("legs", [1, 2, 5, 11])
def test_multiple_ols_equals_statsmodels(legs: int) -> None:
    rng = np.random.default_rng(legs)
    columns = [walk(rng, 300) for _ in range(legs)]
    y = sum(columns) + walk(rng, 300)
    ours, theirs = (
        multiple_ols(6e4 + y, [6e4 + c for c in columns]),
        OLS(y, add_constant(np.stack(columns, axis=1))).fit(),
    )
    assert_allclose(ours.betas, theirs.params[1:], rtol=1e-8)
    assert ours.alpha == pytest.approx(theirs.params[0] + 6e4 * (1 - ours.betas.sum()), rel=1e-8)
    assert_allclose(ours.residuals, theirs.resid, rtol=1e-8, atol=1e-8)


def test_one_leg_of_multiple_ols_is_ols() -> None:
    y, x = log_prices(np.random.default_rng(9), 100)
    plane, line = multiple_ols(y, [x]), ols(y, x)
    assert (plane.betas[0], plane.alpha) == pytest.approx((line.beta, line.alpha), rel=1e-12)


def test_dependent_legs_are_refused() -> None:
    rng = np.random.default_rng(1)
    a, b, y = walk(rng, 50), walk(rng, 50), walk(rng, 50)
    for columns in ([a, a], [a, b, a + b], [a, np.full(50, 3.0)]):
        with pytest.raises(ValueError, match="expected independent legs"):
            multiple_ols(y, columns)
    with pytest.raises(ValueError, match="3 bars for 2 legs and a constant; expected more bars than 3"):
        multiple_ols(y[:3], [a[:3], b[:3]])
