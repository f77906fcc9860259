from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from engine.stats import pearson, returns, volatility
from tests.engine.stats.worlds import walk


def test_the_first_return_is_not_known() -> None:
    found = returns([100.0, 110.0, 99.0])
    assert np.isnan(found[0])
    assert_allclose(found[1:], [np.log(1.1), np.log(0.9)], rtol=1e-14)


@pytest.mark.parametrize("bar_ms", [1_000, 60_000, 86_400_000])
def test_volatility_is_a_year_of_365_days(bar_ms: int) -> None:
    rng = np.random.default_rng(1)
    per_bar = 0.5 / np.sqrt(365 * 86_400_000 / bar_ms)
    price = 6e4 * np.exp(np.cumsum(per_bar * rng.standard_normal(20_000)))
    assert volatility(price, bar_ms) == pytest.approx(0.5, rel=0.02)
    assert volatility(1e-9 * price, bar_ms) == pytest.approx(volatility(price, bar_ms), rel=1e-9)


def test_prices_are_above_zero() -> None:
    for refused in (returns, lambda p: volatility(p, 1000)):
        with pytest.raises(ValueError, match=r"price\[1\] is -3\.0; expected prices above 0"):
            refused([1.0, -3.0, 2.0])
    with pytest.raises(ValueError, match="bar_ms is 0; expected a finite number above 0"):
        volatility([1.0, 2.0, 3.0], 0)


def test_pearson_equals_numpy() -> None:
    rng = np.random.default_rng(2)
    y, x = rng.standard_normal(200), rng.standard_normal(200)
    assert pearson(y, x + 0.4 * y) == pytest.approx(np.corrcoef(y, x + 0.4 * y)[0, 1], rel=1e-12)
    assert pearson(y, 3 * y) == pytest.approx(1.0) and pearson(y, -y) == pytest.approx(-1.0)
    assert np.isnan(pearson(y, np.full(200, 0.1)))


def test_independent_walks_correlate_in_levels() -> None:
    rng = np.random.default_rng(3)
    levels = [abs(pearson(walk(rng, 500), walk(rng, 500))) for _ in range(200)]
    steps = [abs(pearson(rng.standard_normal(500), rng.standard_normal(500))) for _ in range(200)]
    assert np.mean(levels) > 0.35 and np.mean(steps) < 0.05
