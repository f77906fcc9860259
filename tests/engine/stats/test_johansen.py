from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from statsmodels.tsa.vector_ar.vecm import VECM, coint_johansen

from engine.stats import johansen
from engine.stats.checks import Floats
from engine.stats.johansen import TRACE_CRITICAL, TRACE_RESTRICTED_5, trace_pvalues
from tests.engine.stats.worlds import ar1, walk


def legs_of(seed: int, legs: int, spreads: int, n: int = 600) -> Floats:
    """``legs`` log prices of which ``spreads`` follow the last one with a stationary gap."""
    rng = np.random.default_rng(seed)
    table = np.stack([walk(rng, n) for _ in range(legs)], axis=1)
    for i in range(spreads):
        table[:, i] = table[:, -1] * (0.5 + i) + ar1(rng, n, 5, sd=2.0)
    return table


@pytest.mark.parametrize(("legs", "spreads"), [(2, 1), (3, 1), (5, 2), (12, 3)])
@pytest.mark.parametrize("lags", [1, 3])
def test_johansen_equals_statsmodels(legs: int, spreads: int, lags: int) -> None:
    table = legs_of(legs, legs, spreads)
    ours, theirs = johansen(11.0 + 1e-3 * table, lags), coint_johansen(1e-3 * table, 0, lags)
    assert_allclose(ours.eigenvalues, theirs.eig, atol=1e-8)
    assert_allclose(ours.trace, theirs.trace_stat, atol=1e-8)
    assert_allclose(ours.maximum, theirs.max_eig_stat, atol=1e-8)
    assert_allclose(np.abs(ours.eigenvectors), np.abs(theirs.evec), rtol=1e-7, atol=1e-8 * np.abs(theirs.evec).max())
    assert_array_equal(ours.trace_critical, theirs.trace_stat_crit_vals)
    assert_array_equal(ours.maximum_critical, theirs.max_eig_stat_crit_vals)


@pytest.mark.parametrize(("legs", "spreads"), [(2, 1), (3, 1), (5, 2)])
@pytest.mark.parametrize("lags", [1, 3])
def test_the_restricted_constant_equals_the_likelihoods_of_statsmodels(legs: int, spreads: int, lags: int) -> None:
    """-T ln(1 - lambda_r) is twice what rank r + 1 adds to the log likelihood."""
    table = 11.0 + 1e-3 * legs_of(legs, legs, spreads)
    ours = johansen(table, lags, constant="restricted")
    scaled = (table - table[0]) * 1e3  # what statsmodels needs to keep its digits; the statistic does not change
    fits = [VECM(scaled, k_ar_diff=lags, coint_rank=rank, deterministic="ci").fit() for rank in range(legs + 1)]
    gained = 2.0 * np.diff([fit.llf for fit in fits])
    assert_allclose(ours.maximum, gained, atol=1e-8)
    assert_allclose(ours.trace, np.cumsum(gained[::-1])[::-1], atol=1e-8)
    weights = ours.eigenvectors[:, 0] / ours.eigenvectors[0, 0]
    assert_allclose(weights, fits[1].beta[:, 0], atol=1e-8)


def test_the_restricted_table_and_the_p_values_agree_at_5_percent() -> None:
    """Two sources: the critical values of MacKinnon, Haug and Michelis, the gamma variable of Doornik."""
    for n in range(1, 13):
        for is_free, five in ((True, TRACE_CRITICAL[n - 1, 1]), (False, TRACE_RESTRICTED_5[n - 1])):
            assert trace_pvalues(np.r_[five, np.zeros(n - 1)], is_free)[0] == pytest.approx(0.0495, abs=0.0015)
        assert trace_pvalues(np.r_[TRACE_CRITICAL[n - 1, 2], np.zeros(n - 1)], True)[0] == pytest.approx(
            0.0094, abs=7e-4
        )
    found = johansen(legs_of(2, 2, 1), constant="restricted")
    assert np.isnan(found.trace_critical[:, ::2]).all() and found.trace_critical[:, 1].tolist() == [20.2618, 9.1645]


def rejections(constant: str, pairs: int, n: int = 1_000) -> float:
    """Share of pairs of unrelated walks without drift for which "no spread" is rejected at 5 %."""
    rng = np.random.default_rng(17)
    found = [johansen([walk(rng, n), walk(rng, n)], constant=constant) for _ in range(pairs)]
    return float(np.mean([each.trace[0] > each.trace_critical[0, 1] for each in found]))


def test_without_a_drift_the_free_constant_rejects_12_percent_and_the_restricted_one_5() -> None:
    assert rejections("free", 1_000) == pytest.approx(0.118, abs=0.03)
    assert rejections("restricted", 1_000) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("spreads", [0, 1, 2])
def test_the_rank_is_the_number_of_spreads(spreads: int) -> None:
    """Without a drift the last row rejects too often, so it is looked at apart."""
    found = [johansen(legs_of(seed, 3, spreads)) for seed in range(60)]
    assert np.mean([min(each.rank, 2) == spreads for each in found]) > 0.8
    assert np.mean([each.rank == 3 for each in found]) < 0.5


def test_the_first_column_is_the_spread() -> None:
    table = legs_of(3, 2, 1, n=5000)
    weights = johansen(table).eigenvectors[:, 0]
    assert -weights[1] / weights[0] == pytest.approx(0.5, abs=0.05)
    assert weights[0] > 0


def test_columns_may_come_as_a_list() -> None:
    table = legs_of(4, 3, 1)
    assert_array_equal(johansen(table).trace, johansen([table[:, i].copy() for i in range(3)]).trace)


def test_bad_legs_are_refused() -> None:
    table = legs_of(5, 3, 1, n=100)
    flat = np.where(np.arange(3) == 1, 6e4, table)
    for bad, message in (
        (table[:, :1], "1 legs; expected 2 to 12"),
        (np.hstack([table] * 5), "15 legs; expected 2 to 12"),
        (flat, "leg 1 does not move; expected legs that do"),
        (np.stack([table[:, 0], table[:, 0], table[:, 1]], axis=1), "combinations of each other"),
        (table[:9], "9 bars for 3 legs and 1 lags; expected at least 10"),
    ):
        with pytest.raises(ValueError, match=message):
            johansen(bad)
    with pytest.raises(ValueError, match="lags is 0; expected at least 1"):
        johansen(table, 0)
    with pytest.raises(ValueError, match="constant is 'none'; expected 'free' or 'restricted'"):
        johansen(table, constant="none")
