from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats import CoMoments, Moments
from engine.stats.moments import prefix_moments
from tests.engine.stats.worlds import LEVELS, examples

steps = st.lists(st.integers(-1000, 1000), min_size=2, max_size=60)


def exact_variance(values: list[float]) -> float:
    """In rational arithmetic: nothing is rounded before the end."""
    exact = [Fraction(v) for v in values]
    mean = sum(exact) / len(exact)
    return float(sum((v - mean) ** 2 for v in exact) / (len(exact) - 1))


@examples
@given(steps=steps, level=st.sampled_from(LEVELS))
def test_online_equals_batch_at_every_prefix_and_price_level(steps: list[int], level: float) -> None:
    values = [level * (1 + step * 1e-6) for step in steps]
    moments = Moments()
    for i, value in enumerate(values):
        moments = moments.add(value)
        assert moments.mean == pytest.approx(math.fsum(values[: i + 1]) / (i + 1), rel=1e-15)
        if i:
            assert moments.variance() == pytest.approx(exact_variance(values[: i + 1]), rel=1e-9, abs=0.0)
    assert Moments.of(values) == moments


@pytest.mark.parametrize("level", LEVELS)
def test_the_kernel_over_an_array_is_the_same_recursion(level: float) -> None:
    values = level * (1 + 1e-5 * np.random.default_rng(1).standard_normal(500))
    mean, variance = np.empty(500), np.empty(500)
    prefix_moments(values, mean, variance)
    moments = Moments()
    for t, value in enumerate(values):
        moments = moments.add(value)
        assert (moments.mean, t) == (mean[t], t)
        assert t == 0 or moments.variance() == variance[t]
    assert variance[-1] == pytest.approx(values.var(ddof=1), rel=1e-9)


@examples
@given(steps=steps, level=st.sampled_from(LEVELS), slope=st.floats(-3, 3))
def test_covariance_equals_batch_at_every_prefix(steps: list[int], level: float, slope: float) -> None:
    y = [level * (1 + step * 1e-6) for step in steps]
    x = [level * (2 + slope * step * 1e-6 + 1e-7 * i) for i, step in enumerate(steps)]
    moments = CoMoments()
    for i in range(len(y)):
        moments = moments.add(y[i], x[i])
        if i:
            expected = np.cov(y[: i + 1], x[: i + 1])
            size = math.sqrt(expected[0, 0] * expected[1, 1])
            assert moments.covariance() == pytest.approx(expected[0, 1], rel=1e-7, abs=1e-7 * size)
    assert CoMoments.of(y, x) == moments


def test_before_it_is_known_it_is_nan() -> None:
    assert math.isnan(Moments().mean) and math.isnan(Moments().add(1.0).variance())
    assert math.isnan(CoMoments().mean_y) and math.isnan(CoMoments().mean_x)
    assert math.isnan(CoMoments().add(1.0, 2.0).covariance())
    assert math.isnan(CoMoments.of([1.0, 1.0], [1.0, 2.0]).correlation())
    assert CoMoments.of([1.0, 2.0], [1.0, 2.0]).correlation() == 1.0


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="value is nan; expected a finite number"):
        Moments().add(float("nan"))
    with pytest.raises(ValueError, match=r"the pair is \(1.0, inf\); expected finite numbers"):
        CoMoments().add(1.0, float("inf"))
