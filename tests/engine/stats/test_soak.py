"""The long forms: the simulated tables and figures again, on ten times as many pairs."""

from __future__ import annotations

import numpy as np
import pytest

from engine.stats import half_life
from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.half_life import half_life_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import eg_critical
from engine.stats.power import POWER, RATIOS, WINDOWS
from engine.stats.unitroot import AIC, BIC, FIXED
from tests.engine.stats.test_cointegration import SIZES
from tests.engine.stats.worlds import ar1

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
        raw = half_life_kernel(y)[1]
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


@pytest.mark.parametrize("true", [5, 20, 50])
def test_the_bootstrap_interval_on_500_series(true: float) -> None:
    rng = np.random.default_rng(int(true))
    found = [half_life(ar1(rng, 500, true)) for _ in range(500)]
    assert np.mean([each.low <= true <= each.high for each in found]) == pytest.approx(0.94, abs=0.035)
