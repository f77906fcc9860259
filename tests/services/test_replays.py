"""Replays on demand: a stretch of a stored run gives the stored decisions, and what differs is listed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import NotAllowed, SettingsError, StoreError
from engine.market.records import Decision
from engine.store import open_backend
from services.job_process import ProcessExecutor
from services.jobs import JobBusy, JobCancelled, Jobs
from services.replay_job import ReplayRequest, ReplayResult, compared, digest_of, replay_stretch
from services.replays import ReplayService, ReplayState
from tests.conftest import until
from tests.engine.pairs.markets import SETTINGS, Trouble, deliver, make_ticks
from tests.live.test_monitor import Harness

CHOSEN = replace(SETTINGS, gate="off", fee_bps=1.0)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    """A monitor that read a market with late trades and a gap; its settings were changed on the way: two runs."""
    made = await Harness.open(tmp_path)
    arrived = deliver(make_ticks(3, 400), Trouble(late_ms=12_000))
    for begin in range(0, len(arrived), 90):
        await made.write(arrived[begin : begin + 90])
        made.read_all()
        if begin == 1_350:
            made.monitor.watch("sim", "YUSDT", "XUSDT", CHOSEN)
    made.monitor.close()
    made.monitor = made.fresh()
    made.monitor.step()
    yield made
    made.monitor.close()
    await made.writer.close()


def runs_of(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "analysis.db")) as db:
        rows = db.execute("SELECT run_id FROM runs ORDER BY began_at_ms, began_seq").fetchall()
    return [row[0] for row in rows]


async def test_every_run_replays_to_its_stored_decisions_the_ended_one_too(harness: Harness) -> None:
    backend, analysis = open_backend(harness.folder), open_backend(harness.folder).analysis_reader()
    runs = runs_of(harness.folder)
    assert len(runs) >= 2
    for run_id in runs:
        stored = analysis.decisions(run_id)
        found = replay_stretch(backend, ReplayRequest(run_id))
        assert found.decisions == tuple(stored), "as given: with time, revision and lateness"
        assert (found.stored, found.equal, found.differing) == (len(stored), len(stored), 0)
        assert found.is_equal and found.is_same_code
        assert replay_stretch(backend, ReplayRequest(run_id)).digest == found.digest == digest_of(stored)
    assert any(each.reason == "RUN_END" for run_id in runs[:-1] for each in analysis.decisions(run_id))
    assert any(each.revision for each in analysis.decisions(runs[-1])), "late trades have revised decisions"


async def test_a_stretch_has_the_decisions_of_its_bars_alone(harness: Harness) -> None:
    run_id = runs_of(harness.folder)[-1]
    stored = open_backend(harness.folder).analysis_reader().decisions(run_id)
    bars = sorted({each.bar_ms for each in stored})
    from_ms, to_ms = bars[len(bars) // 4], bars[3 * len(bars) // 4]
    found = replay_stretch(open_backend(harness.folder), ReplayRequest(run_id, from_ms, to_ms))
    expected = tuple(each for each in stored if from_ms <= each.bar_ms < to_ms)
    assert 0 < len(expected) < len(stored) and found.decisions == expected and found.is_equal


async def test_a_changed_decision_and_a_changed_tick_are_listed(harness: Harness) -> None:
    folder, run_id = harness.folder, runs_of(harness.folder)[-1]
    with closing(sqlite3.connect(folder / "analysis.db")) as db, db:
        (given,) = db.execute("SELECT max(given) FROM decisions WHERE run_id=? AND z IS NOT NULL", [run_id]).fetchone()
        db.execute("UPDATE decisions SET z=z+1e-9 WHERE given=?", [given])
        (bar_ms, gone) = db.execute("SELECT bar_ms, min(given) FROM decisions WHERE run_id=?", [run_id]).fetchone()
        db.execute("DELETE FROM decisions WHERE given=?", [gone])
    found = replay_stretch(open_backend(folder), ReplayRequest(run_id))
    assert (found.stored - found.equal, found.differing) == (1, 2)
    missing, changed = found.differences
    assert missing.bar_ms == bar_ms and missing.fields["kind"][0] is None
    assert list(changed.fields) == ["z"] and changed.fields["z"][0] == pytest.approx(changed.fields["z"][1] + 1e-9)
    assert str(changed).startswith(f"bar {changed.bar_ms} ms, revision {changed.revision}: z: stored ")
    with closing(sqlite3.connect(folder / "ticks.db")) as db, db:
        db.execute("UPDATE ticks SET price=price*1.001 WHERE seq%7=0")
    assert replay_stretch(open_backend(folder), ReplayRequest(run_id)).differing > 2


async def test_as_a_job_it_is_followed_and_cancelled(harness: Harness) -> None:
    jobs, run_id = Jobs(ProcessExecutor()), runs_of(harness.folder)[-1]
    service = ReplayService(jobs, harness.folder, lambda: None)
    assert service.state() == ReplayState()
    service.start(ReplayRequest(run_id))
    with pytest.raises(JobBusy):
        service.start(ReplayRequest(run_id))
    await until(lambda: service.state().phase != "running", 60)
    state = service.state()
    assert state.phase == "done" and state.result is not None, state
    assert state.result == replay_stretch(open_backend(harness.folder), ReplayRequest(run_id))
    assert state.done <= state.total
    service.start(ReplayRequest(run_id))
    service.cancel()
    assert service.state().phase == "cancelled"
    service.start(ReplayRequest("none"))
    await until(lambda: service.state().phase != "running", 60)
    assert service.state().problem == "no run 'none' is stored; expected the run_id of a stored decision"
    jobs.close()


async def test_what_cannot_be_replayed(harness: Harness) -> None:
    backend, run_id = open_backend(harness.folder), runs_of(harness.folder)[-1]
    with pytest.raises(SettingsError, match="expected an end after its start"):
        ReplayRequest(run_id, 5, 5)
    with pytest.raises(JobCancelled):
        replay_stretch(backend, ReplayRequest(run_id), is_cancelled=lambda: True)
    with closing(sqlite3.connect(harness.folder / "analysis.db")) as db, db:
        db.execute("UPDATE cursor SET ticks_store_id='another'")
    with pytest.raises(StoreError, match="another store of trades"):
        replay_stretch(backend, ReplayRequest(run_id))

    def refuse() -> None:
        raise NotAllowed("view only")

    service = ReplayService(Jobs(ProcessExecutor()), harness.folder, refuse)
    for call in (lambda: service.start(ReplayRequest(run_id)), service.cancel):
        with pytest.raises(NotAllowed):
            call()


def test_comparing_decisions_by_bar_and_revision() -> None:
    one = Decision("r", 1_000, 0, "exit", "TARGET", 0.1, 0.1, 1.0, 0.0, 1.0, None, 2.0, 3.0, 1.0, -1.0, 0, 7, 0)
    assert compared([one], [one]) == (1, [])
    equal, (found,) = compared([one], [replace(one, quantity_x=-2.0, given_seq=8)])
    assert (equal, found.fields) == (0, {"quantity_x": (-1.0, -2.0), "given_seq": (7, 8)})
    equal, found_ = compared([], [one])
    assert equal == 0 and found_[0].fields["kind"] == (None, "exit")
    made = ReplayResult("r", (one,), 1, 0, 1, (found,), digest_of([one]), True)
    assert not made.is_equal and digest_of([one]) != digest_of([replace(one, z=0.2)])
