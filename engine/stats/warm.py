"""Compiles every kernel at set-up, so that nothing compiles at the first click: ``python -m engine.stats.warm``.

Compiled code is kept beside the source and used again by every later process; a second run takes a second.
"""

from __future__ import annotations

import sys

import numpy as np

from engine import stats
from engine.stats import breaks, cointegration, filtering, health, mackinnon, moments, quotes, rolling, volume, windows
from engine.stats.checks import Floats, Ints

BARS = 120


def warm_up() -> int:
    """Run every kernel once on a few bars; returns how many statistics that took."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.standard_normal(BARS))
    y = x + rng.standard_normal(BARS)
    times = np.arange(BARS, dtype=np.int64)
    return sum(map(len, (_hedges(y, x), _steps(), _series(y), _tests(y, x), _trades(y, x, times))))


def _hedges(y: Floats, x: Floats) -> list[object]:
    return [
        stats.ols(y, x),
        stats.tls(y, x),
        stats.huber(y, x),
        stats.theil_sen(y, x),
        stats.multiple_ols(y, [x]),
        stats.kalman(y, x, 10.0, calibration=20),
        stats.rolling_ols(y, x, 16),
        stats.rolling_correlation(y, x, 16),
        stats.pearson(y, x),
    ]


def _steps() -> list[object]:
    """The kernels that other rooms call bar by bar, from Python as well."""
    return [
        windows.window_push(windows.window_new(16), 0, 1.0, 1.0),
        windows.line_of(1.0, 1.0, 1.0, 1.0),
        windows.spread_moments(16.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.5),
        rolling.zscore_of(1.0, 0.0, 1.0),
        filtering.kalman_step(1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0),
        mackinnon.eg_critical(1, 64.0),
        health.memory_of(2.0, 1.0),
        breaks.cusum_step(0.0, 0.0, 1.0, 0.5),
        quotes.quote_step(1.0, 2.0, 1.5, True, True),
        volume.vwap_step(0.0, 0.0, 1.0, 1.0),
        moments.Moments().add(1.0).add(2.0),
        moments.Moments.of([1.0, 2.0]),
        moments.CoMoments().add(1.0, 2.0),
        moments.CoMoments.of([1.0, 2.0], [1.0, 2.0]),
    ]


def _series(y: Floats) -> list[object]:
    out = np.empty_like(y), np.empty_like(y)
    return [
        moments.prefix_moments(y, *out),
        stats.rolling_moments(y, 16),
        stats.zscore(y, 16),
        stats.half_life(y, resamples=2),
        stats.hurst(y),
        stats.cusum(y),
        stats.roll_half_spread(y),
        stats.ljung_box(y),
    ]


def _tests(y: Floats, x: Floats) -> list[object]:
    one, lags = np.empty(1), np.empty(1, dtype=np.int64)
    cointegration.engle_granger_many(np.stack([y, x]), np.array([[0, 1]]), 0, 1, one, lags, one.copy())
    return [stats.adf(y), stats.kpss(y), stats.engle_granger(y, x)]


def _trades(y: Floats, x: Floats, times: Ints) -> list[object]:
    volumes = np.ones(y.size)
    return [
        stats.hayashi_yoshida(times, y, times, x),
        stats.trade_side_mid(np.abs(y) + 1.0, y > x),
        stats.vwap(np.abs(y) + 1.0, volumes),
        stats.vwap(np.abs(y) + 1.0, volumes, window=16),
        stats.volume_ratio(volumes, 16),
    ]


if __name__ == "__main__":
    sys.stdout.write(f"{warm_up()} statistics compiled\n")
