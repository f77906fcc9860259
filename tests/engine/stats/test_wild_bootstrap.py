"""The wild bootstrap: its draws, its verdict, its size on noise with a moving variance, and its power."""

from __future__ import annotations

import numpy as np
import pytest

from engine.stats import engle_granger, engle_granger_robust
from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import eg_critical
from engine.stats.random import advanced
from engine.stats.unitroot import BIC, FIXED
from engine.stats.wild_bootstrap import DRAWS, wild_bootstrap_kernel, wild_pvalue
from tests.engine.stats.noises import NOISES, Noise, unrelated
from tests.engine.stats.worlds import cointegrated, walk

ONES = 2**64 - 1


@njit
def share_passed(pairs: int, n: int, noise: Noise, correlation: float, seed: int) -> Floats:
    """Share of pairs of noise passed at 5 % by the plain test, by the bootstrap, and by both."""
    np.random.seed(seed)
    y, x, found = np.empty(n), np.empty(n), np.zeros(3)
    for i in range(pairs):
        unrelated(n, noise, correlation, y, x)
        statistic, _, pvalue, _ = wild_bootstrap_kernel(y, x, BIC, -1, 0.05, DRAWS, np.uint64(i))
        plain, wild = statistic < eg_critical(1, float(n)), pvalue <= 0.05
        found += 1.0 * np.array([plain, wild, plain and wild])
    return found / pairs


@njit
def share_seen(pairs: int, n: int, half_life: float, seed: int) -> Floats:
    """Share of true pairs passed at 5 % by the plain test and by both: y = x + u, u AR(1) with a stationary sd of 3."""
    np.random.seed(seed)
    y, x, found = np.empty(n), np.empty(n), np.zeros(2)
    phi = 2.0 ** (-1.0 / half_life)
    for i in range(pairs):
        level, u = 0.0, 3.0 * np.random.standard_normal()
        for t in range(n):
            level += np.random.standard_normal()
            u = phi * u + 3.0 * np.sqrt(1.0 - phi * phi) * np.random.standard_normal()
            y[t], x[t] = level + u, level
        statistic, _, pvalue, _ = wild_bootstrap_kernel(y, x, BIC, -1, 0.05, DRAWS, np.uint64(i))
        plain = statistic < eg_critical(1, float(n))
        found += 1.0 * np.array([plain, plain and pvalue <= 0.05])
    return found / pairs


def mixed(z: int) -> int:
    """Splitmix64's output function in unlimited integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & ONES
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & ONES
    return z ^ (z >> 31)


def signs(seed: int, place: int, draw: int) -> int:
    """The sign of one bar in one draw, from its definition."""
    step = 0x9E3779B97F4A7C15
    bits = mixed((mixed((seed + step * place) & ONES) + step * (draw // 64 + 1)) & ONES)
    return 1 - 2 * ((bits >> (draw % 64)) & 1)


def test_the_p_value_is_the_share_of_rebuilt_pairs_that_reach_as_low() -> None:
    rng = np.random.default_rng(1)
    for seed, lags in ((0, 0), (7, 2), (2**63 + 5, 1)):
        y, x = cointegrated(rng, 80, 20)
        statistic = engle_granger(y, x, lags=lags).statistic
        low = 0
        for draw in range(150):
            turned = np.array([signs(seed, place, draw) for place in range(1, 80)])
            rebuilt = [np.cumsum(np.append(0.0, turned * np.diff(leg))) for leg in (y, x)]
            low += engle_granger(*rebuilt, lags=lags).statistic <= statistic
        assert 0 < low < 150
        assert wild_pvalue(y, x, statistic, lags, 0.0, 150, np.uint64(seed)) == ((low + 1) / 151, 150)


@pytest.mark.parametrize("level", [1, 5, 10])
@pytest.mark.parametrize("draws", [19, 99, 199])
def test_it_stops_drawing_only_when_the_verdict_is_fixed(level: int, draws: int) -> None:
    rng, saved = np.random.default_rng(level), 0
    for i in range(60):
        y, x = cointegrated(rng, 100, 25 if i % 2 else 8) if i % 3 else (walk(rng, 100), walk(rng, 100))
        statistic, lags, _, _ = engle_granger_kernel(y, x, BIC, -1)
        whole, _ = wild_pvalue(y, x, statistic, lags, 0.0, draws, np.uint64(i))
        early, used = wild_pvalue(y, x, statistic, lags, level / 100, draws, np.uint64(i))
        assert (early <= level / 100) == (whole <= level / 100 + 1e-12)
        assert 1 <= used <= draws
        saved += draws - used
    assert saved > 0


def test_noise_costs_few_draws_and_a_sure_pair_nearly_all() -> None:
    rng = np.random.default_rng(2)
    used = [engle_granger_robust(walk(rng, 300), walk(rng, 300)).draws for _ in range(40)]
    assert np.median(used) < 40
    assert engle_granger_robust(*cointegrated(rng, 300, 2)).draws == 190


def test_a_window_that_moves_by_a_bar_keeps_the_signs_of_the_bars_that_stay() -> None:
    """With the seed one step on, so a pair of which the first increment is 0 has the same p with and without it."""
    rng = np.random.default_rng(3)
    y, x = (np.append(leg[0], leg) for leg in cointegrated(rng, 200, 12))
    tau = engle_granger(y[1:], x[1:], lags=0).statistic
    for seed in (0, 41, 2**64 - 1):
        start = np.uint64(seed)
        later = np.uint64(advanced(start, 1))
        assert wild_pvalue(y[1:], x[1:], tau, 0, 0.0, 199, later)[0] == pytest.approx(
            np.mean([tau_of(y, x, seed, draw) <= tau for draw in range(199)]) * 199 / 200 + 1 / 200
        )


def tau_of(y: Floats, x: Floats, seed: int, draw: int) -> float:
    """Of the pair rebuilt from the signs of the longer window, whose first increment is nothing."""
    turned = np.array([signs(seed, place, draw) for place in range(1, y.size)])
    legs = [np.cumsum(np.append(0.0, turned * np.diff(leg)))[1:] for leg in (y, x)]
    return engle_granger_kernel(*legs, FIXED, 0)[0]


def test_it_does_not_depend_on_units_nor_on_which_combination_of_the_walks_is_y() -> None:
    rng = np.random.default_rng(4)
    for seed in range(5):
        y, x = walk(rng, 250), walk(rng, 250)
        first = engle_granger_robust(y, x, lags=1, level=10, seed=seed)
        for other in ((1e3 * (y + 5), 1e-3 * (x - 7)), (0.6 * y + 0.8 * x, x), (y - 3 * x, -x)):
            found = engle_granger_robust(*other, lags=1, level=10, seed=seed)
            assert (found.pvalue, found.draws) == (first.pvalue, first.draws)


def test_it_is_the_plain_test_with_a_second_opinion() -> None:
    rng = np.random.default_rng(5)
    for half_life in (3, 10, 30, 200):
        y, x = cointegrated(rng, 400, half_life)
        plain, robust = engle_granger(y, x), engle_granger_robust(y, x)
        for name in ("statistic", "critical", "lags", "alpha", "beta"):
            assert getattr(plain, name) == getattr(robust, name)
        assert robust.passes == (robust.statistic < robust.critical[5] and robust.pvalue <= 0.05)
        kernel = wild_bootstrap_kernel(y, x, BIC, -1, 0.05, DRAWS, np.uint64(20_240_229))
        assert kernel == (robust.statistic, robust.lags, robust.pvalue, robust.draws)


def test_what_cannot_be_rebuilt_counts_against() -> None:
    """Legs that are one line have no statistic in any draw: nothing that is unknown may open a gate."""
    y = walk(np.random.default_rng(6), 100)
    assert wild_pvalue(y, 2 * y, -9.0, 0, 0.0, 19, np.uint64(1)) == (1.0, 19)
    *found, used = wild_bootstrap_kernel(y, 2 * y, BIC, -1, 0.05, 19, np.uint64(1))
    assert np.isnan([found[0], found[2]]).all() and (found[1], used) == (-1, 0)


def test_what_it_refuses() -> None:
    y, x = walk(np.random.default_rng(7), 100), walk(np.random.default_rng(8), 100)
    with pytest.raises(ValueError, match=r"level is 7; expected one of \[1, 5, 10\] percent"):
        engle_granger_robust(y, x, level=7)
    with pytest.raises(ValueError, match="draws is 18; expected at least 19"):
        engle_granger_robust(y, x, draws=18)
    with pytest.raises(ValueError, match="draws is 98; expected at least 99"):
        engle_granger_robust(y, x, level=1, draws=98)
    with pytest.raises(ValueError, match="seed is -1; expected at least 0"):
        engle_granger_robust(y, x, seed=-1)
    with pytest.raises(ValueError, match="constant"):
        engle_granger_robust(y, 2 * y)


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_its_size_holds_where_the_plain_test_loses_it(name: str, correlation: float) -> None:
    """math.md section 8: 600 pairs here, 2,000 at n = 500 and 2,000 in the long form."""
    plain, _, both = share_passed(600, 500, NOISES[name], correlation, 2027)
    assert 0.025 <= both <= 0.07
    assert plain > 0.15 if name == "variance / 25" else plain >= both


# In percent, 2,000 pairs each, those of docs/mathematics.md: (plain, both) at n = 500 and 2,000 with legs that are
# independent, and the same with a correlation of .8.
SIZES = {
    "Gaussian": ((4.3, 3.8), (4.9, 4.2), (4.3, 3.8), (4.9, 4.2)),
    "Student t3": ((5.5, 4.3), (4.7, 3.9), (5.5, 4.3), (4.7, 3.9)),
    "GARCH(.12, .86)": ((6.5, 4.5), (7.4, 5.4), (7.4, 4.5), (8.0, 4.9)),
    "GARCH-t5(.15, .83)": ((8.0, 4.5), (8.3, 4.8), (9.2, 4.3), (8.6, 3.6)),
    "ARCH-like (.30, .68)": ((10.4, 4.8), (8.9, 4.8), (11.2, 4.3), (9.8, 5.2)),
    "variance x 25": ((9.7, 5.0), (10.5, 4.8), (9.7, 5.0), (10.5, 4.8)),
    "variance / 25": ((22.9, 5.1), (23.8, 5.1), (22.9, 5.1), (23.8, 5.1)),
}


@pytest.mark.soak
@pytest.mark.parametrize("n", [500, 2_000])
@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_its_size_on_2_000_pairs(name: str, correlation: float, n: int) -> None:
    plain, wild, both = share_passed(2_000, n, NOISES[name], correlation, 2027)
    assert 0.025 <= both <= 0.07 and 0.025 <= wild <= 0.07
    expected = SIZES[name][2 * (correlation > 0) + (n > 500)]
    assert (100 * plain, 100 * both) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("n", "least"), [(500, 0.80), (1_000, 0.95)])
def test_it_keeps_the_power_of_the_plain_test(n: int, least: float) -> None:
    plain, both = share_seen(300, n, 20.0, 2028)
    assert both >= least * plain > 0.4


@pytest.mark.soak
@pytest.mark.parametrize(("n", "least"), [(500, 0.80), (1_000, 0.95)])
def test_its_power_on_2_000_pairs(n: int, least: float) -> None:
    plain, both = share_seen(2_000, n, 20.0, 2028)
    assert both >= least * plain > 0.4, f"plain {plain:.1%}, both {both:.1%}"
