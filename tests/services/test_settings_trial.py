"""What a draft of settings would have done: two backtests of the same stored range, as a job that ends in time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.backtest import run
from engine.errors import NotAllowed, SettingsError
from engine.pairs.settings import PairSettings
from engine.store import open_backend
from services.backtest_data import read_legs
from services.backtest_request import StoredSource
from services.job_process import ProcessExecutor
from services.jobs import JobCancelled, Jobs
from services.pairs import Pair
from services.settings_trial import SettingsTrialService
from services.settings_trial_job import DAY_MS, TrialRequest, TrialResult, compare, outcome_of
from tests.conftest import until
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness

PRESENT = replace(SETTINGS, gate="off", entry_z=1.3, half_spread_bps=0.2, fee_bps=0.1)
DRAFT = replace(PRESENT, entry_z=1.8, exit_z=0.6, fee_bps=2.0)
PAIR = Pair("sim", "YUSDT", "XUSDT", PRESENT)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    made = await Harness.open(tmp_path)
    await made.write(make_ticks(5, 400))
    made.read_all()
    yield made
    made.monitor.close()
    await made.writer.close()


def wanted_of(draft: PairSettings) -> TrialRequest:
    return TrialRequest("sim", "YUSDT", "XUSDT", PRESENT, draft)


@pytest.mark.parametrize("draft", [DRAFT, replace(DRAFT, interval_ms=5_000, estimator="ols")])
async def test_both_are_backtests_of_the_same_range(harness: Harness, draft: PairSettings) -> None:
    backend = open_backend(harness.folder)
    found = compare(backend, wanted_of(draft))
    watermark_ms = backend.bar_reader().watermark_ms("sim")
    width_ms = max(PRESENT.interval_ms, draft.interval_ms)
    assert watermark_ms is not None and found.to_ms == watermark_ms // width_ms * width_ms
    assert 0 < found.to_ms - found.from_ms <= DAY_MS
    for settings, outcome in ((PRESENT, found.present), (draft, found.draft)):
        source = StoredSource("sim", "YUSDT", "XUSDT", found.from_ms, found.to_ms)
        legs = read_legs(source, settings.interval_ms, backend)
        same = run(legs.y, legs.x, None, settings)
        assert outcome == outcome_of(same)
        assert outcome.bars == len(same.equity) and outcome.entries >= 2
        assert outcome.entries - outcome.exits == int(same.trades["is_open"].sum()) <= 1
        net = float(same.equity.iloc[-1]) - same.account.capital
        assert outcome.net == pytest.approx(net, abs=1e-6), "what the equity gained"
        assert 0 < outcome.bars_in_position < outcome.bars
    assert found.present != found.draft


async def test_a_draft_counts_as_a_trial_and_once(harness: Harness) -> None:
    trials = open_backend(harness.folder).trials()
    for _ in range(2):
        found = compare(open_backend(harness.folder), wanted_of(DRAFT))
    assert trials.overlapping("sim", found.from_ms, found.to_ms) == (2, 1), "asked twice, tried once"
    compare(open_backend(harness.folder), wanted_of(replace(DRAFT, entry_z=1.9)))
    assert trials.overlapping("sim", found.from_ms, found.to_ms) == (3, 2)


def test_the_range_is_a_day_and_longer_for_wide_bars_up_to_a_week() -> None:
    spans = {
        width_s: wanted_of(replace(DRAFT, interval_ms=width_s * 1_000)).span_ms / DAY_MS for width_s in (1, 5, 60, 300)
    }
    assert spans == {1: 1.0, 5: 1.0, 60: 1_500 / 1_440, 300: 1_500 * 300 / 86_400}
    assert wanted_of(replace(DRAFT, interval_ms=3_600_000)).span_ms == 7 * DAY_MS


async def test_as_a_job_it_gives_the_same_and_a_new_one_replaces_it(harness: Harness) -> None:
    service = SettingsTrialService(Jobs(ProcessExecutor()), harness.folder, lambda: None)
    first = service.start(PAIR, replace(DRAFT, entry_z=2.0))
    second = service.start(PAIR, DRAFT)
    assert service.state(first) is None

    def phase() -> str:
        state = service.state(second)
        assert state is not None
        return state.phase

    await until(lambda: phase() != "running", 60)
    state = service.state(second)
    assert state is not None and state.phase == "done", state
    assert state.draft == DRAFT and isinstance(state.found, TrialResult)
    assert state.found == compare(open_backend(harness.folder), wanted_of(DRAFT))


async def test_it_ends_at_its_limit_and_says_what_is_missing(harness: Harness) -> None:
    service = SettingsTrialService(Jobs(ProcessExecutor()), harness.folder, lambda: None, limit_s=0.01)
    job_id = service.start(PAIR, DRAFT)
    await until(lambda: service.state(job_id).phase != "running", 10)  # type: ignore[union-attr]
    late = service.state(job_id)
    assert late is not None and (late.phase, late.found) == ("late", None)
    with pytest.raises(SettingsError, match="expected other settings"):
        service.start(PAIR, PRESENT)
    with pytest.raises(JobCancelled):
        compare(open_backend(harness.folder), wanted_of(DRAFT), is_cancelled=lambda: True)
    with pytest.raises(ValueError, match="no stored trades"):
        compare(open_backend(harness.folder), replace(wanted_of(DRAFT), market="none"))
    with pytest.raises(SettingsError, match="request"):
        TrialRequest.from_json({"market": "sim"})

    def refuse() -> None:
        raise NotAllowed("view only")

    with pytest.raises(NotAllowed):
        SettingsTrialService(Jobs(ProcessExecutor()), harness.folder, refuse).start(PAIR, DRAFT)
