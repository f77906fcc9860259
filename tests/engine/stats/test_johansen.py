from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from engine.stats import johansen
from engine.stats.checks import Floats
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
