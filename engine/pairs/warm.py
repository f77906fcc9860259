"""Compiles the kernels of the path at set-up: ``python -m engine.pairs.warm``."""

from __future__ import annotations

import sys

import numpy as np

from engine.market.bars import Bar
from engine.market.spans import SpanIndex
from engine.pairs.evidence import evidence_of
from engine.pairs.inputs import PairBar
from engine.pairs.leg import Leg
from engine.pairs.model import PairModel
from engine.pairs.settings import PairSettings

_BARS = 400
_SETTINGS = PairSettings(calibration_bars=60, beta_window=30, z_window=20, test_window=50)


def warm_up() -> int:
    """Run one small pair, by hand and from a leg, and its evidence; returns how many bars it took."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(0, 1e-3, _BARS))
    y = x + rng.normal(0, 1e-3, _BARS)
    model = PairModel(_SETTINGS)
    for n in range(_BARS):
        price_y, price_x = float(np.exp(y[n])), float(np.exp(x[n]))
        model.update(PairBar(5_000 * n, price_y, price_x, y_last=price_y, x_last=price_x))
    evidence_of(model)
    model.flags(0)
    leg = Leg(1_000, 0)
    leg.close(
        [Bar(0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 0.0, 1, 1, 1.0, 0, None, None, "quotes")], 2_000, SpanIndex().touches
    )
    return model.size + leg.size


if __name__ == "__main__":
    sys.stdout.write(f"{warm_up()} bars of a small pair computed\n")
