from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats import hayashi_yoshida, lead_lag, pearson, trade_side_quotes
from engine.stats.checks import Bools, Floats, Ints
from tests.engine.stats.worlds import examples

HOUR_MS = 3_600_000
Trades = tuple[Ints, Floats]


def walks(seed: int, correlation: float = 0.8) -> tuple[Floats, Floats]:
    """One hour on a grid of 0.1 s, in one-second deviations."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 36_000)) * np.sqrt(0.1)
    return np.cumsum(a), np.cumsum(correlation * a + np.sqrt(1 - correlation**2) * b)


def traded(path: Floats, rate: float, rng: np.random.Generator) -> Trades:
    """Poisson trades, ``rate`` a second, at the price of their moment."""
    at = np.sort(rng.integers(0, HOUR_MS, rng.poisson(rate * 3600)))
    return at, path[at // 100]


def filled(trades: Trades) -> Floats:
    """The last price of every second, carried forward over seconds without a trade."""
    at, price = trades
    last = np.searchsorted(at, np.arange(1000, HOUR_MS + 1, 1000)) - 1
    return price[np.maximum(last, 0)]


def brute_force(one: Trades, two: Trades) -> float:
    """The definition, pair by pair."""
    products = [
        (one[1][i] - one[1][i - 1]) * (two[1][j] - two[1][j - 1])
        for i in range(1, one[0].size)
        for j in range(1, two[0].size)
        if max(one[0][i - 1], two[0][j - 1]) < min(one[0][i], two[0][j])
    ]
    return float(sum(products)) if products else float("nan")


times = st.lists(st.integers(0, 40), min_size=2, max_size=15, unique=True).map(lambda t: np.array(sorted(t)))


@examples
@given(t1=times, t2=times, seed=st.integers(0, 1000))
def test_it_is_the_sum_over_overlapping_intervals(t1: Ints, t2: Ints, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = (t1, rng.standard_normal(t1.size)), (t2, rng.standard_normal(t2.size))
    found = hayashi_yoshida(*one, *two)
    assert found.covariance == pytest.approx(brute_force(one, two), abs=1e-12, nan_ok=True)
    assert hayashi_yoshida(*two, *one).covariance == pytest.approx(found.covariance, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(("rates", "grid", "tolerance"), [((5, 2), 0.49, 0.04), ((2, 0.5), 0.27, 0.05)])
def test_filled_bars_understate_and_hayashi_yoshida_does_not(
    rates: tuple[float, float], grid: float, tolerance: float
) -> None:
    bars, exact = [], []
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        one, two = (traded(path, rate, rng) for path, rate in zip(walks(seed), rates, strict=True))
        bars.append(pearson(np.diff(filled(one)), np.diff(filled(two))))
        exact.append(float(hayashi_yoshida(*one, *two)))
    assert np.mean(bars) == pytest.approx(grid, abs=tolerance) and np.mean(bars) < 0.55
    assert np.mean(exact) == pytest.approx(0.80, abs=0.02)
    assert np.std(exact) == pytest.approx(0.014 if rates[1] == 2 else 0.036, rel=0.6)


@pytest.mark.parametrize(("h", "prints"), [(0.5, 0.33), (1, 0.12), (2, 0.04)])
def test_on_bouncing_prints_it_fails_and_on_the_mid_it_does_not(h: float, prints: float) -> None:
    found: dict[str, list[float]] = {"prints": [], "mid": [], "clamped": []}
    for seed in range(10):
        rng = np.random.default_rng(200 + seed)
        legs: list[tuple[Ints, Floats, Bools]] = []
        for path, rate in zip(walks(seed), (5, 2), strict=True):
            at, price = traded(path, rate, rng)
            sold = rng.random(at.size) < 0.5
            legs.append((at, 1000 + price + np.where(sold, -h, h), sold))
        found["prints"].append(float(hayashi_yoshida(*legs[0][:2], *legs[1][:2])))
        for name, clamp in (("mid", False), ("clamped", True)):
            mids = [(at, sum(trade_side_quotes(price, sold, clamp=clamp)) / 2) for at, price, sold in legs]
            known = [(at[~np.isnan(m)], m[~np.isnan(m)]) for at, m in mids]
            found[name].append(float(hayashi_yoshida(*known[0], *known[1])))
    assert np.mean(found["prints"]) == pytest.approx(prints, abs=0.05)
    assert np.mean(found["mid"]) == pytest.approx(0.80, abs=0.02)
    assert np.mean(found["clamped"]) > (0.86 if h < 1 else 0.79)  # why trade_side_mid does not clamp


@pytest.mark.parametrize("lag_ms", [-700, 0, 300, 1500])
def test_the_best_lag_says_who_leads(lag_ms: int) -> None:
    rng = np.random.default_rng(5)
    one, two = (traded(path, 5, rng) for path in walks(5))
    late = (two[0] + lag_ms, two[1])  # leg 2 does it lag_ms later
    found = lead_lag(*one, *late, np.arange(-2000, 2001, 100))
    assert found.best_lag_ms is not None and abs(found.best_lag_ms - lag_ms) <= 100
    at = int(np.argmin(np.abs(found.lags_ms - lag_ms)))
    assert found.correlation[at] == pytest.approx(0.8, abs=0.05)


def test_several_ticks_in_one_millisecond_count_once() -> None:
    one = (np.array([0, 10, 10, 10, 20]), np.array([0.0, 5.0, -3.0, 1.0, 4.0]))
    two = (np.array([0, 10, 20]), np.array([0.0, 2.0, 3.0]))
    assert hayashi_yoshida(*one, *two).covariance == pytest.approx(1 * 2 + 3 * 1)
    assert hayashi_yoshida(*one, *two).variance_1 == pytest.approx(1 + 9)


def test_what_is_not_known_is_nan() -> None:
    t, p, flat = np.array([0, 1, 2]), np.array([0.0, 1.0, 0.5]), np.full(3, 7.0)
    assert np.isnan(hayashi_yoshida(t, p, t, flat).correlation)
    assert lead_lag(t, p, t, flat, [0, 5]).best_lag_ms is None
    for apart in (t + 100, t - 100, t + 2):  # they never overlap: nothing in common was seen
        assert np.isnan(hayashi_yoshida(t, p, apart, p).correlation)
        assert np.isnan(hayashi_yoshida(t, p, apart, p).covariance)
    assert np.isnan(lead_lag(t, p, t + 100, p, [0, 100]).correlation[0])


def test_bad_times_are_refused() -> None:
    with pytest.raises(ValueError, match=r"t1\[1\] is 0 after 5; expected times that never fall"):
        hayashi_yoshida([5, 0], [1.0, 2.0], [0, 1], [1.0, 2.0])
    with pytest.raises(ValueError, match="t2 has 1 distinct times; expected at least 2"):
        hayashi_yoshida([0, 5], [1.0, 2.0], [3, 3], [1.0, 2.0])
    with pytest.raises(ValueError, match="t1 has 3 values and p1 has 2; expected equal lengths"):
        hayashi_yoshida([0, 5, 6], [1.0, 2.0], [3, 4], [1.0, 2.0])
