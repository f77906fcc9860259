from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tsa.api import VAR
from statsmodels.tsa.stattools import grangercausalitytests

from engine.stats import granger_causality
from engine.stats.checks import Floats
from tests.engine.stats.worlds import examples


def led(rng: np.random.Generator, n: int, strength: float = 0.3) -> tuple[Floats, Floats]:
    """Returns of y that follow those of x one and three bars later."""
    x = rng.standard_normal(n)
    y = rng.standard_normal(n) + strength * (np.convolve(x, [0, 1, 0, 0.7])[:n])
    return y, x


def theirs(of: Floats, by: Floats, lags: int) -> tuple[float, float]:
    """F and p of statsmodels: does the second column's past help the first?"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = grangercausalitytests(np.stack([of, by], axis=1), [lags])
    return tuple(map(float, found[lags][0]["ssr_ftest"][:2]))  # type: ignore[return-value]


@pytest.mark.parametrize("lags", [1, 2, 5])
@pytest.mark.parametrize("n", [60, 1000])
def test_f_and_p_equal_statsmodels(n: int, lags: int) -> None:
    y, x = led(np.random.default_rng(n + lags), n, 0.1)
    found = granger_causality(1e-4 * y, 1e-4 * x, lags)
    assert (found.f_x_to_y, found.p_x_to_y) == pytest.approx(theirs(y, x, lags), rel=1e-8)
    assert (found.f_y_to_x, found.p_y_to_x) == pytest.approx(theirs(x, y, lags), rel=1e-8)
    assert (found.lags, found.bars) == (lags, n - lags)


@pytest.mark.parametrize("criterion", ["bic", "aic"])
@pytest.mark.parametrize("seed", range(5))
def test_the_lag_is_that_of_a_vector_autoregression(seed: int, criterion: str) -> None:
    y, x = led(np.random.default_rng(seed), 400)
    chosen = VAR(np.stack([y, x], axis=1)).select_order(10).selected_orders[criterion]
    assert granger_causality(y, x, criterion, 10).lags == max(int(chosen), 1)


def test_the_leader_is_found_and_the_follower_is_none() -> None:
    rng = np.random.default_rng(1)
    found = [granger_causality(*led(rng, 500, 0.5)) for _ in range(200)]
    assert np.mean([each.p_x_to_y < 0.05 for each in found]) > 0.99
    assert np.mean([each.p_y_to_x < 0.05 for each in found]) < 0.10
    assert np.median([each.lags for each in found]) == 3


def test_a_test_of_noise_rejects_five_in_a_hundred() -> None:
    rng = np.random.default_rng(2)
    found = [granger_causality(*rng.standard_normal((2, 200))) for _ in range(1_500)]
    assert np.mean([each.p_x_to_y < 0.05 for each in found]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([each.p_y_to_x < 0.05 for each in found]) == pytest.approx(0.05, abs=0.015)


def test_the_trap_bars_that_are_filled_forward_have_a_cause() -> None:
    """The same price twice; of one leg every second bar repeats the one before."""
    rng, causes = np.random.default_rng(3), 0
    for _ in range(50):
        price = np.cumsum(rng.standard_normal(600))
        filled = price.copy()
        filled[1::2] = filled[::2]
        found = granger_causality(np.diff(filled), np.diff(price + 0.5 * rng.standard_normal(600)))
        causes += found.p_x_to_y < 0.001
    assert causes == 50


@examples
@given(seed=st.integers(0, 10_000), of_y=st.floats(1e-6, 1e6), of_x=st.floats(1e-6, 1e6), level=st.floats(-1e3, 1e3))
def test_neither_unit_nor_level_matters(seed: int, of_y: float, of_x: float, level: float) -> None:
    y, x = led(np.random.default_rng(seed), 60)
    one, other = granger_causality(y, x, 2), granger_causality(of_y * (y + level), of_x * (x - level), 2)
    assert (other.f_x_to_y, other.f_y_to_x) == pytest.approx((one.f_x_to_y, one.f_y_to_x), rel=1e-6, abs=1e-9)
    swapped = granger_causality(x, y, 2)
    assert (swapped.f_x_to_y, swapped.f_y_to_x) == (one.f_y_to_x, one.f_x_to_y)


def test_what_cannot_be_tested_is_refused_by_name() -> None:
    y, x = led(np.random.default_rng(4), 60)
    for arguments, message in (
        ((y, np.full(60, 1e-4)), "x is constant; expected returns that move"),
        ((np.zeros(60), x), "y is constant; expected returns that move"),
        ((y, 2.0 * y), "one series determines the other"),
        ((y[:19], x[:19]), "y has 19 values; expected at least 20"),
        ((y, x, 0), "lags is 0; expected at least 1 and at most 19"),
        ((y, x, "bic", 20), "max_lag is 20; expected at least 1 and at most 19"),
        ((y, x, "fpe"), "lags is 'fpe'; expected 'bic', 'aic' or a number of lags"),
    ):
        with pytest.raises(ValueError, match=message):
            granger_causality(*arguments)
    assert granger_causality(y, x, 19).bars == 41
