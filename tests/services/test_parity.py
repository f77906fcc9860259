"""The parity badge's service: the job in a process of its own, against a live monitor."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from engine.errors import NotAllowed
from engine.store.sqlite.bar_reader import SqliteBarReader
from live.paper import PaperBooks
from services.job_process import ProcessExecutor
from services.jobs import JobBusy, Jobs
from services.parity import NOT_CHECKED, ParityService, ParityState
from services.views import ViewerCursor, ViewService
from tests.conftest import until
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness
from tests.live.test_parity import change_tick


async def test_a_check_is_shown_with_the_pair_and_a_flipped_tick_at_its_bar(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:-200])
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    books, jobs = PaperBooks(partial(SqliteBarReader, tmp_path / "ticks.db")), Jobs(ProcessExecutor())
    parity = ParityService(harness.monitor, books, jobs, tmp_path, lambda: None)
    views = ViewService(harness.monitor, harness.views._heartbeat, books, parity)

    def shown() -> ParityState:
        found = views.pair(watch_id, ViewerCursor(), 10)
        assert found is not None
        return found.view.parity

    assert shown() is NOT_CHECKED and not parity.check(99)
    assert parity.check(watch_id)
    with pytest.raises(JobBusy):
        parity.check(watch_id)
    await until(lambda: shown().phase != "running", 60)
    state = shown()
    assert state.phase == "done" and state.found is not None and state.found.is_equal, state
    assert state.found.bars[0] > 50 and state.found.decisions[0] > 5
    changed_ms = change_tick(tmp_path, 0.7)
    assert parity.check(watch_id)
    await until(lambda: shown().phase != "running", 60)
    found = shown().found
    assert found is not None and found.first is not None
    assert found.first.bar_ms == changed_ms // SETTINGS.interval_ms * SETTINGS.interval_ms
    assert list(found.first.fields) == ["x_volume"], "live and replayed values of the fields that differ, no others"
    mine, theirs = found.first.fields["x_volume"]
    assert theirs == pytest.approx(mine + 1.0)
    jobs.close()
    harness.monitor.close()
    await harness.writer.close()


async def test_only_the_owner_starts_checks(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)

    def refuse() -> None:
        raise NotAllowed("view only")

    parity = ParityService(harness.monitor, PaperBooks(), Jobs(ProcessExecutor()), tmp_path, refuse)
    with pytest.raises(NotAllowed):
        parity.check(1)
    harness.monitor.close()
    await harness.writer.close()
