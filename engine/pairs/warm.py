"""Compiles the kernels of the path at set-up: ``python -m engine.pairs.warm``."""

from __future__ import annotations

import sys

import numpy as np

from engine.pairs.columns import In
from engine.pairs.inputs import PairBar
from engine.pairs.leg import Col, carry
from engine.pairs.model import PairModel
from engine.pairs.settings import PairSettings

_BARS = 200


def warm_up() -> int:
    """Run one small pair; returns how many bars it took."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(0, 1e-3, _BARS))
    y = x + rng.normal(0, 1e-3, _BARS)
    model = PairModel(PairSettings(calibration_bars=60, beta_window=30, z_window=20, test_window=50))
    for n in range(_BARS):
        model.update(PairBar(5_000 * n, float(np.exp(y[n])), float(np.exp(x[n]))))
    carry(np.zeros((len(Col), 2)), np.zeros((len(In), 2)), 0, 2, 0, 1_000)
    return model.size


if __name__ == "__main__":
    sys.stdout.write(f"{warm_up()} bars of a small pair computed\n")
