from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tsa.stattools import kpss as reference

from engine.stats import kpss
from tests.engine.stats.worlds import LEVELS, ar1, examples, walk


@pytest.mark.parametrize("n", [20, 200, 1440])
@pytest.mark.parametrize("lags", [None, 0, 7])
def test_kpss_equals_statsmodels(n: int, lags: int | None) -> None:
    rng = np.random.default_rng(n)
    for values in (walk(rng, n), ar1(rng, n, 5), rng.standard_normal(n)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the ends of its table
            theirs = reference(values, nlags="auto" if lags is None else lags, result_object=True)
        ours = kpss(values, lags)
        assert ours.lags == theirs.lags
        assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-8)
        assert ours.pvalue == pytest.approx(theirs.pvalue, abs=1e-8)


@examples
@given(seed=st.integers(0, 1000), level=st.sampled_from(LEVELS))
def test_level_and_unit_do_not_matter(seed: int, level: float) -> None:
    values = ar1(np.random.default_rng(seed), 200, 5)
    assert kpss(level * (1 + 1e-4 * values)).statistic == pytest.approx(kpss(values).statistic, rel=1e-6)


def test_it_rejects_a_walk_and_spares_a_spread() -> None:
    rng = np.random.default_rng(1)
    assert np.mean([kpss(walk(rng, 500)).statistic > 0.463 for _ in range(200)]) > 0.9
    assert np.mean([kpss(ar1(rng, 500, 3)).statistic > 0.463 for _ in range(200)]) < 0.12


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="series is constant"):
        kpss(np.full(20, 0.1))
    with pytest.raises(ValueError, match="lags is 20; expected at least 0 and at most 19"):
        kpss(np.arange(20.0), 20)


@pytest.mark.parametrize(("half_life", "rejected"), [(5.0, 0.18), (20.0, 0.57), (60.0, 0.85)])
def test_kpss_rejects_slow_spreads_that_are_stationary(half_life: float, rejected: float) -> None:
    """Its size is that of short memory: over 500 bars a stationary spread of 20 bars is called unstable more often
    than not, so its rejection is no reason to drop a pair that Engle-Granger passes."""
    found = [kpss(ar1(np.random.default_rng(seed), 500, half_life)) for seed in range(600)]
    assert np.mean([each.statistic > each.critical[5] for each in found]) == pytest.approx(rejected, abs=0.04)
