"""How long new trades take from the exchange to the store: of live ones alone, over the last minute."""

from __future__ import annotations

import dataclasses
import random

from engine.intake.health import Moment, health
from engine.intake.metrics import IntakeMetrics, Latency
from engine.market.records import Batch, Receipt
from engine.market.ticks import Tick
from tests.engine.intake.harness import T0, Harness, row

WALL = 1_790_046_500_000  # on this machine's clock at the monotonic 0


def stored(metrics: IntakeMetrics, agg_id: int, delay_ms: int, now_ms: int) -> None:
    tick = Tick("BTCUSDT", agg_id, 1.0, 1.0, WALL + now_ms - delay_ms, True)
    metrics.stored("sim", Receipt(Batch(0, 0, "sim", (tick,)), 1, 0, 0, ((tick, 1),)), now_ms)


def test_percentiles_are_those_of_the_delays() -> None:
    rng = random.Random(7)
    metrics = IntakeMetrics()
    delays = [round(rng.lognormvariate(3.0, 1.0)) for _ in range(501)]
    for number, delay in enumerate(delays):
        stored(metrics, number, delay, now_ms=number * 50)
    found = metrics.latency("sim", 25_000, WALL + 25_000)
    assert found == Latency(sorted(delays)[250], sorted(delays)[475], 501)


def test_fills_of_gaps_and_old_commits_do_not_count() -> None:
    metrics = IntakeMetrics()
    assert metrics.latency("sim", 0, WALL) is None
    stored(metrics, 10, 4_000, now_ms=0)
    stored(metrics, 20, 30, now_ms=30_000)
    stored(metrics, 15, 900_000, now_ms=31_000)  # fetched later
    assert metrics.latency("sim", 31_000, WALL + 31_000) == Latency(30, 4_000, 2)
    assert metrics.latency("sim", 61_000, WALL + 61_000) == Latency(30, 30, 1)
    assert metrics.latency("sim", 91_000, WALL + 91_000) is None
    assert metrics.latency("spot", 91_000, WALL + 91_000) is None


def test_the_health_tells_it_by_market() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    assert health(harness.intake, Moment(0, T0), 2_500)["markets"]["sim"]["latency"] is None
    harness.say(1, {"type": "ticks", "seq": 1, "rows": [row(5)]})
    harness.commit()
    found = health(harness.intake, Moment(0, T0 + 45), 2_500)["markets"]["sim"]["latency"]
    assert found == dataclasses.asdict(Latency(40, 40, 1))
