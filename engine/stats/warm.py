"""Compiles every kernel at set-up, so that nothing compiles at the first click: ``python -m engine.stats.warm``."""

from __future__ import annotations

import sys

import numpy as np

from engine.stats import cointegration, filtering, mackinnon, moments, regression, reversion, rolling, unitroot, windows
from engine.stats.checks import Floats


def warm_up() -> int:
    """Run every kernel on a few bars, so that its compiled code is in the cache; returns how many calls were made."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.standard_normal(64))
    y = x + rng.standard_normal(64)
    calls = [*_pair_kernels(y, x), *_series_kernels(y)]
    return len(calls)


def _pair_kernels(y: Floats, x: Floats) -> list[object]:
    out = [np.empty_like(y) for _ in range(4)]
    state = windows.window_new(16)
    whole = np.empty(1, dtype=np.int64)
    return [
        windows.window_push(state, 0, 1.0, 1.0),
        windows.line_of(1.0, 1.0, 1.0, 1.0),
        windows.spread_moments(16.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.5),
        rolling.rolling_ols(y, x, 16),
        rolling.rolling_correlation(y, x, 16),
        regression.ols(y, x),
        regression.tls(y, x),
        regression.multiple_ols(y, [x]),
        moments.CoMoments.of(y[:2], x[:2]),
        filtering.kalman(y, x, 10.0, calibration=20),
        filtering.kalman_step(1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0),
        cointegration.engle_granger(y, x),
        cointegration.engle_granger_many(np.stack([y, x]), np.array([[0, 1]]), 0, 1, out[0][:1], whole, out[1][:1]),
        mackinnon.eg_critical(1, 64.0),
    ]


def _series_kernels(y: Floats) -> list[object]:
    out = [np.empty_like(y) for _ in range(2)]
    return [
        moments.Moments.of(y[:2]),
        moments.prefix_moments(y, *out),
        rolling.rolling_moments(y, 16),
        rolling.zscore(y, 16),
        unitroot.adf(y),
        reversion.half_life(y, resamples=2),
    ]


if __name__ == "__main__":
    sys.stdout.write(f"{warm_up()} statistics compiled\n")
