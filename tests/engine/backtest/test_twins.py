"""Null twins keep what each leg has by itself and nothing of what the legs have together."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, norm
from scipy.stats import t as student

from engine.backtest.block_bootstrap import draw_places, drawn_blocks, expanded_tail, percentile_interval
from engine.backtest.twins import METHODS, TwinSource, percentile_among, twin_pairs
from engine.stats import rolling_ols, zscore
from engine.stats.checks import Floats

COST = 12e-4  # of both legs: 5 + 1 bps a fill


def walk(rng: np.random.Generator, bars: int, step: float = 1e-3, level: float = 100.0) -> Floats:
    return level * np.exp(np.cumsum(rng.standard_normal(bars) * step))


def frame(bars: int, seed: int) -> pd.DataFrame:
    """A leg whose every column names its bar: the volume is its place."""
    rng = np.random.default_rng(seed)
    close = walk(rng, bars)
    columns = {
        "close": close,
        "half_spread": rng.uniform(1e-5, 1e-4, bars),
        "open": close * (1.0 + rng.normal(0.0, 1e-4, bars)),
        "volume": np.arange(bars, dtype=np.float64),
        "is_filled": rng.random(bars) < 0.1,
    }
    index = pd.date_range("2026-01-01", periods=bars, freq="min", tz="UTC")
    return pd.DataFrame(columns, index=index).astype(float)


@pytest.mark.parametrize("method", METHODS)
def test_each_bar_of_a_twin_is_a_bar_of_the_leg_with_all_that_belongs_to_it(method: str) -> None:
    leg = frame(400, 1)
    (twin, _), *_ = twin_pairs(leg, leg, 1, mean_block=15.0, method=method)
    assert twin.index.equals(leg.index) and list(twin.columns) == list(leg.columns)
    source = twin["volume"].to_numpy().astype(int)
    assert source[0] == 0 and source[1:].min() >= 1 and not (source == np.arange(400)).all()
    for column in ("half_spread", "is_filled"):
        assert np.array_equal(twin[column].to_numpy(), leg[column].to_numpy()[source])
    moves = leg["close"].to_numpy()[1:] / leg["close"].to_numpy()[:-1]
    found = twin["close"].to_numpy()[1:] / twin["close"].to_numpy()[:-1]
    assert found == pytest.approx(moves[source[1:] - 1], rel=1e-12)
    assert (twin["open"] / twin["close"]).to_numpy() == pytest.approx((leg["open"] / leg["close"]).to_numpy()[source])


def test_blocks_are_geometric_with_their_mean_and_start_anywhere() -> None:
    places = np.empty(200_000, dtype=np.int64)
    draw_places(places, 5_000, 25.0, np.uint64(3), 0)
    ends = np.flatnonzero(np.diff(places) % 5_000 != 1)
    lengths = np.diff(ends)
    assert lengths.mean() == pytest.approx(25.0, rel=0.03)
    assert lengths.std() == pytest.approx(np.sqrt(25.0 * 24.0), rel=0.04)
    assert np.bincount(places[ends[:-1] + 1] // 500, minlength=10) == pytest.approx(lengths.size / 10, rel=0.12)
    draw_places(places, 5_000, 1.0, np.uint64(3), 0)
    assert (np.diff(places) == 1).mean() < 1e-3


def test_percentiles_are_moved_out_as_for_a_mean() -> None:
    """The share of a normal below -t sqrt(n / (n - b)); with many observations nothing is moved."""
    assert expanded_tail(0.95, 10, 1.0) == pytest.approx(norm.cdf(-student.ppf(0.975, 9) * np.sqrt(10 / 9)))
    assert expanded_tail(0.95, 10**7, 1.0) == pytest.approx(0.025, abs=1e-6)
    assert percentile_interval(np.array([np.nan, 1.0, 1.0]), 0.95, 50, 2.0) == (1.0, 1.0)
    assert np.isnan(percentile_interval(np.array([np.nan]), 0.95, 50, 2.0)).all()


@pytest.mark.parametrize("mean_block", [1.0, 7.0, 1e9])
def test_shuffled_blocks_have_each_place_once(mean_block: float) -> None:
    starts, lengths = np.empty((2, 300), dtype=np.int64)
    count = drawn_blocks(starts, lengths, 300, mean_block, True, np.uint64(11))
    blocks = [(start + np.arange(length)) % 300 for start, length in zip(starts[:count], lengths[:count], strict=True)]
    places = np.concatenate(blocks)
    assert np.array_equal(np.sort(places), np.arange(300)) and count == pytest.approx(300 / mean_block, abs=15)
    assert mean_block > 1.0 or (np.diff(places) == 1).mean() < 0.05
    leg = frame(301, 4)
    (twin, _), *_ = twin_pairs(leg, leg, 1, mean_block=mean_block)
    assert twin["volume"].sum() == leg["volume"].sum()
    assert twin["close"].iloc[-1] == pytest.approx(leg["close"].iloc[-1])  # each return once: the same way in all


def test_a_twin_is_a_function_of_seed_and_number() -> None:
    y, x = frame(100, 1), frame(100, 2)
    few, many, other = (list(twin_pairs(y, x, count, seed=seed)) for count, seed in ((2, 7), (5, 7), (2, 8)))
    for ours, theirs in zip(few, many, strict=False):
        assert ours[0].equals(theirs[0]) and ours[1].equals(theirs[1])
    assert not few[0][0].equals(other[0][0]) and not few[0][0].equals(few[1][0])
    sources = [tuple(leg["volume"].astype(int)) for pair in many for leg in pair]
    assert len(set(sources)) == len(sources)  # own blocks for each leg and twin


def test_a_twin_comes_in_the_kind_that_was_given() -> None:
    prices = walk(np.random.default_rng(1), 50)
    series = pd.Series(prices, name="ETH", index=range(50, 100))
    ((a, b), *_) = twin_pairs(prices, series, 1)
    assert isinstance(a, np.ndarray) and a[0] == prices[0]
    assert isinstance(b, pd.Series) and b.name == "ETH" and b.index.equals(series.index)
    ((c, d), *_) = twin_pairs({"close": prices, "volume": np.ones(50)}, prices[:30], 1)
    assert list(c) == ["close", "volume"] and (c["volume"] == 1.0).all() and d.size == 30


def test_bars_without_a_price_stay_without_one() -> None:
    prices = walk(np.random.default_rng(1), 300)
    prices[np.arange(3, 300, 7)] = np.nan
    twins = [y for y, _ in twin_pairs(prices, prices, 20, mean_block=30.0)]
    assert np.mean([np.isnan(twin).mean() for twin in twins]) == pytest.approx(np.isnan(prices).mean(), abs=0.02)
    carried = pd.Series(prices).ffill().to_numpy()
    allowed = np.round(np.diff(np.log(carried)), 9)
    for twin in twins:
        assert np.isin(np.round(np.diff(np.log(pd.Series(twin).ffill().to_numpy())), 9), allowed).all()


def test_twins_keep_bounce_and_clusters_and_no_relation() -> None:
    rng = np.random.default_rng(5)
    bars = 20_000
    sigma = 1e-3 * np.exp(np.repeat(rng.normal(0.0, 0.7, bars // 50), 50))
    common, own = rng.standard_normal((2, bars)) * sigma
    bounce = 5e-4 * rng.choice([-1.0, 1.0], (2, bars))
    y, x = 100.0 * np.exp(np.cumsum(common) + bounce[0]), 100.0 * np.exp(np.cumsum(common + 0.3 * own) + bounce[1])
    legs = [np.diff(np.log(leg)) for leg in (y, x)]
    twins = [[np.diff(np.log(leg)) for leg in pair] for pair in twin_pairs(y, x, 10)]
    for leg in range(2):
        drawn = [pair[leg] for pair in twins]
        assert np.mean([np.std(r) for r in drawn]) == pytest.approx(np.std(legs[leg]), rel=0.05)
        assert np.mean([lag_one(r) for r in drawn]) == pytest.approx(lag_one(legs[leg]), abs=0.02)
        size = [lag_one(np.abs(r)) for r in drawn]
        assert np.mean(size) == pytest.approx(lag_one(np.abs(legs[leg])), abs=0.04) and min(size) > 0.05
    assert np.corrcoef(*legs)[0, 1] > 0.7
    assert abs(np.mean([np.corrcoef(*pair)[0, 1] for pair in twins])) < 0.03


def lag_one(values: Floats) -> float:
    return float(np.corrcoef(values[1:], values[:-1])[0, 1])


def ratio(y: Floats, x: Floats) -> float:
    """Mean over deviation a bar of a rule on both legs: in at |z| > 2, out where z crosses 0, filled at the close that
    decides, marked from there, with costs; 0 where nothing was traded."""
    log_y, log_x = np.log(y), np.log(x)
    z = np.nan_to_num(zscore(log_y - log_x, 100))
    is_new = (np.abs(z) > 2.0) | (np.sign(z) != np.sign(np.roll(z, 1)))
    orders = np.where(np.abs(z) > 2.0, -np.sign(z), 0.0)
    position = orders[np.maximum.accumulate(np.where(is_new, np.arange(z.size), 0))]
    gain = position[:-1] * (np.diff(log_y) - np.diff(log_x)) - COST * np.abs(np.diff(position))
    return float(gain.mean() / gain.std()) if gain.std() > 0.0 else 0.0


def trap(y: Floats, x: Floats) -> float:
    """A Sharpe ratio of trap T1: position x change of a rolling line's residual, which is no money."""
    log_y, log_x = np.log(y), np.log(x)
    line = rolling_ols(log_y, log_x, 130)
    spread = log_y - line.beta * log_x - line.alpha
    z = np.nan_to_num(zscore(np.nan_to_num(spread), 50))
    gain = np.nan_to_num(-np.clip(z, -2.0, 2.0)[:-1] * np.diff(spread))
    return float(gain.mean() / gain.std())


def percentiles(seeds: int, bars: int, statistic: Any, pair: Any, method: str = "shuffle", count: int = 99) -> Floats:
    found = []
    for seed in range(seeds):
        y, x = pair(np.random.default_rng(seed), bars)
        twins = [statistic(a, b) for a, b in twin_pairs(y, x, count, seed=seed, method=method)]
        found.append(percentile_among(statistic(y, x), twins, seed))
    return np.array(found)


def noise(rng: np.random.Generator, bars: int) -> tuple[Floats, Floats]:
    return walk(rng, bars, 6e-4, 3_000.0), walk(rng, bars, 8e-4, 60_000.0)


def related(rng: np.random.Generator, bars: int) -> tuple[Floats, Floats]:
    """Half-life 20, spread of 30 bps."""
    x, spread, phi = walk(rng, bars, 8e-4), np.zeros(bars), 0.5 ** (1 / 20)
    shocks = rng.standard_normal(bars) * 3e-3 * np.sqrt(1 - phi * phi)
    for t in range(1, bars):
        spread[t] = phi * spread[t - 1] + shocks[t]
    return x * np.exp(spread), x


@pytest.mark.parametrize(("bars", "count"), [(1_000, 39), pytest.param(3_000, 200, marks=pytest.mark.soak)])
def test_the_percentile_is_uniform_on_noise(bars: int, count: int) -> None:
    """200 seeds of independent walks, a rule with costs on both legs."""
    found = percentiles(200, bars, ratio, noise, count=count)
    assert kstest(found / 100.0, "uniform").pvalue > 0.01


@pytest.mark.soak
def test_with_replacement_the_percentiles_crowd_at_the_middle() -> None:
    """Why blocks are shuffled: 800 seeds of 1,000 bars."""
    drawn, shuffled = (percentiles(800, 1_000, ratio, noise, method) / 100.0 for method in ("bootstrap", "shuffle"))
    assert kstest(drawn, "uniform").pvalue < 1e-4 < 0.05 < kstest(shuffled, "uniform").pvalue
    assert np.mean(drawn < 0.1) < 0.06 < np.mean(shuffled < 0.1)


def test_the_trap_is_the_same_in_the_twins() -> None:
    """T1 shows a huge ratio on noise, and its percentile shows nothing."""
    found = percentiles(50, 1_000, trap, noise, count=49)
    y, x = noise(np.random.default_rng(0), 3_000)
    assert trap(y, x) * np.sqrt(525_600) > 20.0
    assert 35.0 <= np.median(found) <= 65.0 and kstest(found / 100.0, "uniform").pvalue > 0.01


def test_a_true_pair_stands_above_its_twins() -> None:
    """5,500 bars, half-life 20, spread of 30 bps, 5 + 1 bps a fill."""
    found = percentiles(25, 5_500, ratio, related, "bootstrap", 39)
    assert np.mean(found >= 95.0) >= 0.8
    assert np.median(percentiles(25, 5_500, ratio, related, count=39)) >= 95.0


def test_ties_are_broken_by_the_seed_and_evenly() -> None:
    found = np.array([percentile_among(0.0, np.zeros(99), seed) for seed in range(2_000)])
    assert kstest(found / 100.0, "uniform").pvalue > 0.01
    assert percentile_among(0.0, np.zeros(99), 5) == percentile_among(0.0, np.zeros(99), 5)
    top, bottom = percentile_among(9.0, [1.0, 2.0, 3.0], 1), percentile_among(0.0, [1.0, 2.0, 3.0], 1)
    assert 75.0 < top < 100.0 and 0.0 < bottom < 25.0
    ordered = [percentile_among(value, [1.0, 2.0, 2.0, 3.0], 1) for value in (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)]
    assert all(a <= b for a, b in pairwise(ordered))


def test_one_leg_prepared_draws_the_same() -> None:
    leg = walk(np.random.default_rng(1), 60)
    source = TwinSource.of(leg, "y")
    assert source.arrays(9, 4)[0, 0] == leg[0]
    ((y, x), *_) = twin_pairs(leg, leg, 1, seed=9)
    assert np.array_equal(y, source.draw(9, 0)) and np.array_equal(x, source.draw(9, 1))


def test_what_cannot_be_drawn_is_refused() -> None:
    good = walk(np.random.default_rng(1), 30)
    bad = {
        r"x\.close has 5 values; expected at least 20": good[:5],
        r"x\.close\[0\] is nan; expected positive prices, and one in the first bar": np.r_[np.nan, good],
        r"x\.close\[3\] is -1\.0": np.r_[good[:3], -1.0, good],
        r"x has the columns \['mid'\]; expected close among them": {"mid": good},
        r"x\.volume has 20 values; expected 30 as close has": {"close": good, "volume": good[:20]},
    }
    for message, leg in bad.items():
        with pytest.raises(ValueError, match=message):
            next(iter(twin_pairs(good, leg)))
    with pytest.raises(ValueError, match="method is 'copy'; expected one of shuffle, bootstrap"):
        TwinSource.of(good, method="copy")
    with pytest.raises(ValueError, match=r"twins\[1\] is nan; expected finite numbers"):
        percentile_among(1.0, [0.0, np.nan])
    with pytest.raises(ValueError, match=r"value\[0\] is nan"):
        percentile_among(np.nan, [0.0, 1.0])
