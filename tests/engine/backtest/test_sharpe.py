"""Sharpe and Sortino by hand, their errors by simulation, Lo's factor by its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.backtest.sharpe import lo_factor, sharpe_columns, sharpe_ratio, sortino_ratio, student_95
from engine.stats.checks import Floats

RETURNS = [0.02, -0.01, 0.03, 0.0]


def test_the_ratio_and_its_moments_by_hand() -> None:
    """Mean .01; deviations .01, -.02, .02, -.01, so squares 1, 4, 4, 1 in 1e-4: variance 10/3e-4 with ddof 1."""
    found = sharpe_ratio(RETURNS)
    assert found.ratio == pytest.approx(0.01 / math.sqrt(1e-3 / 3.0), rel=1e-12)
    assert found.skew == pytest.approx(0.0, abs=1e-12)  # cubes 1, -8, 8, -1
    assert found.kurtosis == pytest.approx(((1 + 16 + 16 + 1) / 4) / 2.5**2, rel=1e-12)  # fourth powers over 2.5^2
    assert found.returns == 4


def test_sortino_by_hand() -> None:
    """The one loss is .01: sqrt(1e-4 / 4) = .005 over all four periods."""
    assert sortino_ratio(RETURNS) == pytest.approx(0.01 / 0.005)
    assert sortino_ratio(RETURNS, 0.01) == pytest.approx(0.0)
    assert math.isnan(sortino_ratio([0.01, 0.02]))


def test_the_error_without_autocorrelation_is_that_of_mertens() -> None:
    rng = np.random.default_rng(1)
    values = 0.1 + rng.standard_t(6, 20_000)
    found = sharpe_ratio(values)
    s, n = found.ratio, values.size
    mertens = math.sqrt((1.0 - found.skew * s + (found.kurtosis - 1.0) / 4.0 * s * s) / n)
    assert found.error == pytest.approx(mertens, rel=0.03)
    assert found.interval(2.0) == pytest.approx((2 * (s - 1.96 * found.error), 2 * (s + 1.96 * found.error)), rel=1e-3)


def _ar1(rng: np.random.Generator, shape: tuple[int, int], phi: float) -> Floats:
    values = rng.standard_normal(shape) * math.sqrt(1.0 - phi * phi)
    values[:, 0] /= math.sqrt(1.0 - phi * phi)
    for t in range(1, shape[1]):
        values[:, t] += phi * values[:, t - 1]
    return values


@pytest.mark.parametrize(
    ("kind", "returns", "least"),
    [
        ("normal", 30, 0.93),
        ("normal", 365, 0.93),
        ("t4", 30, 0.91),
        ("t4", 365, 0.925),
        ("ar", 30, 0.905),
        ("ar", 365, 0.915),
    ],
)
def test_the_interval_covers(kind: str, returns: int, least: float) -> None:
    """95 % intervals of a true ratio of .1 a period: docs/mathematics.md has the figures."""
    rng, draws = np.random.default_rng(returns), 2_000
    noise = {
        "normal": lambda: rng.standard_normal((draws, returns)),
        "t4": lambda: rng.standard_t(4, (draws, returns)) / math.sqrt(2.0),
        "ar": lambda: _ar1(rng, (draws, returns), 0.2),
    }[kind]()
    intervals = [sharpe_ratio(row).interval() for row in noise + 0.1]
    assert least <= np.mean([low <= 0.1 <= high for low, high in intervals]) <= 0.965


def test_lo_factor_by_its_formula_and_its_truth() -> None:
    values = np.array([1.0, 2.0, 0.0, 3.0, -1.0, 2.0])
    c = values - values.mean()
    rho = [float(c[k:] @ c[:-k]) / float(c @ c) for k in (1, 2)]
    assert lo_factor(values, 3) == pytest.approx(3.0 / math.sqrt(3.0 + 2.0 * (2.0 * rho[0] + rho[1])))
    assert lo_factor(np.random.default_rng(1).standard_normal(400_000), 24) == pytest.approx(math.sqrt(24), rel=0.02)
    hours = _ar1(np.random.default_rng(2), (1, 24 * 16_000), 0.3)[0]
    days = hours.reshape(-1, 24).sum(axis=1)
    assert lo_factor(hours, 24) == pytest.approx(24.0 * hours.std() / days.std(), rel=0.02)
    assert math.isnan(lo_factor(values, 7))


def test_the_hourly_interval_covers_the_daily_ratio() -> None:
    rng, q, phi = np.random.default_rng(3), 24, 0.2
    lags = np.arange(1, q)
    true = 0.02 * q / math.sqrt(q + 2.0 * float(((q - lags) * phi**lags).sum()))
    hits = []
    for hours in _ar1(rng, (1_000, 720), phi) + 0.02:
        low, high = sharpe_ratio(hours).interval(lo_factor(hours, q))
        hits.append(low <= true <= high)
    assert 0.92 <= np.mean(hits) <= 0.97


def test_columns_have_the_ratios_of_each_and_a_still_one_has_none() -> None:
    table = np.random.default_rng(4).normal(0.01, 1.0, (50, 3))
    table[:, 1] = 0.1
    assert sharpe_columns(table) == pytest.approx(
        [sharpe_ratio(table[:, 0]).ratio, 0.0, sharpe_ratio(table[:, 2]).ratio]
    )


def test_what_has_no_ratio_is_refused() -> None:
    with pytest.raises(ValueError, match=r"all 3 returns are 0\.1; expected returns that differ"):
        sharpe_ratio([0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match="returns has 1 values; expected at least 2"):
        sharpe_ratio([0.1])
    assert student_95(29) == pytest.approx(2.04523, abs=1e-5)
