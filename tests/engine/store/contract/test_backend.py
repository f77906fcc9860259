"""Contract of every backend: the writing side, the analyses, the scans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import StoreClosed, StoreError, StoreMissing
from engine.market.paper_result import PaperResult
from engine.market.records import Batch, Decision, Event, Run, RunEnd
from engine.store import open_backend
from engine.store.bulk import PastRun
from engine.store.interface import Backend, Cursor, Watched
from tests.engine.store.harness import NOW, T0, tick

RUN = Run("r1", "sim", "Y", "X", 1_000, "{}", "code", T0, 5)
DECISION = Decision(
    "r1", T0, 0, "enter_long", "", -2.1, -0.01, 0.9, 0.1, 0.005, None, 100.0, 50.0, 1.0, -1.8, 1, 9, 0,
)  # fmt: skip


@pytest.fixture(params=[open_backend])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    made: Callable[[Path], Backend] = request.param
    yield made(tmp_path)


async def test_what_was_committed_is_there_again_with_its_gaps(backend: Backend) -> None:
    with pytest.raises(StoreMissing):
        backend.tick_reader()
    with pytest.raises(StoreError):
        backend.bar_reader()
    writer = await backend.tick_writer("power")
    assert (writer.markets(), writer.high_water("sim"), writer.open_gaps()) == ([], {}, [])
    first = await writer.commit([Batch(1, 7, "sim", (tick(1), tick(5), tick(1)))], [], NOW)
    assert [(receipt.stored, receipt.duplicates) for receipt in first.receipts] == [(2, 1)]
    again = await writer.commit([Batch(1, 7, "sim", (tick(1), tick(3)))], [], NOW)
    assert [(receipt.stored, receipt.duplicates) for receipt in again.receipts] == [(1, 1)]
    lost = Event("unfetchable", "sim", "BTCUSDT", {"first": 2, "last": 2, "reason": "geo-blocked"})
    await writer.commit([], [lost], NOW)
    await writer.close()
    writer = await backend.tick_writer("power")
    assert (writer.markets(), writer.high_water("sim")) == (["sim"], {"BTCUSDT": 5})
    (gap,) = writer.open_gaps()
    assert (gap.gap, gap.missing, gap.given_up) == ((2, 4), ((2, 2), (4, 4)), "geo-blocked")
    assert {"store_id", "store_note"} <= writer.health_fields().keys()
    await writer.close()


async def test_a_closed_writer_says_so_and_opens_nothing(backend: Backend) -> None:
    writer = await backend.tick_writer("crash")
    waiting = [asyncio.create_task(writer.commit([Batch(0, 0, "sim", (tick(n),))], [], NOW)) for n in range(2)]
    await asyncio.sleep(0)
    await writer.close()
    assert all(not task.exception() for task in waiting), "what began before is stored"
    for late in (writer.commit([], [], NOW), writer.store_bars("sim", []), writer.settled_ms()):
        with pytest.raises(StoreClosed, match="was closed; expected nothing more"):
            await late


async def test_bars_are_read_by_the_column(backend: Backend) -> None:
    writer = await backend.tick_writer("crash")
    await writer.commit([Batch(0, 0, "sim", (tick(1, 0), tick(2, 900), tick(3, 1_400), tick(7, 4_000)))], [], NOW)
    reader = backend.bar_reader()
    assert reader.watermark_ms("sim") == T0 + 4_000 and reader.watermark_ms("spot") is None
    ((symbol, first_ms, has_gap),) = reader.symbols("sim")
    assert (symbol, first_ms, has_gap) == ("BTCUSDT", T0 - T0 % 1_000, True)
    columns = reader.read("sim", "BTCUSDT", 0, 2**50)
    assert columns.open_time_ms.dtype == np.int64 and len(columns.open_time_ms) == 3
    assert columns.is_sided.all() and (columns.low <= columns.close).all() and (columns.close <= columns.high).all()
    reader.close()
    await writer.close()


def test_a_step_of_the_analysis_is_whole_or_not_at_all(backend: Backend) -> None:
    store = backend.analysis()
    assert store.cursor() is None and store.watch_list() == [] and not store.has_changes
    watched = store.watch("sim", "Y", "X", "{}")
    store.begin_run(RUN, T0)
    assert store.has_changes
    store.roll_back()
    assert store.watch_list() == store.open_runs() == []
    watched = store.watch("sim", "Y", "X", "{}")
    store.begin_run(RUN, T0)
    (logged,) = store.save([DECISION], Cursor("id", 9, 2, {"sim": {"a": 1}}), T0)
    store.close()
    store = backend.analysis()
    assert store.watch_list() == [watched] == [Watched(watched.watch_id, "sim", "Y", "X", "{}")]
    assert store.cursor() == Cursor("id", 9, 2, {"sim": {"a": 1}})
    assert store.open_runs() == [RUN] and store.log("r1") == [logged] and store.decisions("r1") == [DECISION]
    reader = backend.analysis_reader()
    assert reader.run("r1") == (RUN, None) and reader.run("none") is None
    store.end_run(RunEnd("r1", 9, "gap", "long"))
    store.keep()
    assert reader.run("r1") == (replace(RUN, ended_seq=9), RunEnd("r1", 9, "gap", "long"))
    assert store.open_runs() == [] and store.last_end("sim", "Y", "X") == RunEnd("r1", 9, "gap", "long")
    assert store.is_first_time("a") and not store.is_first_time("a")
    store.unwatch(watched.watch_id)
    assert store.watch_list() == [] and store.is_in_place()
    store.close()


def test_paper_results_are_listed_once_their_runs_have_ended(backend: Backend) -> None:
    store = backend.analysis()
    other = replace(RUN, run_id="r2", began_seq=RUN.began_seq + 1)
    for run in (RUN, other):
        store.begin_run(run, T0)
    first = PaperResult("r1", T0, T0 + 5_000, 1.5, 0.25, 0.125, 0.0, -0.5, 3, 2)
    store.keep_paper_result(replace(first, realised=9.0))
    store.keep_paper_result(replace(first, run_id="r2", from_ms=T0 + 5_000, to_ms=T0 + 9_000))
    store.keep()
    assert store.paper_results("sim", "Y", "X") == []
    store.keep_paper_result(first)
    store.end_run(RunEnd("r1", 9, "settings"))
    store.roll_back()
    assert store.paper_results("sim", "Y", "X") == []
    store.keep_paper_result(first)
    store.end_run(RunEnd("r1", 9, "settings"))
    store.keep()
    assert store.paper_results("sim", "Y", "X") == [first] and store.paper_results("sim", "X", "Y") == []
    store.end_run(RunEnd("r2", 12, "code"))
    store.keep()
    assert [each.run_id for each in store.paper_results("sim", "Y", "X")] == ["r1", "r2"]
    store.close()


def test_the_runs_of_a_pair_are_listed_newest_first_with_their_results(backend: Backend) -> None:
    store, reader = backend.analysis(), backend.analysis_reader()
    store.begin_run(RUN, T0)
    store.begin_run(replace(RUN, run_id="other", y="Z"), T0)
    result = PaperResult("r1", T0, T0 + 5_000, 1.5, 0.25, 0.125, 0.0, -0.5, 3, 2)
    store.keep_paper_result(result)
    store.end_run(RunEnd("r1", 9, "settings"))
    newer = replace(RUN, run_id="r2", began_seq=10)
    store.begin_run(newer, T0 + 60_000)
    store.keep()
    ended = PastRun(replace(RUN, ended_seq=9), T0, RunEnd("r1", 9, "settings"), result)
    assert reader.runs_of("sim", "Y", "X", 5) == [PastRun(newer, T0 + 60_000, None, None), ended]
    assert reader.runs_of("sim", "Y", "X", 1) == [PastRun(newer, T0 + 60_000, None, None)]
    assert reader.runs_of("sim", "X", "Y", 5) == []
    store.close()


def test_scans_are_kept_with_their_counts(backend: Backend) -> None:
    backend.analysis().close()
    scans = backend.scans()
    result = {"market": "sim", "interval_ms": 1_000, "symbols": ["A", "B"], "tests": 1, "found": 1, "confirmed": 0}
    kept = scans.add(T0, result)
    assert scans.newest() == [kept] and (kept.symbols, kept.tests, kept.found, kept.confirmed) == (2, 1, 1, 0)
    assert scans.result(kept.scan_id) == result
    assert scans.result(kept.scan_id + 1) is None and scans.result(2**70) is None
