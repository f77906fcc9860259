from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from statsmodels.tsa.stattools import coint

from engine.stats import engle_granger, kalman, rolling_ols
from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger_kernel, engle_granger_many
from engine.stats.jit import njit
from engine.stats.mackinnon import SURFACE_ADF, SURFACE_EG, eg_critical, surface
from engine.stats.unitroot import AIC, BIC, FIXED, adf_kernel, schwert_cap
from tests.engine.stats.worlds import cointegrated, log_prices, walk


@pytest.mark.parametrize("criterion", ["aic", "bic"])
@pytest.mark.parametrize("n", [40, 200, 1440])
def test_engle_granger_equals_statsmodels(criterion: str, n: int) -> None:
    rng = np.random.default_rng(n)
    for y, x in ((walk(rng, n), walk(rng, n)), cointegrated(rng, n, 10), log_prices(rng, n)):
        ours = engle_granger(y, x, lags=criterion)
        theirs = coint(y, x, maxlag=schwert_cap(n, False), autolag=criterion)
        assert ours.statistic == pytest.approx(theirs.coint_t, abs=1e-8)
        assert ours.pvalue == pytest.approx(theirs.pvalue, abs=1e-8)


def test_a_fixed_lag_equals_statsmodels() -> None:
    y, x = cointegrated(np.random.default_rng(1), 300, 20)
    assert engle_granger(y, x, lags=1).statistic == pytest.approx(coint(y, x, maxlag=1, autolag=None).coint_t, abs=1e-8)
    assert engle_granger(y, x, lags=1).lags == 1


def test_the_units_of_the_legs_do_not_matter() -> None:
    y, x = log_prices(np.random.default_rng(2), 400)
    here, there = engle_granger(y, x), engle_granger(1e3 * (y + 5), 1e-3 * (x - 7))
    assert (here.statistic, here.lags) == (pytest.approx(there.statistic, abs=1e-8), there.lags)
    assert there.beta == pytest.approx(1e6 * here.beta, rel=1e-8)


def test_legs_alike_to_nine_digits_are_still_tested() -> None:
    """statsmodels calls this minus infinity; the residual is there, and is a walk."""
    rng = np.random.default_rng(3)
    x = walk(rng, 500)
    y = x + 1e-6 * walk(rng, 500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert coint(y, x).coint_t == -np.inf
    scaled = (y - x) * 1e6
    assert engle_granger(y, x).statistic == pytest.approx(engle_granger(x + scaled, x).statistic, abs=1e-4)


@njit
def statistics(legs: Floats, criterion: int, max_lag: int) -> Floats:
    """Engle-Granger of every pair of rows (2 i, 2 i + 1)."""
    out = np.empty(legs.shape[0] // 2)
    for i in range(out.size):
        out[i] = engle_granger_kernel(legs[2 * i], legs[2 * i + 1], criterion, max_lag)[0]
    return out


def independent(seed: int, pairs: int, n: int) -> Floats:
    return np.cumsum(np.random.default_rng(seed).standard_normal((2 * pairs, n)), axis=1)


@pytest.mark.parametrize("n", [50, 200, 500])
def test_the_size_with_the_default_lags_is_five_percent(n: int) -> None:
    rejected = statistics(independent(n, 2000, n), BIC, -1) < eg_critical(1, n)
    assert rejected.mean() == pytest.approx(0.05, abs=0.02)


# Rejections in percent of 2,000 independent pairs at "5 %", n = 50, 80, 200, 300, 500.
SIZES = {AIC: (7.5, 7.1, 6.4, 5.5, 5.1), BIC: (6.2, 5.5, 6.1, 5.0, 5.1), FIXED: (4.4, 4.8, 4.7, 4.4, 5.0)}


@pytest.mark.parametrize("criterion", SIZES)
def test_the_lag_choice_moves_the_size_as_stated(criterion: int) -> None:
    for n, percent in zip((50, 80, 200, 300, 500), SIZES[criterion], strict=True):
        tau = statistics(independent(1000 + n, 2000, n), criterion, 1 if criterion == FIXED else -1)
        assert 100 * np.mean(tau < eg_critical(1, n)) == pytest.approx(percent, abs=1.7)  # 3.5 sd of each figure


def test_trap_3_the_plain_table_rejects_14_percent() -> None:
    """The Dickey-Fuller test *with* a constant and its own table, on fitted residuals."""
    legs = independent(14, 2000, 500)
    wrong = 0
    for i in range(2000):
        y, x = legs[2 * i], legs[2 * i + 1]
        beta = np.cov(y, x)[0, 1] / x.var(ddof=1)
        wrong += adf_kernel(y - beta * x, True, FIXED, 1)[0] < surface(SURFACE_ADF, 1, 500)
    assert wrong / 2000 == pytest.approx(0.14, abs=0.03)
    assert SURFACE_EG[1, 0] < SURFACE_ADF[1, 0]


def test_trap_2_an_adaptive_spread_is_always_called_stationary() -> None:
    rng = np.random.default_rng(2)
    called = {"rolling residual": 0, "innovation": 0, "post-update residual": 0, "fixed line": 0}
    for _ in range(200):
        y, x = 11 + 2e-4 * walk(rng, 3000), 8 + 2e-4 * walk(rng, 3000)
        run = kalman(y, x, 30, q_beta=0.0)
        spreads = {
            "rolling residual": rolling_ols(y, x, 50).residual[49:],
            "innovation": run.innovation[500:],
            "post-update residual": (run.innovation * run.settings.v_e / run.variance)[500:],
        }
        for name, spread in spreads.items():
            called[name] += adf_kernel(spread, True, BIC, -1)[0] < surface(SURFACE_ADF, 1, 2500)
        called["fixed line"] += engle_granger_kernel(y, x, BIC, -1)[0] < eg_critical(1, 3000)
    assert {name: count / 200 for name, count in called.items() if name != "fixed line"} == dict.fromkeys(spreads, 1.0)
    assert called["fixed line"] / 200 <= 0.07 + 0.03


def test_a_gate_closes_at_the_twenty_percent_value() -> None:
    assert eg_critical(3, 500) == pytest.approx(-2.70, abs=0.005)
    for n in (50, 500):
        assert np.mean(statistics(independent(20 + n, 4000, n), FIXED, 0) < eg_critical(3, n)) == pytest.approx(
            0.20, abs=0.02
        )


def test_choosing_the_better_direction_is_not_a_five_percent_test() -> None:
    legs = independent(15, 2000, 200)
    swapped = np.ascontiguousarray(legs.reshape(2000, 2, 200)[:, ::-1].reshape(4000, 200))
    best = np.minimum(statistics(legs, BIC, -1), statistics(swapped, BIC, -1))
    assert 0.07 <= np.mean(best < eg_critical(1, 200)) <= 0.115


@pytest.mark.parametrize(
    ("n", "half_life", "power"),
    [(200, 20, 0.11), (500, 40, 0.17), (200, 10, 0.32), (500, 20, 0.53), (200, 5, 0.87), (500, 10, 0.98)],
)
def test_the_power_table(n: int, half_life: float, power: float) -> None:
    rng = np.random.default_rng(n + int(half_life))
    legs = np.array([leg for _ in range(1000) for leg in cointegrated(rng, n, half_life)])
    found = np.mean(statistics(legs, FIXED, 1) < eg_critical(1, n))
    assert found == pytest.approx(power, abs=0.03)


def test_a_universe_in_threads_gives_the_bits_of_one_pair_at_a_time() -> None:
    prices = np.cumsum(np.random.default_rng(4).standard_normal((8, 120)), axis=1)
    pairs = np.array([(i, j) for i in range(8) for j in range(8) if i != j])
    tau, beta, lags = np.empty(56), np.empty(56), np.empty(56, dtype=np.int64)

    def half(part: slice) -> None:
        engle_granger_many(prices, pairs[part], BIC, -1, tau[part], lags[part], beta[part])

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(half, (slice(0, 28), slice(28, 56))))
    one = [engle_granger(prices[i], prices[j]) for i, j in pairs]
    assert_array_equal(tau, [each.statistic for each in one])
    assert_array_equal(beta, [each.beta for each in one])
    assert_array_equal(lags, [each.lags for each in one])
