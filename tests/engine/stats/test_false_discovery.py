from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from engine.stats import benjamini_hochberg, benjamini_yekutieli, holm
from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import eg_critical, tau_pvalue
from engine.stats.regression import residuals_kernel
from engine.stats.unitroot import FIXED, adf_kernel
from tests.engine.stats.worlds import examples, walk

TINY = np.finfo(np.float64).tiny  # below it a double has fewer digits
pvalues = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@examples
@given(p=pvalues)
def test_both_equal_scipy(p: list[float]) -> None:
    assert_allclose(benjamini_hochberg(p), false_discovery_control(p, method="bh"), rtol=1e-12, atol=TINY)
    assert_allclose(benjamini_yekutieli(p), false_discovery_control(p, method="by"), rtol=1e-12, atol=TINY)


@examples
@given(p=pvalues)
def test_holm_equals_statsmodels(p: list[float]) -> None:
    assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12, atol=TINY)


def test_holm_counts_the_tests_that_have_a_p_value() -> None:
    assert_array_equal(holm([0.01, np.nan, 0.5]), [0.02, np.nan, 0.5])
    assert holm([]).size == 0
    with pytest.raises(ValueError, match=r"pvalues\[0\] is -0\.1; expected 0 to 1"):
        holm([-0.1])


@examples
@given(p=pvalues, order=st.integers(0, 1000))
def test_the_order_of_the_tests_does_not_matter(p: list[float], order: int) -> None:
    shuffled = np.random.default_rng(order).permutation(len(p))
    assert_array_equal(benjamini_hochberg(np.array(p)[shuffled]), benjamini_hochberg(p)[shuffled])


def test_a_test_without_a_p_value_is_not_counted() -> None:
    assert_array_equal(benjamini_hochberg([0.01, np.nan, 0.02]), [0.02, np.nan, 0.02])
    assert benjamini_hochberg([]).size == 0
    assert np.isnan(benjamini_yekutieli([np.nan])).all()
    with pytest.raises(ValueError, match=r"pvalues\[1\] is 1\.5; expected 0 to 1"):
        benjamini_hochberg([0.5, 1.5])


@njit
def scan_of(coins: Floats) -> tuple[Floats, Floats]:
    """For every pair of rows: the plain Dickey-Fuller statistic of the fitted residual, and Engle-Granger's."""
    pairs = coins.shape[0] * (coins.shape[0] - 1) // 2
    plain, tested = np.empty(pairs), np.empty(pairs)
    at = 0
    for i in range(coins.shape[0]):
        for j in range(i):
            tested[at], _, alpha, beta = engle_granger_kernel(coins[i], coins[j], FIXED, 1)
            plain[at] = adf_kernel(residuals_kernel(coins[i], coins[j], alpha, beta), True, FIXED, 1)[0]
            at += 1
    return plain, tested


def test_a_scan_of_noise_finds_25_then_8_then_none() -> None:
    """20 coins with a common factor, 190 pairs: none is cointegrated. Four times 30 repetitions, for a steady mean."""
    rng = np.random.default_rng(1)
    found = np.zeros(3)
    for _ in range(120):
        coins = walk(rng, 500) + 0.6 * np.cumsum(rng.standard_normal((20, 500)), axis=1)
        plain, tested = scan_of(coins)
        q = benjamini_hochberg([tau_pvalue(tau, 2) for tau in tested])
        found[0] += sum(tau_pvalue(tau, 1) < 0.05 for tau in plain)
        found[1:] += np.sum(tested < eg_critical(1, 500)), np.sum(q < 0.05)
    assert found[0] / 120 == pytest.approx(25.2, abs=4)
    assert found[1] / 120 == pytest.approx(8.0, abs=4)
    assert found[2] / 120 == pytest.approx(0.0, abs=1)


def test_p_values_may_be_as_small_as_doubles_are() -> None:
    assert benjamini_hochberg([3e-268, 0.5]).tolist() == [6e-268, 0.5]
