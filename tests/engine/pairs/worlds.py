"""Bars of pairs made from a seed, given straight to a model: reverting, walking, with filled bars and gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from engine.pairs import Flag, PairModel, PairSettings, classic, defended
from engine.pairs.layout import Floats, Out
from engine.pairs.leg_features import BAR_ROWS, FLAGS, X_AGE, X_HALF, X_LAST, Y_AGE, Y_HALF, Y_LAST, X, Y
from engine.pairs.settings import ESTIMATORS
from tests.engine.stats.worlds import ar1, walk

WIDTH_MS = 5_000
SLOT = 1_790_046_000_000 // WIDTH_MS

# Small windows, so that a few hundred bars hold several entries and exits.
CLASSIC = classic(
    interval_ms=WIDTH_MS, calibration_bars=60, beta_window=40, z_window=20, memory_half_life=150.0, test_window=60,
    entry_z=1.4, exit_z=0.3, gate_level=10, gate_every=6, gate_dwell=6, cost_filter=False,
)  # fmt: skip
# A TLS line over so few bars is often steep: with the usual range it would hardly trade here.
RANGES: dict[str, dict[str, Any]] = {"tls": {"hedge_min": 0.0, "hedge_max": 100.0, "negative_hedge": True}}
PRESETS = {
    f"{estimator} {name}": replace(settings, **RANGES.get(estimator, {}))
    for estimator in ESTIMATORS
    for name, settings in (
        ("classic", replace(CLASSIC, estimator=estimator)),
        (
            "defended",
            defended(
                interval_ms=WIDTH_MS, estimator=estimator, calibration_bars=240, entry_z=1.2, exit_z=0.2, fee_bps=0.2,
                gate_level=10, gate_every=5, gate_dwell=5, cooldown_bars=1, stop_z=4.0, max_z=4.0, break_alarm=None,
            ),
        ),
    )
}  # fmt: skip


def bars_of(y: Floats, x: Floats, half_spread: float = 1e-5) -> Floats:
    """Log prices as the bars of a model: traded at every close, prints at the mid."""
    bars = np.zeros((BAR_ROWS, y.size))
    bars[Y], bars[X] = np.exp(y), np.exp(x)
    bars[Y_HALF], bars[X_HALF] = half_spread, half_spread
    bars[Y_LAST], bars[X_LAST] = bars[Y], bars[X]
    return bars


def reverting(seed: int, bars: int = 900, half_life: float = 4.0, sd: float = 2e-3) -> Floats:
    """A pair with a fast-reverting spread, on a walk of 2 bp steps."""
    rng = np.random.default_rng(seed)
    x = 11.0 + 2e-4 * walk(rng, bars)
    return bars_of(0.9 * x + ar1(rng, bars, half_life, sd) - 3.0, x)


def walking(seed: int, bars: int = 900) -> Floats:
    """Two independent walks."""
    rng = np.random.default_rng(seed)
    return bars_of(8.0 + 5e-4 * walk(rng, bars), 11.0 + 5e-4 * walk(rng, bars))


def fill(bars: Floats, leg: str, start: int, stop: int, tainted: bool = False) -> Floats:
    """The same bars with a stretch in which one leg did not trade, beside an open gap or not."""
    found = bars.copy()
    price, last, age, bit = (Y, Y_LAST, Y_AGE, Flag.Y_FILLED) if leg == "y" else (X, X_LAST, X_AGE, Flag.X_FILLED)
    for row in (price, last):
        found[row, start:stop] = found[row, start - 1]
    found[age, start:stop] = WIDTH_MS * np.arange(1, stop - start + 1)
    found[FLAGS, start:stop] += bit + (Flag.TAINTED if tainted else 0)
    return found


def model_of(bars: Floats, settings: PairSettings = CLASSIC, slot: int = SLOT) -> PairModel:
    model = PairModel(settings, slot)
    model.extend(bars)
    return model


def columns_of(model: PairModel) -> Floats:
    """All output columns, one a row."""
    return np.stack([model.column(row) for row in Out])
