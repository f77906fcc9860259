"""The parity badge's service: the job in a process of its own, against a live monitor."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from functools import partial
from pathlib import Path

import pytest

from engine.errors import NotAllowed
from engine.store.sqlite.bar_reader import SqliteBarReader
from live.paper import PaperBooks
from live.parity import Parity
from services.job_process import ProcessExecutor
from services.jobs import IsCancelled, JobBusy, Jobs, Json, Report
from services.parity import NOT_CHECKED, RECHECK_EVERY_S, ParityService, ParityState
from services.scans import BridgeAddress
from services.use_cases import Surroundings, use_cases_of
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


async def test_a_difference_reaches_the_rules_that_read_parity(tmp_path: Path) -> None:
    """The whole way that the dashboard takes: a check in its process, the verdict, the next bar, an alert."""
    harness, ticks = await Harness.open(tmp_path), make_ticks(1)
    await harness.write(ticks[:-400])
    harness.read_all()
    around = Surroundings(
        tmp_path, BridgeAddress("ws://127.0.0.1:9/", lambda: None), lambda: "", SETTINGS, (), lambda: None,
        lambda: None, lambda: "test", (),
    )  # fmt: skip
    cases = use_cases_of(harness.monitor, harness.views._heartbeat, around)
    cases.alerts.create({"name": "differs", "when": {"metric": "parity", "kind": "below", "threshold": 0.5}})
    (watch_id,) = harness.monitor.watches

    async def check_and_read(start: int, stop: int | None) -> list[dict[str, float | None]]:
        assert cases.parity.check(watch_id)
        await until(lambda: not cases.parity._is_running(), 60)
        await harness.write(ticks[start:stop])
        harness.read_all()
        return [each.alert.values for each in cases.alerts.history()]

    assert await check_and_read(-400, -200) == []
    change_tick(tmp_path, 0.7)
    assert await check_and_read(-200, None) == [{"parity": 0.0}]
    cases.jobs.close()
    harness.monitor.close()
    await harness.writer.close()


class Ended:
    """An executor whose jobs wait until they may end."""

    def __init__(self) -> None:
        self.requests: list[Json] = []
        self.may_end = threading.Event()

    def run(self, function: str, request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
        assert function == "services.parity_job:run_parity"
        self.requests.append(request)
        self.may_end.wait(30)
        return dataclasses.asdict(Parity(request["record"]["run"]["run_id"], 0, (1, 1), (1, 1), (1, 1)))


async def test_once_an_hour_it_checks_the_pair_whose_check_is_the_oldest(tmp_path: Path) -> None:
    """Read access only: what checks by itself needs no owner."""
    harness, executor = await Harness.open(tmp_path), Ended()
    await harness.write(make_ticks(1)[:-200])
    harness.read_all()
    first, second = *harness.monitor.watches, harness.monitor.watch("sim", "XUSDT", "YUSDT", SETTINGS)
    jobs, now = Jobs(executor), [0.0]
    parity = ParityService(harness.monitor, PaperBooks(), jobs, tmp_path, require_owner, lambda: now[0])

    def after_an_hour() -> int | None:
        now[0] += RECHECK_EVERY_S
        return parity.check_if_due()

    now[0] = RECHECK_EVERY_S - 1
    assert parity.check_if_due() is None and executor.requests == []
    now[0] = 0.0
    assert after_an_hour() == first
    assert after_an_hour() is None, "one at a time"
    executor.may_end.set()
    for expected in (second, first, second):
        await until(lambda: not parity._is_running(), 10)
        assert after_an_hour() == expected
        assert parity.check_if_due() is None
    await until(lambda: not parity._is_running(), 10)
    assert [each["record"]["run"]["y"] for each in executor.requests] == ["YUSDT", "XUSDT", "YUSDT", "XUSDT"]
    run = harness.monitor.watches[second].run
    assert run is not None and parity.state(second, run.run_id).phase == "done"
    harness.monitor.unwatch(first)
    assert after_an_hour() == second
    harness.monitor.unwatch(second)
    assert after_an_hour() is None, "no pair is left"
    jobs.close()
    harness.monitor.close()
    await harness.writer.close()


def require_owner() -> None:
    raise NotAllowed("view only")


async def test_a_click_puts_off_the_next_check_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.parity.LOOK_EVERY_S", 0.01)
    harness, executor, now = await Harness.open(tmp_path), Ended(), [0.0]
    await harness.write(make_ticks(1)[:-200])
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    jobs = Jobs(executor)
    executor.may_end.set()
    parity = ParityService(harness.monitor, PaperBooks(), jobs, tmp_path, lambda: None, lambda: now[0])
    now[0] = RECHECK_EVERY_S - 1
    assert parity.check(watch_id)
    task = asyncio.create_task(parity.run())
    now[0] = 2 * RECHECK_EVERY_S - 2
    await asyncio.sleep(0.1)
    assert len(executor.requests) == 1
    now[0] = 2 * RECHECK_EVERY_S
    await until(lambda: len(executor.requests) == 2, 10)
    task.cancel()
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
