"""p-values at a number of bars: they agree with the critical values, with fresh simulations and with their recipe."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bench import tau_table
from engine.stats import eg_distribution, eg_pvalue
from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.eg_distribution import PROBABILITIES, QUANTILES, eg_pvalue_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import critical_values, tau_pvalue
from engine.stats.unitroot import FIXED
from tests.engine.stats.worlds import examples


@pytest.mark.parametrize("bars", [30, 50, 65, 80, 100, 200, 500, 1_008, 5_000, 100_000])
def test_p_at_the_critical_values_is_their_level(bars: int) -> None:
    critical = critical_values(2, bars)
    assert eg_pvalue(critical[5], bars) == pytest.approx(0.05, abs=0.002)
    assert eg_pvalue(critical[1], bars) == pytest.approx(0.01, abs=0.0005)
    assert eg_pvalue(critical[10], bars) == pytest.approx(0.10, abs=0.002)


def test_the_asymptotic_p_there_is_not() -> None:
    asymptotic = [tau_pvalue(critical_values(2, bars)[5], 2) for bars in (50, 100, 500)]
    assert asymptotic == pytest.approx([0.036, 0.043, 0.048], abs=0.001)


@examples
@given(statistic=st.floats(-15, 5), further=st.floats(0, 3), bars=st.integers(20, 100_000))
def test_p_rises_with_the_statistic_from_0_to_1(statistic: float, further: float, bars: int) -> None:
    low, high = eg_pvalue(statistic, bars), eg_pvalue(statistic + further, bars)
    assert 0.0 <= low <= high <= 1.0


@examples
@given(statistic=st.floats(-8, -2), bars=st.integers(30, 50_000))
def test_fewer_bars_need_a_smaller_statistic(statistic: float, bars: int) -> None:
    assert eg_pvalue(statistic, bars) >= eg_pvalue(statistic, 2 * bars)


def test_what_is_not_known_has_no_p_and_too_few_bars_are_refused() -> None:
    assert np.isnan(eg_pvalue(float("nan"), 100))
    with pytest.raises(ValueError, match="bars is 19; expected at least 20"):
        eg_pvalue(-3.0, 19)


@njit
def pvalues(legs: Floats, out: Floats) -> None:
    for i in range(out.size):
        out[i] = eg_pvalue_kernel(engle_granger_kernel(legs[i, 0], legs[i, 1], FIXED, 0)[0], float(legs.shape[2]))


def uniform(bars: int, pairs: int) -> None:
    """p of fresh walks is below each level as often as the level says."""
    out = np.empty(pairs)
    for part in range(0, pairs, 10_000):
        rng = np.random.default_rng([5, bars, part])
        pvalues(np.cumsum(rng.standard_normal((10_000, 2, bars)), axis=2), out[part : part + 10_000])
    for level in (0.5, 0.2, 0.05, 0.01, 0.001, 0.0001):
        assert binomtest(int((out <= level).sum()), pairs, level).pvalue > 0.005, level


@pytest.mark.parametrize("bars", [50, 120])
def test_fresh_walks_have_a_uniform_p(bars: int) -> None:
    uniform(bars, 40_000)


@pytest.mark.soak
@pytest.mark.parametrize(("bars", "pairs"), [(50, 400_000), (120, 400_000), (1_008, 100_000)])
def test_fresh_walks_have_a_uniform_p_to_one_in_ten_thousand(bars: int, pairs: int) -> None:
    uniform(bars, pairs)


@pytest.mark.parametrize("bars", [50, 100])
def test_the_recipe_gives_the_table(bars: int) -> None:
    found, error = tau_table.quantiles(tau_table.counts(bars, 16_000_000))
    table = QUANTILES @ [1.0, 1.0 / bars, 1.0 / bars**2]
    usual = (PROBABILITIES >= 1e-4) & (PROBABILITIES <= 0.999)
    assert (np.abs(found - table) < 4.0 * error + 0.005)[usual].all()


def test_the_example_runs() -> None:
    assert doctest.testmod(eg_distribution).failed == 0
