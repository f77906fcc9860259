from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from engine.stats import bertram_entry, expected_cycle, ou_fit
from engine.stats.checks import Floats
from engine.stats.jit import njit
from tests.engine.stats.worlds import ar1, walk

TABLE = {0.05: 0.427, 0.10: 0.542, 0.25: 0.748, 0.5: 0.964, 1: 1.264, 1.5: 1.502, 2: 1.714, 3: 2.109}


@pytest.mark.parametrize("cost", TABLE)
def test_bertrams_table(cost: float) -> None:
    assert bertram_entry(cost, exit="opposite") == pytest.approx(TABLE[cost], abs=1e-3)


@pytest.mark.parametrize(("cost", "entry"), [(0.25, 0.964), (0.5, 1.264), (1, 1.714), (1.5, 2.109)])
def test_an_exit_at_the_mean_is_the_opposites_at_twice_the_cost(cost: float, entry: float) -> None:
    assert bertram_entry(cost) == pytest.approx(entry, abs=1e-3)
    assert bertram_entry(cost) == bertram_entry(2 * cost, exit="opposite")


@pytest.mark.parametrize("cost", [1e-3, 0.2, 1.0, 6.0])
def test_no_other_entry_pays_better(cost: float) -> None:
    best = minimize_scalar(
        lambda a: -(2 * a - cost) / expected_cycle(a, 1.0, "opposite"),
        bounds=(cost / 2, cost / 2 + 5),
        options={"xatol": 1e-10},
    )
    assert bertram_entry(cost, exit="opposite") == pytest.approx(best.x, abs=1e-5)


def test_a_large_cost_does_not_overflow() -> None:
    assert 50.0 < bertram_entry(50.0) < 50.1
    assert bertram_entry(0.0) == 0.0 < bertram_entry(1e-9)


@njit
def entries(path: Floats, a: float, level: float) -> int:
    """How often the path falls to -a after it has been up at ``level``."""
    count, armed = 0, True
    for value in path:
        if armed and value <= -a:
            count, armed = count + 1, False
        elif value >= level:
            armed = True
    return count


@pytest.mark.parametrize(("exit", "level"), [("opposite", 1.2), ("mean", 0.0)])
def test_a_cycle_takes_the_stated_time(exit: str, level: float) -> None:
    a, theta = 1.2, 0.001
    one_way = np.sqrt(2 * np.pi) / theta * quad(lambda u: np.exp(u * u / 2), 0, a)[0]  # first passage from -a to +a
    assert expected_cycle(a, theta, exit="opposite") == pytest.approx(2 * one_way, rel=1e-9)
    path = ar1(np.random.default_rng(1), 5_000_000, np.log(2) / theta)
    assert path.size / entries(path, a, level) == pytest.approx(expected_cycle(a, theta, exit), rel=0.08)


def test_the_fit_finds_the_process() -> None:
    found = ou_fit(5 + ar1(np.random.default_rng(2), 50_000, 20, sd=0.3))
    assert found.half_life == pytest.approx(20, rel=0.1)
    assert found.theta == pytest.approx(np.log(2) / 20, rel=0.1)
    assert found.mu == pytest.approx(5, abs=0.05)
    assert found.sigma_eq == pytest.approx(0.3, rel=0.05)
    assert found.sigma == pytest.approx(found.sigma_eq * np.sqrt(2 * found.theta))


def test_time_has_a_unit() -> None:
    values = ar1(np.random.default_rng(3), 1000, 20)
    bars, seconds = ou_fit(values), ou_fit(values, dt=5.0)
    assert seconds.half_life == pytest.approx(5 * bars.half_life)
    assert seconds.sigma_eq == bars.sigma_eq


def test_where_nothing_reverts_there_is_no_fit() -> None:
    for values in (np.full(20, 1.0), np.resize([1.0, -1.0], 20), np.arange(20.0)):
        assert np.isnan(ou_fit(values).theta) and np.isnan(ou_fit(values).sigma_eq)
    assert np.mean([ou_fit(walk(np.random.default_rng(s), 300)).theta > 0 for s in range(100)]) > 0.8  # the trap


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="exit is 'zero'; expected 'mean' or 'opposite'"):
        bertram_entry(1.0, exit="zero")
    with pytest.raises(ValueError, match=r"cost_in_sigma is -1\.0; expected a finite number of at least 0"):
        bertram_entry(-1.0)
    with pytest.raises(ValueError, match="dt is 0; expected a finite number above 0"):
        ou_fit(np.arange(20.0), dt=0)
