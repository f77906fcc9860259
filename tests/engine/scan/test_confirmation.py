"""What a find has to stand: its hedge against random signs, its statistic against the variance of its legs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest

from engine.scan import ScanCancelled, ScanSettings, scan
from engine.scan.confirmation import (
    HEDGE_LEVEL,
    HOLDOUT_LEVEL,
    WILD_DRAWS,
    WILD_LEVEL,
    Bars,
    Market,
    _spread_variance,
    confirm,
    hedge_pvalue,
    seed_of,
)
from engine.scan.kernel import HOLDOUT_LAGS, Found, holdout_lags
from engine.stats import ols
from engine.stats.checks import Floats
from engine.stats.unitroot import FIXED, adf_kernel, schwert_cap
from engine.stats.wild_bootstrap import wild_pvalue
from tests.engine.scan.worlds import Market as World
from tests.engine.scan.worlds import common_garch, market_prices, paired_prices, spread
from tests.engine.stats.worlds import walk

BARS = 300


def noisy_leg(rng: np.random.Generator, is_garch: bool) -> tuple[Floats, Floats]:
    """y reverts against anything, x is a walk that has no part in it; one variance for both."""
    scale = common_garch(rng.standard_normal(BARS)) if is_garch else np.ones(BARS)
    y, x = (np.cumsum(5e-4 * scale * rng.standard_normal(BARS)) for _ in range(2))
    return 0.8 * y + spread(rng, scale, 5.0), x


def moves(*legs: Floats) -> Floats:
    return np.diff(np.array(legs), axis=1)


@pytest.mark.parametrize("is_garch", [False, True])
def test_a_leg_with_noise_of_its_own_fools_dickey_fuller_and_not_the_hedges_test(is_garch: bool) -> None:
    """beta 0.5 was fitted elsewhere. The p-value is exact: at most 5 % are below 5 %, whichever leg has the noise."""
    rng, repeats = np.random.default_rng(3), 400
    reverts, passed, turned = 0, 0, 0
    for seed in range(repeats):
        y, x = noisy_leg(rng, is_garch)
        reverts += adf_kernel(y - 0.5 * x, True, FIXED, HOLDOUT_LAGS)[0] < -2.87
        passed += hedge_pvalue(moves(y, x), np.zeros((2, BARS - 1)), 0.5, 99, np.uint64(seed)) <= 0.05
        turned += hedge_pvalue(moves(x, y), np.zeros((2, BARS - 1)), 0.5, 99, np.uint64(seed)) <= 0.05
    assert reverts > 0.25 * repeats
    for found in (passed, turned):
        assert binomtest(found, repeats, 0.05, alternative="greater").pvalue > 0.01


def test_a_hedge_that_holds_has_a_small_p() -> None:
    rng = np.random.default_rng(4)
    small = 0
    for seed in range(200):
        x = np.cumsum(5e-4 * rng.standard_normal(432))
        y = 0.8 * x + spread(rng, np.ones(432), 10.0)
        small += hedge_pvalue(moves(y, x), np.zeros((2, 431)), 0.8, 199, np.uint64(seed)) <= HEDGE_LEVEL
    assert small >= 160


def test_what_two_symbols_share_with_the_market_is_no_hedge() -> None:
    """Both follow one factor and share nothing else: with random signs on all of its moves X would pass for a hedge."""
    rng = np.random.default_rng(5)
    own, all_of_it = 0, 0
    for seed in range(200):
        factor, y, x = (rng.standard_normal(BARS - 1) for _ in range(3))
        both = np.array([factor + 0.6 * y, factor + 0.6 * x])
        own += hedge_pvalue(both, np.array([factor, factor]), 1.0, 99, np.uint64(seed)) <= 0.05
        all_of_it += hedge_pvalue(both, np.zeros((2, BARS - 1)), 1.0, 99, np.uint64(seed)) <= 0.05
    assert all_of_it > 60
    assert binomtest(own, 200, 0.05, alternative="greater").pvalue > 0.01


def test_an_x_without_weight_is_never_a_hedge() -> None:
    y, x = (walk(np.random.default_rng(seed), BARS) for seed in (1, 2))
    assert hedge_pvalue(moves(y, x), np.zeros((2, BARS - 1)), 0.0, 99, np.uint64(1)) == 1.0


def test_the_statistic_is_the_variance_of_the_walk_that_the_signs_give() -> None:
    rng = np.random.default_rng(6)
    kept, turned = rng.standard_normal((2, 150))
    bits = rng.integers(0, 2**63, 3, dtype=np.uint64)
    signs = np.array([1 - 2 * (int(bits[t // 64]) >> (t % 64) & 1) for t in range(150)])
    walked = np.concatenate([[0.0], np.cumsum(kept + signs * turned)])
    assert _spread_variance(kept, turned, bits) == pytest.approx(151 * walked.var(), rel=1e-12)


def universe(symbols: int = 5) -> Bars:
    rng = np.random.default_rng(7)
    logs = np.cumsum(
        rng.standard_normal(200) + rng.uniform(0.2, 2.0, (symbols, 1)) * rng.standard_normal((symbols, 200)), axis=1
    )
    return Bars(tuple(f"S{i}" for i in range(symbols)), logs[:, :140].copy(), logs[:, 140:].copy())


def test_the_market_of_a_pair_is_the_other_symbols_each_in_units_of_its_moves() -> None:
    bars = universe()
    train, later = np.diff(bars.train), np.diff(bars.holdout)
    scale = np.sqrt((train**2).mean(axis=1))
    others = [0, 2, 4]
    index, index_later = ((part[others] / scale[others, None]).sum(axis=0) for part in (train, later))
    shares = [float(train[leg] @ index / (index @ index)) for leg in (3, 1)]
    assert_allclose(Market(bars).shared(3, 1), np.outer(shares, index_later), rtol=1e-10)
    assert (Market(universe(2)).shared(1, 0) == 0.0).all()
    still = Bars(bars.symbols, np.vstack([bars.train[:4], np.ones(140)]), bars.holdout)
    assert np.isfinite(Market(still).shared(3, 1)).all()


def test_the_draws_depend_on_the_names_and_the_bars_only() -> None:
    bars = universe()
    seeds = {int(seed_of(bars, y, x)) for y in range(5) for x in range(5)}
    assert len(seeds) == 25
    assert seed_of(bars, 1, 0) == seed_of(Bars(bars.symbols, bars.train + 1.0, bars.holdout), 1, 0)
    assert seed_of(bars, 1, 0) != seed_of(Bars(bars.symbols, bars.train[:, 1:], bars.holdout), 1, 0)


def test_of_finds_and_of_nothing_else_both_are_computed_and_a_survivor_has_passed_all_three() -> None:
    verdicts = set()
    for seed in range(6):
        prices = market_prices(np.random.default_rng([1, seed]), World(3, 10.0))
        table = scan(prices)
        found = table["is_found"].to_numpy()
        assert (table[["hedge_pvalue", "wild_pvalue"]].notna().all(axis=1) == found).all()
        passed = (
            found
            & (table["holdout_pvalue"] < HOLDOUT_LEVEL)
            & (table["hedge_pvalue"] <= HEDGE_LEVEL)
            & (table["wild_pvalue"] <= WILD_LEVEL)
        )
        assert (table["is_confirmed"] == passed).all()
        verdicts |= {(bool(a), bool(b)) for a, b in zip(found, passed, strict=True)}
    assert verdicts == {(False, False), (True, False), (True, True)}


def test_the_numbers_of_a_find_are_those_of_the_statistics() -> None:
    prices = paired_prices(np.random.default_rng(2))
    logs = np.log(prices)
    best = scan(prices).iloc[0]
    y, x = logs[best["y"]].to_numpy(copy=True), logs[best["x"]].to_numpy(copy=True)
    bars = Bars((best["y"], best["x"]), np.array([y[:1_050], x[:1_050]]), np.array([y[1_050:], x[1_050:]]))
    drawn = wild_pvalue(y[:1_050], x[:1_050], best["statistic"], best["lags"], 0.0, WILD_DRAWS, seed_of(bars, 0, 1))
    assert best["wild_pvalue"] == drawn[0] and drawn[1] == WILD_DRAWS
    line = ols(y[:1_050], x[:1_050])
    later = y[1_050:] - line.alpha - line.beta * x[1_050:]
    assert best["holdout_statistic"] == pytest.approx(adf_kernel(later, True, FIXED, 8)[0], abs=1e-8)


def test_without_a_holdout_nothing_is_said_of_the_hedge() -> None:
    table = scan(paired_prices(np.random.default_rng(2)), ScanSettings(holdout=0.0))
    assert table["is_found"].any() and not table["is_confirmed"].any()
    assert table["hedge_pvalue"].isna().all() and table["wild_pvalue"].notna().any()


def test_few_held_out_bars_take_fewer_lags() -> None:
    assert [holdout_lags(bars) for bars in (432, 100, 60, 20, 5)] == [8, 8, 6, 2, 0]
    assert schwert_cap(432, True) > HOLDOUT_LAGS


def test_confirming_can_be_stopped() -> None:
    numbers = np.zeros((2, len(Found)))
    with pytest.raises(ScanCancelled, match="cancelled after 0 of 2 pairs"):
        confirm(universe(), np.array([[1, 0], [3, 2]]), numbers, 1, lambda: True)
