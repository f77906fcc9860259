"""Small simulated markets with faults: from a seed, late deliveries, a gap that is filled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from engine.market.records import Run
from engine.market.ticks import Tick
from engine.pairs.settings import ESTIMATORS, PairSettings, defended
from tests.engine.pairs.worlds import RANGES

T0 = 1_790_046_000_000
NEVER = 10**7  # ms: too late to arrive at all
SETTINGS = PairSettings(
    interval_ms=2_000, calibration_bars=30, beta_window=25, z_window=10, memory_half_life=200.0, entry_z=1.3,
    exit_z=0.3, gate_level=10, gate_every=4, gate_dwell=4, test_window=50, stale_after_ms=6_000,
)  # fmt: skip
# Every estimator under both presets, with windows short enough for a market of a few minutes.
WAYS = [
    replace(settings, **RANGES.get(estimator, {}))
    for estimator in ESTIMATORS
    for settings in (
        replace(SETTINGS, estimator=estimator),
        defended(
            interval_ms=2_000, estimator=estimator, calibration_bars=30, beta_window=25, test_window=50, entry_z=1.2,
            exit_z=0.3, gate_level=10, gate_every=4, gate_dwell=4, stale_after_ms=6_000, fee_bps=0.3, cooldown_bars=0,
            break_alarm=None,  # the tests of one run; runs that break are in tests/live/test_runs.py
        ),
    )
]  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """Which ticks come late, and how. Fractions of the market's length."""

    gap_at: float = 0.5
    gap_ids: int = 40
    gap_late_ms: int = 9_000
    late_at: float = 0.7
    late_ms: int = 5_000


def make_ticks(seed: int, seconds: int = 260, stays: float = 0.95) -> list[Tick]:
    """Two symbols, Y = X plus a spread of which ``stays`` after 0.1 s, bouncing prints; in time order."""
    rng = np.random.default_rng(seed)
    x_log = np.log(60_000.0) + np.cumsum(rng.normal(0, 1e-4, seconds * 10))
    spread = np.zeros(seconds * 10)
    for t in range(1, spread.size):
        spread[t] = stays * spread[t - 1] + rng.normal(0, 5e-4)
    ticks: list[Tick] = []
    for symbol, path, rate in (("XUSDT", x_log, 6.0), ("YUSDT", x_log - 3.0 + spread, 4.0)):
        times = np.sort(rng.integers(0, seconds * 1_000, int(rate * seconds)))
        for agg_id, at in enumerate(times.tolist(), 1_000):
            is_sale = bool(rng.integers(2))
            mid = float(np.exp(path[at // 100]))
            price = round(mid * (1 - 2e-5 if is_sale else 1 + 2e-5), 4)
            ticks.append(Tick(symbol, agg_id, price, round(float(rng.uniform(0.01, 2)), 3), T0 + at, is_sale))
    return sorted(ticks, key=lambda tick: (tick.trade_time_ms, tick.symbol, tick.agg_id))


def deliver(ticks: list[Tick], trouble: Trouble) -> list[Tick]:
    """The order of arrival: some ids of Y are missing for a while, one trade comes after its bar was given out."""
    length_ms = ticks[-1].trade_time_ms - T0
    of_y = [tick for tick in ticks if tick.symbol == "YUSDT"]
    first = next(t.agg_id for t in of_y if t.trade_time_ms - T0 >= trouble.gap_at * length_ms)
    lost = range(first, first + trouble.gap_ids)
    late = next(t.agg_id for t in of_y if t.trade_time_ms - T0 >= trouble.late_at * length_ms and t.agg_id not in lost)

    def arrival(tick: Tick) -> int:
        if tick.symbol == "YUSDT" and tick.agg_id in lost:
            return tick.trade_time_ms + trouble.gap_late_ms
        if tick.symbol == "YUSDT" and tick.agg_id == late:
            return tick.trade_time_ms + trouble.late_ms
        return tick.trade_time_ms

    return sorted((tick for tick in ticks if arrival(tick) < T0 + NEVER), key=arrival)


def run_of(settings: PairSettings = SETTINGS, began_seq: int = 0) -> Run:
    text = settings.to_json()
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Run(digest, "sim", "YUSDT", "XUSDT", settings.interval_ms, text, "test", T0, began_seq)
