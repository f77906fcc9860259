"""Trap T4 through the whole path: trades with sides -> seconds -> quotes -> pairs, on prints and on the mid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from engine.market.history import MemoryHistory
from engine.market.records import Run
from engine.market.ticks import Tick
from engine.pairs import PairSettings, classic, evidence_of
from engine.pairs.layout import In, Out
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from tests.engine.pairs.markets import T0

SYMBOLS = [f"S{i:02d}USDT" for i in range(20)]
SECONDS, BARS, RATE = 312, 300, 5
MID = classic(interval_ms=1_000, test_window=BARS, gate_lags="1", gate_every=1, calibration_bars=100)
LAST = replace(MID, price="last")


def tape(seed: int, half_spread: float) -> Iterator[Tick]:
    """Independent walks with a deviation of 1 a second, five trades a second, each at the bid or at the ask."""
    rng = np.random.default_rng(seed)
    mids = 10_000.0 + np.cumsum(rng.standard_normal((len(SYMBOLS), SECONDS * RATE)), axis=1) / np.sqrt(RATE)
    sold = rng.random(mids.shape) < 0.5
    prices = np.round(mids + half_spread * np.where(sold, -1.0, 1.0), 6)
    for i in range(SECONDS * RATE):
        at_ms = T0 + i * 1_000 // RATE
        for s, symbol in enumerate(SYMBOLS):
            yield Tick(symbol, i + 1, float(prices[s, i]), 1.0, at_ms, bool(sold[s, i]))


def followed(seed: int, half_spread: float, settings: list[PairSettings]) -> list[list[PairRun]]:
    """All 190 pairs under each of the settings."""
    history = MemoryHistory()
    pipeline = Pipeline(history)
    pairs = [(y, x) for i, y in enumerate(SYMBOLS) for x in SYMBOLS[:i]]
    for k, chosen in enumerate(settings):
        for y, x in pairs:
            pipeline.begin(Run(f"{k} {y} {x}", "sim", y, x, 1_000, chosen.to_json(), "test", T0, 0), 0)
    for seq, tick in enumerate(tape(seed, half_spread), 1):
        history.add(seq, tick)
        pipeline.feed(seq, tick)
    runs = list(pipeline.runs.values())
    return [runs[k * len(pairs) : (k + 1) * len(pairs)] for k in range(len(settings))]


def share_opened(runs: list[PairRun]) -> float:
    """Share of the pairs whose first test passes its 5 % value: one evaluation a pair, a window of 300 bars."""
    tau = np.array([run.model.column(Out.GATE_STATISTIC)[BARS - 1] for run in runs])
    critical = runs[0].model.column(Out.GATE_CRITICAL)[BARS - 1]
    assert np.isfinite(tau).all()
    return float(np.mean(tau < critical))


def test_prints_open_the_gate_on_half_of_all_noise_and_the_mid_does_not() -> None:
    found = []
    for seed in range(3):
        on_mid, on_prints = followed(seed, 2.0, [MID, LAST])
        found.append((share_opened(on_prints), share_opened(on_mid)))
    prints, mid = np.mean(found, axis=0)
    assert prints == pytest.approx(0.58, abs=0.12) and prints > 0.40
    assert mid <= 0.09


def test_the_meter_says_so_on_every_pair() -> None:
    (runs,) = followed(7, 2.0, [MID])
    found = [evidence_of(run.model) for run in runs[::4]]
    bounces = [each.bounce for each in found if each.bounce is not None]
    assert len(bounces) == len(found)
    assert np.mean([each.is_bounce for each in bounces]) > 0.9
    assert np.median([each.change_share for each in bounces]) > 0.6
    assert np.median([each.ratio for each in bounces]) > 3.0
    halves = np.array([each.half_spreads_bps for each in found])
    assert np.median(halves) == pytest.approx(2.0, rel=0.25)  # 2 in 10,000
    model = runs[0].model
    window = model.inputs(In.HALF, model.size - model.windows()["z"])
    assert found[0].half_spreads_bps == pytest.approx([1e4 * np.median(half) for half in window])


def test_without_sides_nothing_is_known_of_bounce() -> None:
    pipeline = Pipeline(MemoryHistory())
    pipeline.begin(Run("r", "sim", SYMBOLS[0], SYMBOLS[1], 1_000, MID.to_json(), "test", T0, 0), 0)
    for seq, tick in enumerate(tape(1, 2.0), 1):
        if tick.symbol in SYMBOLS[:2]:
            pipeline.feed(seq, tick._replace(buyer_is_maker=None))
    run = pipeline.runs["r"]
    found = evidence_of(run.model)
    assert found.bounce is None and np.isnan(found.half_spreads_bps).all()
    np.testing.assert_array_equal(*(np.stack(run.model.inputs(row)) for row in (In.MID, In.LAST)))
