from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tsa.adfvalues import mackinnoncrit, mackinnonp
from statsmodels.tsa.stattools import adfuller

from engine.stats import adf
from engine.stats.mackinnon import MOST_VARIABLES, SURFACE_EG, critical_values, tau_pvalue
from engine.stats.unitroot import FIXED, adf_kernel, lag_limit, schwert_cap
from tests.engine.stats.worlds import ar1, examples, walk


def series_of(kind: str, rng: np.random.Generator, n: int) -> np.ndarray:  # type: ignore[type-arg]
    if kind == "walk":
        return walk(rng, n)
    if kind == "ar1":
        return ar1(rng, n, half_life=10)
    if kind == "heavy":
        return np.cumsum(rng.standard_t(2.1, n))
    steps = rng.standard_normal(n + 3)
    return np.cumsum(steps[3:] + 0.7 * steps[2:-1] - 0.4 * steps[:-3])


@pytest.mark.parametrize("kind", ["walk", "ar1", "heavy", "autocorrelated"])
@pytest.mark.parametrize("criterion", ["aic", "bic"])
@pytest.mark.parametrize("n", [40, 99, 250, 1440])
def test_adf_equals_statsmodels(kind: str, criterion: str, n: int) -> None:
    values = series_of(kind, np.random.default_rng(n), n)
    ours = adf(values, lags=criterion)
    theirs = adfuller(values, maxlag=schwert_cap(n, True), autolag=criterion, result_object=True)
    assert (ours.lags, ours.bars) == (theirs.lags, theirs.nobs)
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-8)
    assert ours.pvalue == pytest.approx(theirs.pvalue, abs=1e-12)
    assert list(ours.critical.values()) == pytest.approx(list(theirs.critical_values.values()), abs=1e-12)


@pytest.mark.parametrize("lags", [0, 1, 5])
@pytest.mark.parametrize("constant", [True, False])
def test_a_fixed_lag_equals_statsmodels(lags: int, constant: bool) -> None:
    values = series_of("autocorrelated", np.random.default_rng(5), 300)
    theirs = adfuller(values, maxlag=lags, autolag=None, regression="c" if constant else "n", result_object=True)
    assert adf_kernel(values, constant, FIXED, lags) == (pytest.approx(theirs.statistic, abs=1e-8), lags)


def test_a_given_cap_equals_statsmodels() -> None:
    values = series_of("autocorrelated", np.random.default_rng(6), 300)
    theirs = adfuller(values, maxlag=3, autolag="aic", result_object=True)
    ours = adf(values, "aic", max_lag=3)
    assert (ours.statistic, ours.lags) == (pytest.approx(theirs.statistic, abs=1e-8), theirs.lags)


@examples
@given(seed=st.integers(0, 10_000), level=st.sampled_from([0.0, 1.0, 6e4, 1e6]), power=st.integers(-20, 20))
def test_the_statistic_does_not_change_with_level_and_unit(seed: int, level: float, power: int) -> None:
    values = walk(np.random.default_rng(seed), 200)
    moved = adf((values + level) * 2.0**power, lags="aic")
    still = adf(values, lags="aic")
    assert (moved.statistic, moved.lags) == (pytest.approx(still.statistic, abs=1e-7), still.lags)


def test_a_jump_at_the_end_costs_no_digits() -> None:
    values = walk(np.random.default_rng(7), 200)
    values[-1] += 1e6
    theirs = adfuller(values - values.mean(), maxlag=14, autolag=None, result_object=True)
    assert adf(values, lags=14).statistic == pytest.approx(theirs.statistic, rel=1e-8)


@pytest.mark.parametrize("n", [10, 50, 99, 100, 200, 1440])
def test_the_cap_is_schwerts_and_a_tenth_of_a_short_window(n: int) -> None:
    schwert = int(np.ceil(12 * (n / 100) ** 0.25))
    assert schwert_cap(n, True) == (min(schwert, n // 10) if n < 100 else schwert)


def test_a_walk_is_not_called_stationary_too_often() -> None:
    rng = np.random.default_rng(8)
    rejected = sum(adf(walk(rng, 200)).statistic < critical_values(1, 199)[5] for _ in range(2000))
    assert rejected / 2000 == pytest.approx(0.05, abs=0.02)


def test_bad_lags_are_refused() -> None:
    values = walk(np.random.default_rng(9), 50)
    with pytest.raises(ValueError, match="lags is 'hqic'; expected 'bic', 'aic' or a number of lags"):
        adf(values, lags="hqic")
    with pytest.raises(ValueError, match="lags is 24; expected at least 0 and at most 23"):
        adf(values, lags=24)
    with pytest.raises(ValueError, match="max_lag is -1; expected at least 0 and at most 23"):
        adf(values, max_lag=-1)
    assert lag_limit(50, True) == 23 and adf(values, lags=23).lags == 23


@pytest.mark.parametrize("n", range(6, 16))
@pytest.mark.parametrize("constant", [True, False])
def test_the_shortest_series_and_the_longest_lag_give_a_number(n: int, constant: bool) -> None:
    values = walk(np.random.default_rng(n), n)
    for lag in range(lag_limit(n, constant) + 1):
        assert np.isfinite(adf_kernel(values, constant, FIXED, lag)[0])
    assert adf_kernel(values, constant, FIXED, lag_limit(n, constant) + 1)[1] == -1
    with pytest.raises(ValueError, match="series has 5 values; expected at least 6"):
        adf(values[:5])


def test_nothing_is_made_up_from_a_series_that_does_not_move() -> None:
    for values in (np.full(60, 3.0), np.arange(60.0), np.full(60, 6e4) + 1e-3 * np.arange(60.0)):
        assert np.isnan(adf_kernel(values, True, 1, -1)[0])
    assert np.isnan(adf_kernel(np.zeros(60), False, 1, -1)[0])
    assert np.isnan(adf_kernel(np.arange(3.0), True, 1, -1)[0])
    assert np.isnan(adf_kernel(walk(np.random.default_rng(1), 60), True, FIXED, 40)[0])


def test_the_tables_are_mackinnons() -> None:
    for n in (50, 200, 500):
        assert list(critical_values(1, n).values()) == pytest.approx(list(mackinnoncrit(1, "c", n)), abs=1e-12)
    theirs = mackinnoncrit(2, "c", 500)  # its 1 % row has -33.527 / n^2 where the paper has -22.527
    assert list(critical_values(2, 500).values())[1:] == pytest.approx(list(theirs[1:]), abs=1e-12)
    assert SURFACE_EG[0].tolist() == [-3.89644, -10.9519, -22.527, 0.0]
    assert [round(critical_values(2, n)[5], 3) for n in (50, 100, 200, 500)] == [-3.461, -3.398, -3.367, -3.348]
    for variables in range(3, MOST_VARIABLES + 1):
        theirs = mackinnoncrit(variables, "c", 200)
        assert list(critical_values(variables, 200).values()) == pytest.approx(list(theirs), abs=1e-12)


@pytest.mark.parametrize("variables", range(1, MOST_VARIABLES + 1))
def test_pvalues_equal_statsmodels(variables: int) -> None:
    for tau in np.linspace(-25, 4, 300):
        assert tau_pvalue(tau, variables) == pytest.approx(mackinnonp(tau, "c", variables), abs=1e-12)
    assert np.isnan(tau_pvalue(float("nan"), variables))


def test_no_warning_is_raised_by_bad_numbers_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adf_kernel(np.array([1.0, np.nan, 2.0, 3.0, 5.0, 4.0, 7.0, 3.0]), True, 1, -1)
