"""The monitor over a real store: for any way of committing and reading ticks, and any kill, it gives the decisions of a
replay in commit order."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engine.market.records import Batch, Decision, Event
from engine.market.ticks import Tick
from engine.pairs.settings import classic
from engine.store.interface import Now
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.bar_reader import SqliteBarReader
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.retention import RetentionJob
from engine.store.sqlite.writer import SqliteTickWriter
from live.heartbeat import Heartbeat
from live.monitor import Monitor
from live.paper import PaperBooks
from services.overview import OverviewService
from services.views import ViewService
from tests.engine.pairs.markets import SETTINGS, T0, Trouble, deliver, make_ticks
from tests.engine.pairs.test_pipeline import Replay

PAIR = ("YUSDT", "XUSDT", SETTINGS)


class Harness:
    """A store that is written and a monitor that reads it, in one folder."""

    def __init__(self, folder: Path, writer: SqliteTickWriter) -> None:
        self.folder = folder
        self.writer = writer
        self.monitor = self.fresh()

    @classmethod
    async def open(cls, folder: Path) -> Harness:
        return cls(folder, await SqliteTickWriter.open(folder / "ticks.db"))

    def fresh(self) -> Monitor:
        return Monitor(
            partial(SqliteTickReader, self.folder / "ticks.db"), SqliteAnalysis(self.folder / "analysis.db"), PAIR
        )

    @property
    def views(self) -> ViewService:
        return ViewService(self.monitor, Heartbeat("http://127.0.0.1:1/", 2_500))

    @property
    def overview(self) -> OverviewService:
        open_bars = partial(SqliteBarReader, self.folder / "ticks.db")
        return OverviewService(self.monitor, Heartbeat("http://127.0.0.1:1/", 2_500), PaperBooks(), open_bars)

    async def write(self, ticks: list[Tick]) -> None:
        await self.writer.commit([Batch(0, 0, "sim", tuple(ticks))], [], Now(T0, 0))

    def read_all(self, limit: int = 5_000) -> None:
        while self.monitor.step(limit):
            pass

    def stored(self) -> list[Decision]:
        store = SqliteAnalysis(self.folder / "analysis.db")
        (run_id,) = store._db.execute("SELECT run_id FROM runs ORDER BY began_at_ms DESC").fetchone()
        found = store.decisions(run_id)
        store.close()
        return found


@pytest.mark.parametrize("seed", range(6))
async def test_reading_in_pieces_and_being_killed_do_not_show(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    arrived = deliver(make_ticks(seed), Trouble(gap_at=rng.uniform(0.3, 0.7), late_at=rng.uniform(0.3, 0.8)))
    harness = await Harness.open(tmp_path)
    at = 0
    while at < len(arrived):
        size = rng.choice([1, 3, 20, 150])
        await harness.write(arrived[at : at + size])
        at += size
        for _ in range(rng.choice([0, 1, 1, 3])):
            monkeypatch.setattr("live.monitor.STEP_S", rng.choice([0.0, 0.05]))  # 0: one tick a step
            harness.monitor.step(rng.choice([1, 2, 50, 1_000]))
        chance = rng.random()
        if chance < 0.02:
            harness.monitor.close()
            harness.monitor = harness.fresh()
        elif chance < 0.05:  # killed: nothing is saved, the next one resumes from the last saved position
            harness.monitor = harness.fresh()
    harness.read_all(rng.choice([1, 500]))
    (watch,) = harness.monitor.watches.values()
    assert watch.run is not None
    expected = Replay(replace(watch.run, began_seq=0))
    expected.pipeline.end(watch.run.run_id, 0, "settings")
    for seq, tick in enumerate(arrived, 1):
        expected.seq = seq
        expected.history.add(seq, tick)
        expected.given += expected.pipeline.feed(seq, tick)
        if seq == watch.run.began_seq:
            expected.given += expected.pipeline.begin(watch.run, seq)
    harness.monitor.step()
    followed = harness.monitor.followed(watch)
    assert followed is not None
    assert harness.stored() == expected.given
    assert sum(d.kind == "exit" for d in expected.given) >= 3
    assert sum(d.kind.startswith("enter") for d in expected.given) >= 3
    harness.monitor.close()
    await harness.writer.close()


async def test_without_a_store_it_waits_and_with_a_new_one_it_begins_again(tmp_path: Path) -> None:
    monitor = Monitor(partial(SqliteTickReader, tmp_path / "ticks.db"), SqliteAnalysis(tmp_path / "analysis.db"), PAIR)
    assert monitor.step() is False
    ticks = make_ticks(1)
    for name in ("one", "two"):
        writer = await SqliteTickWriter.open(tmp_path / f"{name}.db")
        await writer.commit([Batch(0, 0, "sim", tuple(ticks[:400]))], [], Now(T0, 0))
        await writer.close()
    (tmp_path / "one.db").rename(tmp_path / "ticks.db")
    monitor.step()
    (first,) = (watch.run for watch in monitor.watches.values())
    (tmp_path / "two.db").replace(tmp_path / "ticks.db")
    monitor.step()
    (second,) = (watch.run for watch in monitor.watches.values())
    assert first is not None and second is not None and first.run_id != second.run_id
    monitor.close()
    ended = sqlite3.connect(tmp_path / "analysis.db").execute(
        "SELECT run_id FROM runs WHERE ended_seq IS NOT NULL"
    ).fetchall()  # fmt: skip
    assert ended == [(first.run_id,)]


@pytest.mark.parametrize("is_closed", [True, False])
async def test_ticks_archived_before_they_were_read_are_no_gap(tmp_path: Path, is_closed: bool) -> None:
    """A dashboard that was off, or asleep, for longer than the retention restarts with the available data."""
    ticks = make_ticks(1)
    kept_ms = (ticks[-1].trade_time_ms - ticks[0].trade_time_ms) * 2 // 3
    harness = await Harness.open(tmp_path)
    await harness.write(ticks[:200])
    harness.read_all()
    (watch,) = harness.monitor.watches.values()
    first = watch.run
    if is_closed:
        harness.monitor.close()
    await harness.write(ticks[200:])
    for _ in range(3):  # what was just stored stays for two more sweeps
        await RetentionJob(harness.writer, kept_ms, slack_ms=0).sweep()
    if is_closed:
        harness.monitor = harness.fresh()
    harness.read_all()
    (watch,) = harness.monitor.watches.values()
    followed = harness.monitor.followed(watch)
    assert first is not None and watch.run is not None and followed is not None
    assert watch.run.run_id != first.run_id
    assert harness.monitor.pipelines["sim"].builder.gap_count("YUSDT") == 0
    assert followed.model.size > 80
    second = watch.run
    harness.monitor.close()
    harness.monitor = harness.fresh()
    harness.read_all()
    (watch,) = harness.monitor.watches.values()
    assert watch.run == second, "what is known to be gone is not missed again"
    harness.monitor.close()
    await harness.writer.close()


async def test_a_file_put_back_from_a_copy_is_the_same_history(tmp_path: Path) -> None:
    ticks = make_ticks(1)
    harness = await Harness.open(tmp_path)
    await harness.write(ticks[:1_200])
    harness.read_all()
    (watch,) = harness.monitor.watches.values()
    before = watch.run
    await harness.writer.close()
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        db.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    (tmp_path / "copy.db").replace(tmp_path / "ticks.db")
    harness.monitor.step()
    harness.writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    await harness.write(ticks[1_200:])
    harness.read_all()
    followed = harness.monitor.followed(watch)
    assert before is not None and watch.run == before and followed is not None
    whole = Replay(replace(before, began_seq=0))
    for tick in ticks:
        whole.take(tick)
    assert [d.content() for d in followed.current.values()] == [d.content() for d in whole.given]
    harness.monitor.close()
    await harness.writer.close()


async def test_other_settings_begin_another_run_over_the_same_history(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(2))
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    before = harness.monitor.watches[watch_id].run
    assert harness.monitor.watch("sim", "YUSDT", "XUSDT", replace(SETTINGS, entry_z=2.0)) == watch_id
    watch = harness.monitor.watches[watch_id]
    assert watch.run is not None and before is not None and watch.run.run_id != before.run_id
    followed = harness.monitor.followed(watch)
    assert followed is not None and followed.model.size > 100
    assert all(entry.decision.run_id == watch.run.run_id for entry in watch.log)
    harness.monitor.unwatch(watch_id)
    await harness.write([make_ticks(2)[0]])
    harness.read_all()
    assert harness.monitor.watches == {}, "a pair that was taken off the list stays off"
    harness.monitor.close()
    await harness.writer.close()


async def test_the_watch_list_and_the_log_survive_a_restart(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(3))
    harness.monitor.watch("sim", "XUSDT", "YUSDT", classic(interval_ms=1_000))
    harness.read_all()
    logs = {of: list(watch.log) for of, watch in harness.monitor.watches.items()}
    runs = {of: watch.run for of, watch in harness.monitor.watches.items()}
    assert len(runs) == 2
    harness.monitor.close()
    harness.monitor = harness.fresh()
    harness.monitor.step()
    assert {of: watch.run for of, watch in harness.monitor.watches.items()} == runs
    assert {of: list(watch.log) for of, watch in harness.monitor.watches.items()} == logs
    harness.monitor.close()
    await harness.writer.close()


async def test_after_a_warm_start_the_run_begins_with_the_past_that_came_in(tmp_path: Path) -> None:
    ticks = make_ticks(4)
    harness = await Harness.open(tmp_path)
    cut = len(ticks) // 2
    await harness.write(ticks[cut:-200])
    harness.read_all()
    (watch,) = harness.monitor.watches.values()
    cold = watch.run
    first_of_y = next(tick for tick in ticks[cut:] if tick.symbol == "YUSDT").agg_id
    for symbol in ("XUSDT", "YUSDT"):
        await harness.write([tick for tick in ticks[:cut] if tick.symbol == symbol])
        event = Event("warm-start", "sim", symbol, {"state": "warm"})
        await harness.writer.commit([], [event], Now(T0, 0))
    await harness.write(ticks[-200:])
    harness.read_all(7)
    warm = watch.run
    assert cold is not None and warm is not None and warm.run_id != cold.run_id
    assert warm.start_ms == T0 < cold.start_ms and first_of_y > 1_000
    followed = harness.monitor.followed(watch)
    assert followed is not None
    whole = Replay(replace(warm, began_seq=0))
    for tick in ticks:
        whole.take(tick)
    assert [d.content() for d in followed.current.values()] == [d.content() for d in whole.given]
    harness.monitor.close()
    await harness.writer.close()
