"""Scans and pairs on screens count as trials, and the DSR of a backtest in their time counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine.backtest import MetricSettings
from engine.backtest.clock import DAY_MS
from engine.errors import StoreError
from engine.scan.request import HOUR_MS, ScanRequest
from engine.store.trials import Trial, TrialCount
from live.heartbeat import Heartbeat
from services.backtest_job import run_request
from services.backtest_record import record_of
from services.trial_counts import SeenPair, SeenPairs, trial_of_scan
from services.views import ViewService
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.engine.store.contract.memory import MemoryTrials
from tests.live.test_monitor import Harness
from tests.services.backtest_worlds import legs_of, place_in, request_of, write_files

NOW_MS = 1_790_046_000_000
SCAN = ScanRequest("usdm", 60_000, 24 * HOUR_MS)


def test_the_dsr_counts_every_pair_of_a_scan_in_its_time_and_market(tmp_path: Path) -> None:
    paths = write_files(tmp_path)
    legs, asked = replace(legs_of(paths), market="usdm"), request_of(paths)
    from_ms, to_ms = legs.span_ms
    place = place_in(tmp_path / "data")

    def scanned(market: str, start_ms: int, end_ms: int, tests: int) -> Trial:
        result = {"market": market, "data": f"{market}{start_ms}", "from_ms": start_ms, "to_ms": end_ms, "tests": tests}
        return trial_of_scan(SCAN, result)

    alone = record_of(run_request(asked, legs, place))
    assert (alone["counted"], alone["metrics"]["Trials [#]"]) == (1, 1.0)
    assert alone["metrics"]["DSR [0..1]"] == alone["metrics"]["PSR [0..1]"]
    elsewhere = [scanned("spot", from_ms, to_ms, 45), scanned("usdm", from_ms - 1_000, from_ms, 45)]
    place.trials.add(NOW_MS, [*elsewhere, scanned("usdm", to_ms, to_ms + 1_000, 45)])
    assert record_of(run_request(asked, legs, place))["counted"] == 1
    place.trials.add(NOW_MS, [scanned("usdm", from_ms - DAY_MS, from_ms + 60_000, 4_950)])
    found = run_request(asked, legs, place)
    record = record_of(found)
    assert (found.trial, record["counted"], record["metrics"]["Trials [#]"]) == (3, 4_951, 4_951.0)
    by_hand = found.best.performance(MetricSettings(clock=found.clock, trials=4_951.0)).metrics["DSR [0..1]"]
    assert record["metrics"]["DSR [0..1]"] == by_hand == pytest.approx(found.verdict.dsr, rel=0.02)
    assert by_hand is not None and by_hand < alone["metrics"]["DSR [0..1]"]
    place.trials.add(NOW_MS, [scanned("usdm", from_ms, to_ms, 4_950)])  # the same scan an hour later
    assert run_request(asked, legs, place).counted == 4_951


async def test_pairs_on_a_screen_count_once_a_day_for_each_of_their_settings(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    trials = MemoryTrials()
    seen = SeenPairs(trials, lambda: NOW_MS)
    views = ViewService(harness.monitor, Heartbeat("http://127.0.0.1:1/", 2_500), seen=seen)
    views.watch_list()
    await harness.write(make_ticks(1)[:400])
    harness.read_all()
    for _ in range(3):
        views.watch_list()
    (row,) = views.watch_list()
    harness.monitor.watch("sim", row.watch.y, row.watch.x, replace(row.settings, entry_z=2.5))
    harness.read_all()
    views.watch_list()
    seen.close()
    first, second = reversed([each.trial for each in trials.newest()])
    assert (first.kind, first.y, first.x, first.tests) == ("view", row.watch.y, row.watch.x, 1)
    assert first.to_ms - first.from_ms == row.bars * row.settings.interval_ms and first.settings != second.settings
    assert trials.overlapping("sim", first.from_ms, first.from_ms + 1) == TrialCount(2, 2)
    harness.monitor.close()
    await harness.writer.close()


def test_a_new_day_is_new_data_of_the_same_trial() -> None:
    trials = MemoryTrials()
    seen = SeenPairs(trials, lambda: NOW_MS)
    for hour in range(49):
        seen.note([SeenPair("usdm", "ETHUSDT", "BTCUSDT", SETTINGS, 0, 20_000 * DAY_MS + 1 + hour * HOUR_MS)])
    seen.close()
    assert [each.trial.to_ms // DAY_MS for each in trials.newest()] == [20_002, 20_001, 20_000]
    assert trials.overlapping("usdm", 0, 1) == TrialCount(3, 1)


def test_a_look_that_could_not_be_counted_is_counted_at_the_next(caplog: pytest.LogCaptureFixture) -> None:
    class Locked(MemoryTrials):
        is_locked = True

        def add(self, at_ms: int, trials: Sequence[Trial]) -> list[int]:
            if self.is_locked:
                raise StoreError("database is locked")
            return super().add(at_ms, trials)

    trials, pair = Locked(), SeenPair("usdm", "ETHUSDT", "BTCUSDT", SETTINGS, 0, 60_000)
    seen = SeenPairs(trials, lambda: NOW_MS)
    seen.note([pair])
    seen._writer.submit(lambda: None).result()
    assert trials.newest() == [] and "was not counted" in caplog.text and "database is locked" in caplog.text
    trials.is_locked = False
    seen.note([pair, pair])
    seen.close()
    assert len(trials.newest()) == 1
