"""Compiles the kernels of a scan at set-up: ``python -m engine.scan.warm``."""

from __future__ import annotations

import sys

import numpy as np

from engine.scan.correlation import correlations
from engine.scan.prices import closing_prices
from engine.scan.scan import scan_universe
from engine.scan.settings import ScanSettings

_BARS = 400


def warm_up() -> int:
    """Scan three symbols; returns how many pairs that were."""
    rng = np.random.default_rng(0)
    logs = np.cumsum(rng.normal(0, 1e-3, (3, _BARS)), axis=1)
    prices = {f"S{i}": np.exp(each) for i, each in enumerate(logs)}
    tests = sum(scan_universe(prices, ScanSettings(lags=lags)).tests for lags in ("bic", "aic", "1"))
    correlations(prices)
    one = np.exp(logs[0])
    closing_prices(np.arange(_BARS), (one, one, one, one, one), np.ones(_BARS, dtype=np.bool_), 0, _BARS)
    return tests


if __name__ == "__main__":
    sys.stdout.write(f"{warm_up()} pairs of a small universe tested\n")
