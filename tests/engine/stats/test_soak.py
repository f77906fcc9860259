"""The long forms: the simulated tables and figures again, on ten times as many pairs."""

from __future__ import annotations

import numpy as np
import pytest

from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.half_life import HalfLife, ar1_kernel, half_life_of
from engine.stats.jit import njit
from engine.stats.mackinnon import eg_critical
from engine.stats.phi_quantiles import HIGH, LENGTHS, LEVEL, LOW, MEDIAN, RESIDUAL, phi_where
from engine.stats.power import POWER, RATIOS, WINDOWS
from engine.stats.regression import ols_kernel, residuals_kernel
from engine.stats.unitroot import AIC, BIC, FIXED
from tests.engine.stats.half_life_table import rows
from tests.engine.stats.test_cointegration import SIZES
from tests.engine.stats.test_half_life import coverage, found_on_levels, found_on_residuals, median_bars, median_of
from tests.engine.stats.test_phi_quantiles import ROUNDED

pytestmark = pytest.mark.soak


@njit
def taus(pairs: int, n: int, half_life: float, criterion: int, max_lag: int, seed: int) -> Floats:
    """Engle-Granger statistics of y = x + u; u AR(1) with a stationary sd of 3, or a walk where ``half_life`` is 0."""
    np.random.seed(seed)
    out, y, x = np.empty(pairs), np.empty(n), np.empty(n)
    phi = 2.0 ** (-1.0 / half_life) if half_life > 0.0 else 1.0
    shock = 3.0 * np.sqrt(1.0 - phi * phi) if half_life > 0.0 else 1.0
    for i in range(pairs):
        level, u = 0.0, 3.0 * np.random.standard_normal() if half_life > 0.0 else 0.0
        for t in range(n):
            level += np.random.standard_normal()
            u = phi * u + shock * np.random.standard_normal()
            x[t], y[t] = level, level + u
        out[i] = engle_granger_kernel(y, x, criterion, max_lag)[0]
    return out


@njit
def raw_half_lives(count: int, n: int, residual: bool, seed: int) -> Floats:
    """Raw half-lives of random walks, or of the residual of one walk on another; inf where phi >= 1."""
    np.random.seed(seed)
    out = np.empty(count)
    for i in range(count):
        y = np.cumsum(np.random.standard_normal(n))
        if residual:
            x = np.cumsum(np.random.standard_normal(n))
            _, _, alpha, beta = engle_granger_kernel(y, x, FIXED, 0)
            y = y - (alpha + beta * x)
        raw = half_life_of(ar1_kernel(y)[1])
        out[i] = raw if raw == raw else np.inf
    return out


@pytest.mark.parametrize("criterion", [AIC, BIC, FIXED])
def test_sizes_on_20_000_pairs(criterion: int) -> None:
    for n, percent in zip((50, 80, 200, 300, 500), SIZES[criterion], strict=True):
        found = np.mean(taus(20_000, n, 0.0, criterion, 1 if criterion == FIXED else -1, n) < eg_critical(1, n))
        assert 100 * found == pytest.approx(percent, abs=1.5)  # three deviations of the table, which is from 2,000


@pytest.mark.parametrize("row", [0, 1])
def test_the_power_table_on_5_000_pairs_a_cell(row: int) -> None:
    n = int(WINDOWS[row])
    for ratio, power in zip(RATIOS, POWER[row], strict=True):
        found = np.mean(taus(5_000, n, n / ratio, FIXED, 1, int(10 * ratio)) < eg_critical(1, n))
        assert found == pytest.approx(power, abs=0.025)


@pytest.mark.parametrize("n", [50, 100, 500])
def test_the_critical_values_are_quantiles(n: int) -> None:
    found = np.quantile(taus(100_000, n, 0.0, FIXED, 0, n), [0.01, 0.05, 0.10, 0.20])
    assert found == pytest.approx([eg_critical(row, n) for row in range(4)], abs=0.03)


@pytest.mark.parametrize(("residual", "null"), [(False, 0.153), (True, 0.087)])
def test_half_life_nulls_on_20_000_series(residual: bool, null: float) -> None:
    for n in (200, 1000):
        assert np.median(raw_half_lives(20_000, n, residual, n)) / n == pytest.approx(null, abs=0.004)


# The table of docs/mathematics.md, 40,000 series a cell: bars, true half-life; percent covered, median; of residuals
# also percent without an estimate, percent with an infinite end, median raw half-life.
ON_RESIDUALS = [(500, 20, 94.8, 20.1, 0.1, 56, 15.0), (200, 20, 95.0, 20.1, 15.4, 92, 10.4),
                (500, 60, 95.0, 59.6, 20.7, 93, 28.2), (100, 20, 95.0, 20.9, 33.9, 96, 6.6),
                (2_000, 20, 95.1, 20.0, 0.0, 0, 18.6)]  # fmt: skip
ON_LEVELS = [(500, 20, 95.0, 20.0), (200, 20, 95.2, 20.0), (500, 60, 95.2, 60.7), (100, 20, 94.7, 20.2),
             (2_000, 20, 94.9, 20.1)]  # fmt: skip


def check_half_lives(found: list[HalfLife], true: int, covered: float, median: float) -> None:
    assert coverage(found, true) >= 0.93 and median_bars(found) == pytest.approx(true, rel=0.1)
    assert 100 * coverage(found, true) == pytest.approx(covered, abs=0.06)
    assert median_bars(found) == pytest.approx(median, abs=0.06)


@pytest.mark.parametrize(("n", "true", "covered", "median", "undefined", "unbounded", "raw"), ON_RESIDUALS)
def test_half_lives_of_40_000_residuals(
    n: int, true: int, covered: float, median: float, undefined: float, unbounded: float, raw: float
) -> None:
    found = found_on_residuals(n, true, 40_000)
    check_half_lives(found, true, covered, median)
    assert 100 * np.mean([np.isnan(each.bars) for each in found]) == pytest.approx(undefined, abs=0.06)
    assert 100 * np.mean([np.isinf(each.high) for each in found]) == pytest.approx(unbounded, abs=0.6)
    assert median_of([each.raw_bars for each in found]) == pytest.approx(raw, abs=0.06)


@pytest.mark.parametrize(("n", "true", "covered", "median"), ON_LEVELS)
def test_half_lives_of_40_000_level_series(n: int, true: int, covered: float, median: float) -> None:
    check_half_lives(found_on_levels(n, true, 40_000), true, covered, median)


NORMAL, STUDENT, GARCH, CORRELATED = range(4)


@njit
def phis_of_residuals(draws: int, n: int, true: float, shocks_of: int, seed: int) -> Floats:
    """(phi-hat of the residual of y = x + u, draw), u AR(1) from 0 with 100 bars of burn-in, by the kind of shock."""
    np.random.seed(seed)
    out, phi = np.empty(draws), 2.0 ** (-1.0 / true)
    for i in range(draws):
        shocks = np.random.standard_normal((2, n + 100))
        u, variance = 0.0, np.ones(2)
        x, y = np.zeros(n), np.empty(n)
        for t in range(n + 100):
            for leg in range(2):
                if shocks_of == STUDENT:
                    shocks[leg, t] /= np.sqrt(np.random.chisquare(3.0) / 3.0)
                elif shocks_of == GARCH:
                    shocks[leg, t] *= np.sqrt(variance[leg])
                    variance[leg] = 0.02 + 0.12 * shocks[leg, t] ** 2 + 0.86 * variance[leg]
            if shocks_of == CORRELATED:
                shocks[1, t] = 0.5 * shocks[0, t] + np.sqrt(0.75) * shocks[1, t]
            u = phi * u + shocks[0, t]
            if t >= 100:
                x[t - 100] = x[max(t - 101, 0)] + shocks[1, t]
                y[t - 100] = x[t - 100] + u
        alpha, beta = ols_kernel(y, x)
        out[i] = ar1_kernel(residuals_kernel(y, x, alpha, beta))[1]
    return out


@pytest.mark.parametrize(
    ("shocks_of", "covered", "medians"),  # at the cells of ON_RESIDUALS
    [
        (NORMAL, (95, 95, 95, 95, 95), (20, 20, 60, 21, 20)),
        (STUDENT, (95, 95, 95, 95, 95), (20, 20, 60, 21, 20)),
        (GARCH, (91, 93, 93, 94, 87), (20, 20, 57, 20, 20)),
        (CORRELATED, (94, 94, 94, 94, 94), (22, 24, 74, 27, 20)),
    ],
)
def test_half_lives_under_other_shocks(shocks_of: int, covered: tuple[int, ...], medians: tuple[int, ...]) -> None:
    for (n, true, *_), percent, median in zip(ON_RESIDUALS, covered, medians, strict=True):
        found = phis_of_residuals(10_000, n, float(true), shocks_of, n + true)
        phi = 2.0 ** (-1.0 / true)
        inside = [
            phi_where(HIGH, each, float(n), True) <= phi <= phi_where(LOW, each, float(n), True) for each in found
        ]
        assert 100 * np.mean(inside) == pytest.approx(percent, abs=1.2)
        middle = half_life_of(float(np.median([phi_where(MEDIAN, each, float(n), True) for each in found])))
        assert middle == pytest.approx(median, rel=0.06)


@pytest.mark.parametrize("row", range(LENGTHS.size))
def test_the_recipe_gives_the_table_of_phi_quantiles(row: int) -> None:
    level, residual = rows(int(LENGTHS[row]))
    np.testing.assert_allclose(LEVEL[row], level, atol=ROUNDED)
    np.testing.assert_allclose(RESIDUAL[row], residual, atol=ROUNDED)
