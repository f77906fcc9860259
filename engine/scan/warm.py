"""Compiles the kernels of a scan at set-up: ``python -m engine.scan.warm``."""

from __future__ import annotations

import sys

import numpy as np

from engine.scan.correlation import correlations
from engine.scan.prices import closing_prices
from engine.scan.scan import scan_universe

_BARS = 400


def warm_up() -> int:
    """Scan three walks and correlate them; returns how many pairs that were."""
    walks = np.cumsum(np.random.default_rng(0).normal(0.0, 1e-3, (3, _BARS)), axis=1)
    prices = {f"S{i}": np.exp(walk) for i, walk in enumerate(walks)}
    correlations(prices)
    one = prices["S0"]
    closing_prices(np.arange(_BARS), (one, one, one, one, one), np.ones(_BARS, dtype=np.bool_), 0, _BARS)
    return scan_universe(prices, threads=1).tests


if __name__ == "__main__":
    sys.stdout.write(f"{warm_up()} pairs of a small universe scanned\n")
