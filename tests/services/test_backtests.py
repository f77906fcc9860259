"""Backtests as jobs: cancelled and killed searches continue to the same result, trials are counted, results kept."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.backtest import WalkPlan, run
from engine.backtest.drawdown import drawdown
from engine.errors import NotAllowed, SettingsError
from engine.store import open_backend
from services.backtest_job import Found, as_run, run_request
from services.backtest_record import equity_points, record_of
from services.backtest_request import BacktestRequest, Search, StoredSource
from services.backtests import BacktestService
from services.job_process import ProcessExecutor
from services.jobs import JobBusy, JobCancelled, Jobs
from services.unfinished import SearchMissing
from tests.conftest import until
from tests.services.backtest_worlds import NAMES, SEARCH, SETTINGS, legs_of, place_in, request_of, write_files


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_files(tmp_path_factory.mktemp("files"))


class Killed(BaseException):
    """Ends the work as a signal would: nothing catches it."""


def without_numbers(found: Found) -> dict[str, Any]:
    """The record without what counts repetitions."""
    return {name: value for name, value in record_of(found).items() if name != "trial"}


def test_requests_travel_as_json_and_say_what_is_wrong() -> None:
    for asked in (
        request_of([Path("a.csv")], SEARCH, twins=5),
        BacktestRequest(StoredSource("usdm", *NAMES, 1_000, None), SETTINGS),
    ):
        assert BacktestRequest.from_json(asked.to_json()).to_json() == asked.to_json()
        assert BacktestRequest.from_json(asked.to_json()).source == asked.source
    for change, message in (
        ({"twins": "many"}, "Expected `int`"), ({"source": {"kind": "moon"}}, "moon"),
        ({"account": {"capital": -1}}, "capital"),
        ({"nothing": 1}, "nothing"),
    ):  # fmt: skip
        with pytest.raises(SettingsError, match=message):
            BacktestRequest.from_json(request_of([Path("a.csv")]).to_json() | change)


def test_one_backtest_is_the_engines_own_and_counts_one_trial(paths: list[Path], tmp_path: Path) -> None:
    asked, legs, place = request_of(paths, twins=9), legs_of(paths), place_in(tmp_path)
    found = run_request(asked, legs, place)
    alone = run(legs.y, legs.x, None, SETTINGS, asked.costs, asked.account)
    assert found.best.metrics["PnL net [quote]"] == alone.metrics["PnL net [quote]"]
    assert len(alone.trades) > 20 and 0.0 <= (found.percentile or -1.0) <= 100.0
    assert (found.trial, found.counted) == (1, 1)
    again = run_request(asked, legs, place)
    assert (again.trial, again.counted) == (2, 1)
    record = record_of(again)
    assert record["metrics"]["Trials [#]"] == 1.0 and record["net"] == alone.metrics["PnL net [quote]"]
    assert record["percentile"] == found.percentile and len(record["trade_list"]) == len(alone.trades)


def test_every_cell_is_counted_and_the_dsr_knows(paths: list[Path], tmp_path: Path) -> None:
    place, legs = place_in(tmp_path), legs_of(paths)
    found = run_request(request_of(paths, SEARCH), legs, place)
    assert (found.trial, found.counted, len(found.records.totals)) == (24, 24, 24)
    assert place.trials.on_data(legs.fingerprint).total == 24
    assert found.verdict.trials == 24.0
    best = found.verdict.best
    assert found.records.totals[best][4] == pytest.approx(found.best.metrics["PnL net [quote]"], abs=1e-6)
    record = record_of(found)
    assert record["search"]["cells"][best]["changes"] == record["settings"]
    more = run_request(request_of(paths), legs, place)
    assert (more.trial, more.counted) == (25, 25)
    one, many = found.verdict.dsr, record["metrics"]["DSR [0..1]"]
    assert one == pytest.approx(many) and one < found.verdict.psr  # type: ignore[operator]


def test_the_same_settings_on_more_bars_are_one_trial(paths: list[Path], tmp_path: Path) -> None:
    """A form gives 2 where the settings have 2.0; one bar more does not begin a new count."""
    legs, place = legs_of(paths), place_in(tmp_path)
    fewer = replace(legs, y=legs.y.iloc[:-24], x=legs.x.iloc[:-24])
    asked = replace(request_of(paths), settings=replace(SETTINGS, entry_z=2.0))
    assert run_request(BacktestRequest.from_json(asked.to_json()), fewer, place).counted == 1
    search = replace(asked, search=Search({"entry_z": (1, 2), "exit_z": (0, SETTINGS.exit_z)}))
    assert run_request(BacktestRequest.from_json(search.to_json()), legs, place).counted == 4


def test_what_can_never_succeed_is_not_kept_to_be_continued(
    service: BacktestService, paths: list[Path], tmp_path: Path
) -> None:
    place, legs = place_in(tmp_path), legs_of(paths)
    asked = request_of(paths, replace(SEARCH, walk=WalkPlan(39, 6)))
    with pytest.raises(ValueError, match="40 whole hours for a training part of 39, 1 left out and a test of 6"):
        run_request(asked, legs, place)
    assert service.unfinished() == [] and place.trials.on_data(legs.fingerprint).total == 0


def test_the_deepest_point_of_the_chart_is_the_figure() -> None:
    rng = np.random.default_rng(1)
    for seed in range(20):
        equity = 1e5 + np.cumsum(np.random.default_rng(seed).normal(size=17_280))
        equity[rng.integers(0, equity.size)] -= 3_000.0  # one bar
        ends = np.arange(equity.size) * 5_000
        points = equity_points(ends, equity, 1e5)
        assert len(points["time_ms"]) <= 1_500 and points["time_ms"] == sorted(points["time_ms"])
        assert -min(points["fall_percent"]) == pytest.approx(100.0 * drawdown(equity, 1e5).fraction, rel=1e-12)
        assert (min(points["equity"]), max(points["equity"])) == (equity.min(), equity.max())
        assert points["equity"][-1] == equity[-1] and points["time_ms"][0] == 0
        at = [time // 5_000 for time in points["time_ms"]]
        np.testing.assert_array_equal(points["equity"], equity[at])


def test_a_band_of_few_hours_is_withheld_with_its_reason(paths: list[Path], tmp_path: Path) -> None:
    legs, place = legs_of(paths), place_in(tmp_path)
    known = record_of(run_request(request_of(paths), legs, place))["curve"]
    assert known["band"] is not None and known["why_no_band"] == ""
    few = replace(legs, y=legs.y.iloc[:150], x=legs.x.iloc[:150])
    curve = record_of(run_request(request_of(paths), few, place))["curve"]
    assert curve["band"] is None
    assert curve["why_no_band"] == "not known: 2 whole periods, luck can be told from 30 on"


@pytest.mark.parametrize("points", [(0, 16), pytest.param(range(25), marks=pytest.mark.soak)])
def test_killed_anywhere_a_search_continues_to_the_same_result(
    points: Any, paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.search_units.CELLS_AT_ONCE", 3)
    legs, asked = legs_of(paths), request_of(paths, SEARCH)
    whole = run_request(asked, legs, place_in(tmp_path / "whole"))
    for point in points:
        place, seen = place_in(tmp_path / f"killed-{point}"), []

        def kill(stage: str, done: int, total: int, point: int = point) -> None:
            if done >= point:
                raise Killed

        with pytest.raises(Killed):
            run_request(asked, legs, place, kill)
        found = run_request(asked, legs, place, lambda _, done, __, seen=seen: seen.append(done))  # type: ignore[misc]
        assert seen[0] == -(-point // 3) * 3 and seen[-1] == 24  # what was done is not done again
        assert without_numbers(found) == without_numbers(whole)
        assert place.trials.on_data(legs.fingerprint).total == 24
        assert not list((tmp_path / f"killed-{point}" / "searches").iterdir())


def test_cancelled_keeps_its_cells(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.search_units.CELLS_AT_ONCE", 3)
    place, legs, reports = place_in(tmp_path), legs_of(paths), []
    with pytest.raises(JobCancelled, match="its finished cells are kept"):
        run_request(request_of(paths, SEARCH), legs, place, lambda *at: reports.append(at), lambda: len(reports) >= 2)
    assert [done for _, done, _ in reports] == [0, 3]
    found = run_request(request_of(paths, SEARCH), legs, place, lambda *at: reports.append(at))
    assert reports[2][1] == 6 and found.counted == 24  # the unit that was at work then is kept too


@pytest.fixture
def service(tmp_path: Path) -> Iterator[BacktestService]:
    backend = open_backend(tmp_path)
    backend.analysis().close()
    executor = ProcessExecutor()
    jobs = Jobs(executor)
    made = BacktestService(jobs, backend.backtests(), backend.trials(), tmp_path, lambda: None)
    made.executor = executor  # type: ignore[attr-defined]
    yield made
    jobs.close()


async def test_a_process_that_is_killed_leaves_cells_and_a_result_is_stored(
    service: BacktestService, paths: list[Path], tmp_path: Path
) -> None:
    asked = request_of(paths, SEARCH)
    service.start(asked)
    with pytest.raises(JobBusy):
        service.start(asked)
    await until(lambda: service.state().done > 0, 60)
    (child,) = service.executor.children  # type: ignore[attr-defined]
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: service.state().phase in ("failed", "done"), 20)
    service.start(asked)
    await until(lambda: service.state().phase != "running", 60)
    state = service.state()
    assert state.phase == "done" and state.backtest_id is not None, state
    (summary, *_) = service.earlier()
    kept = service.result(state.backtest_id)
    assert kept is not None and summary.backtest_id == state.backtest_id and summary.cells == 24
    whole = record_of(run_request(asked, legs_of(paths), place_in(tmp_path / "whole")))
    tables = kept.pop("tables")  # where its files are, another place at each run
    assert sorted(each.name for each in (tmp_path / "backtests" / tables).iterdir()) == [
        "decisions.parquet", "equity.parquet", "trades.parquet",
    ]  # fmt: skip
    assert {**kept, "trial": 0} == {**_through_json(whole), "trial": 0}
    assert service.trials(summary.data).distinct == 24


async def test_a_cancelled_search_ends_within_a_second_and_continues_to_the_same_result(
    service: BacktestService, paths: list[Path], tmp_path: Path
) -> None:
    """Its finished cells, what was asked and how far it is stay known; its ledger counts no cell twice."""
    asked = request_of(paths, SEARCH, twins=200)
    service.start(asked)
    await until(lambda: service.state().done > 0, 60)
    (child,) = service.executor.children  # type: ignore[attr-defined]
    begun = time.monotonic()
    service.cancel()
    assert service.state().phase == "cancelled"
    child.wait(10)
    assert time.monotonic() - begun <= 1.0
    await until(lambda: not service.executor.children, 1)  # type: ignore[attr-defined]
    assert service.state().phase == "cancelled" and service.earlier() == []
    (kept,) = service.unfinished()
    assert kept.total == 24 and 0 < kept.done <= 24 and kept.is_current
    assert kept.request.to_json() == as_run(asked, legs_of(paths)).to_json()
    assert all(np.load(path)["totals"].shape[0] > 0 for path in kept.folder.glob("unit-*.npz"))
    service.resume(kept.name)
    with pytest.raises(JobBusy):
        service.discard(kept.name)
    await until(lambda: service.state().phase != "running", 60)
    state = service.state()
    assert state.phase == "done" and state.backtest_id is not None, state
    found = service.result(state.backtest_id)
    whole = _through_json(record_of(run_request(asked, legs_of(paths), place_in(tmp_path / "whole"))))
    assert found is not None and (tmp_path / "backtests" / found.pop("tables")).is_dir()
    assert {**found, "trial": 0} == {**whole, "trial": 0}
    assert service.unfinished() == [] and not list((tmp_path / "searches").iterdir())
    assert service.trials(found["data"]).distinct == 24


def test_what_was_stopped_can_be_discarded_and_what_is_unknown_is_refused(
    service: BacktestService, paths: list[Path], tmp_path: Path
) -> None:
    def kill(stage: str, done: int, total: int) -> None:
        raise Killed

    for search in (SEARCH, None):
        with pytest.raises(Killed):
            run_request(request_of(paths, search), legs_of(paths), place_in(tmp_path), kill)
    first, second = service.unfinished()
    assert sorted((first.total, second.total)) == [1, 24] and first.done == second.done == 0
    service.discard(first.name)
    assert [each.name for each in service.unfinished()] == [second.name]
    for call in (service.discard, service.resume):
        for name in (first.name, "..", ""):
            with pytest.raises(SearchMissing, match="no unfinished backtest is called"):
                call(name)
    assert service.state().phase == "idle" and second.folder.exists()


def test_a_live_range_that_was_stopped_is_the_same_when_it_continues(paths: list[Path]) -> None:
    legs = legs_of(paths)
    asked = BacktestRequest(StoredSource("usdm", *NAMES, legs.span_ms[0]), SETTINGS)
    source = as_run(asked, legs).source
    assert isinstance(source, StoredSource) and source.to_ms == legs.span_ms[1]
    assert as_run(as_run(asked, legs), legs) == as_run(asked, legs)


def test_who_may_only_look_starts_nothing(tmp_path: Path, paths: list[Path]) -> None:
    def refuse() -> None:
        raise NotAllowed("read access only")

    backend = open_backend(tmp_path)
    backend.analysis().close()
    service = BacktestService(Jobs(ProcessExecutor()), backend.backtests(), backend.trials(), tmp_path, refuse)
    for call in (lambda: service.start(request_of(paths)), service.cancel, lambda: service.discard("any")):
        with pytest.raises(NotAllowed):
            call()
    assert service.state().phase == "idle" and service.result(1) is None and service.result(-1) is None


def _through_json(record: dict[str, Any]) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(json.dumps(record, allow_nan=False))
    assert np.isfinite(found["net"])
    return found
