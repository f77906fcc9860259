from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.api import OLS

from engine.stats import error_correction, ols
from engine.stats.checks import Floats
from engine.stats.error_correction import find_error_correction
from tests.engine.stats.worlds import LEVELS, cointegrated, examples, log_prices, walk


def pair(rng: np.random.Generator, n: int, speed_y: float, speed_x: float, beta: float = 1.0) -> tuple[Floats, Floats]:
    """Two legs that each make good a share of u = y - beta x a bar."""
    y, x = np.zeros(n), np.zeros(n)
    shocks = rng.standard_normal((2, n))
    for t in range(1, n):
        u = y[t - 1] - beta * x[t - 1]
        y[t], x[t] = y[t - 1] + speed_y * u + shocks[0, t], x[t - 1] + speed_x * u + shocks[1, t]
    return y, x


def design(y: Floats, x: Floats, lags: int, first: int) -> tuple[Floats, Floats, Floats]:
    """Both targets and the regressors, a constant and u_{t-1} first, over the changes from ``first`` on."""
    dy, dx, u = np.diff(y), np.diff(x), ols(y, x).residuals[:-1]
    past = [each[first - lag : dy.size - lag] for lag in range(1, lags + 1) for each in (dy, dx)]
    return dy[first:], dx[first:], np.column_stack([np.ones(dy.size - first), u[first:], *past])


@pytest.mark.parametrize("lags", [0, 1, 5])
@pytest.mark.parametrize("n", [60, 500])
def test_both_equations_equal_statsmodels(n: int, lags: int) -> None:
    y, x = log_prices(np.random.default_rng(n + lags), n, 10.0)
    found = error_correction(y, x, lags)
    dy, dx, table = design(y, x, lags, lags)
    of_y, of_x = OLS(dy, table).fit(), OLS(dx, table).fit()
    assert (found.speed_y, found.error_y, found.t_y) == pytest.approx(
        (of_y.params[1], of_y.bse[1], of_y.tvalues[1]), rel=1e-8
    )
    assert (found.speed_x, found.error_x, found.t_x) == pytest.approx(
        (of_x.params[1], of_x.bse[1], of_x.tvalues[1]), rel=1e-8
    )
    assert (found.lags, found.bars) == (lags, n - 1 - lags) and found.bars == of_y.nobs


def best_lag(y: Floats, x: Floats, cap: int, price: float | None) -> int:
    """By one fit a lag: T ln det S + price x parameters; the price of BIC is ln T."""
    values = []
    for lags in range(cap + 1):
        dy, dx, table = design(y, x, lags, cap)
        left = np.stack([OLS(dy, table).fit().resid, OLS(dx, table).fit().resid])
        each = np.log(dy.size) if price is None else price
        values.append(dy.size * np.log(np.linalg.det(left @ left.T)) + each * 2 * table.shape[1])
    return int(np.argmin(values))


@pytest.mark.parametrize("seed", range(6))
def test_the_lag_is_the_one_that_a_fit_of_every_lag_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = pair(rng, 200, -0.1, 0.05)
    late = np.convolve(np.diff(x), [0, 0.3, 0.4])[:199]
    y = y + np.concatenate([[0.0], np.cumsum(late)])
    assert error_correction(y, x, "bic", 8).lags == best_lag(y, x, 8, None)
    assert error_correction(y, x, "aic", 8).lags == best_lag(y, x, 8, 2.0)


@pytest.mark.parametrize(
    ("speed_y", "speed_x", "adjusting"), [(-0.05, 0.0, "y"), (0.0, 0.05, "x"), (-0.05, 0.05, "both")]
)
def test_the_leg_that_comes_back_is_named(speed_y: float, speed_x: float, adjusting: str) -> None:
    rng = np.random.default_rng(1)
    found = [error_correction(*pair(rng, 2_000, speed_y, speed_x)) for _ in range(100)]
    assert np.mean([each.adjusting == adjusting for each in found]) > 0.85
    assert np.mean([each.speed_y for each in found]) == pytest.approx(speed_y, abs=0.006)
    assert np.mean([each.speed_x for each in found]) == pytest.approx(speed_x, abs=0.006)
    kept = 1.0 + speed_y - speed_x
    assert np.median([each.half_life for each in found]) == pytest.approx(-np.log(2) / np.log(kept), rel=0.15)


def test_with_a_negative_hedge_x_comes_back_by_falling() -> None:
    rng = np.random.default_rng(2)
    found = [error_correction(*pair(rng, 2_000, 0.0, -0.05, beta=-1.0)) for _ in range(50)]
    assert np.mean([each.adjusting == "x" for each in found]) > 0.85
    assert all(each.beta < 0.0 and each.speed_x < 0.0 < each.half_life for each in found)


def test_a_t_value_has_its_size_where_the_legs_keep_together() -> None:
    """The X leg of these pairs corrects nothing."""
    rng = np.random.default_rng(3)
    found = [error_correction(*cointegrated(rng, 1_000, 10)) for _ in range(600)]
    assert np.mean([abs(each.t_x) > 1.96 for each in found]) == pytest.approx(0.05, abs=0.025)
    assert np.mean([each.adjusting in ("y", "both") for each in found]) > 0.95


def test_the_trap_on_unrelated_walks_a_leg_comes_back_in_half_of_all_cases() -> None:
    rng = np.random.default_rng(4)
    found = Counter(error_correction(walk(rng, 500), walk(rng, 500)).adjusting for _ in range(1_000))
    assert (1_000 - found["neither"]) / 1_000 == pytest.approx(0.54, abs=0.05)


@examples
@given(seed=st.integers(0, 10_000), level=st.sampled_from(LEVELS), lags=st.integers(0, 3))
def test_the_unit_of_the_legs_does_not_matter(seed: int, level: float, lags: int) -> None:
    y, x = pair(np.random.default_rng(seed), 80, -0.1, 0.1)
    one, other = error_correction(y, x, lags), error_correction(level * (1 + 1e-3 * y), level * (1 + 1e-3 * x), lags)
    for name in ("speed_y", "speed_x", "t_y", "t_x", "beta"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-5, abs=1e-7)
    of_y = error_correction(3.0 * y, x, lags)  # of a gap that is three times as wide X makes good a third
    assert (of_y.speed_y, of_y.speed_x) == pytest.approx((one.speed_y, one.speed_x / 3.0), rel=1e-9)


def test_what_cannot_be_estimated_is_refused_by_name() -> None:
    y, x = pair(np.random.default_rng(5), 60, -0.1, 0.1)
    for arguments, message in (
        ((y, np.full(60, 2.0)), "a leg or the residual is constant"),
        ((2.0 * x, x), "a leg or the residual is constant"),
        ((y[:19], x[:19]), "y has 19 values; expected at least 20"),
        ((y, x, "hqic"), "lags is 'hqic'; expected 'bic', 'aic' or a number of lags"),
        ((y, x, 20), "lags is 20; expected at least 0 and at most 18"),
        ((y, x, "bic", 19), "max_lag is 19; expected at least 0 and at most 18"),
        ((y, np.arange(60.0)), "the changes determine each other"),
    ):
        with pytest.raises(ValueError, match=message):
            error_correction(*arguments)
    assert error_correction(y, x, 18).bars == 41
    assert find_error_correction(np.full(60, 1.0), x) is None
