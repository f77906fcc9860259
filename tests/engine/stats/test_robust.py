from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import theilslopes
from statsmodels.api import RLM, add_constant
from statsmodels.robust.norms import HuberT

from engine.stats import huber, ols, theil_sen
from engine.stats.robust import huber_kernel
from tests.engine.stats.worlds import LEVELS, examples, log_prices, walk


@pytest.mark.parametrize("n", [30, 200, 1440])
@pytest.mark.parametrize("noise", ["normal", "heavy", "walk"])
def test_huber_equals_statsmodels(n: int, noise: str) -> None:
    rng = np.random.default_rng(n)
    x = walk(rng, n)
    y = 0.9 * x + {"normal": rng.standard_normal(n), "heavy": rng.standard_t(2, n), "walk": walk(rng, n)}[noise]
    ours, theirs = huber(y, x), RLM(y, add_constant(x), M=HuberT()).fit()
    assert_allclose((ours.alpha, ours.beta), theirs.params, rtol=1e-6, atol=1e-6)
    assert_allclose(ours.residuals, theirs.resid, atol=1e-5)


@examples
@given(seed=st.integers(0, 10_000), level=st.sampled_from(LEVELS))
def test_huber_does_not_change_with_the_unit(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    x = 1 + 1e-3 * walk(rng, 80)
    y = x + 1e-3 * rng.standard_t(2, 80)
    assert huber(level * y, level * x).beta == pytest.approx(huber(y, x).beta, rel=1e-7)


def test_a_wild_bar_turns_least_squares_but_not_these() -> None:
    y, x = log_prices(np.random.default_rng(1), 300)
    clean = [fit(y, x).beta for fit in (ols, huber, theil_sen)]
    y[-1] += 0.5  # a print 65 % too high
    turned = [abs(fit(y, x).beta - before) for fit, before in zip((ols, huber, theil_sen), clean, strict=True)]
    assert turned[0] > 0.5 and max(turned[1:]) < 0.05


def test_huber_takes_the_line_that_most_bars_lie_on() -> None:
    x = np.arange(20.0)
    y = 2 * x + 1
    y[3] += 7
    assert (huber(y, x).alpha, huber(y, x).beta) == pytest.approx((1.0, 2.0), abs=0.05)
    assert huber(2 * x + 1, x).beta == pytest.approx(2.0)


def test_huber_refuses_an_x_that_does_not_move() -> None:
    with pytest.raises(ValueError, match="x is constant"):
        huber([1.0, 2.0, 4.0], [5.0, 5.0, 5.0])
    assert np.isnan(huber_kernel(np.array([1.0, 2.0, 4.0]), np.full(3, 5.0))[1])


@pytest.mark.parametrize("n", [2, 3, 10, 101, 500])
def test_theil_sen_equals_scipy(n: int) -> None:
    y, x = log_prices(np.random.default_rng(n), n)
    ours, theirs = theil_sen(y, x), theilslopes(y, x)
    assert (ours.beta, ours.alpha) == (pytest.approx(theirs[0], abs=1e-12), pytest.approx(theirs[1], abs=1e-12))
    assert ours.exact and ours.pairs == n * (n - 1) // 2


def test_theil_sen_leaves_out_pairs_with_equal_x() -> None:
    x = np.array([0.0, 0.0, 1.0, 2.0, 2.0])
    y = np.array([0.0, 1.0, 5.0, 3.0, 8.0])
    assert theil_sen(y, x).pairs == 8
    assert theil_sen(y, x).beta == pytest.approx(theilslopes(y, x)[0], abs=1e-12)
    with pytest.raises(ValueError, match="x is constant"):
        theil_sen(y, np.ones(5))


def test_above_500_bars_it_samples_and_says_so() -> None:
    y, x = log_prices(np.random.default_rng(2), 2000)
    ours, whole = theil_sen(y, x), theilslopes(y, x)
    assert not ours.exact and 124_000 < ours.pairs <= 124_750
    assert ours.beta == pytest.approx(whole[0], abs=0.01)
    assert theil_sen(y, x).beta == ours.beta
