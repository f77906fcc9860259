"""Files deleted while the monitor runs: detected, reported, and nothing is written to unreachable files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import engine.store.sqlite.analysis
import live.monitor
from engine.errors import FolderMissing, NewerSchema, StoreError
from engine.market.records import Decision
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.files import Schema
from engine.store.sqlite.reader import SqliteTickReader
from live.monitor import Monitor
from live.thread import MonitorThread
from tests.conftest import until
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import PAIR, Harness


@pytest.fixture(autouse=True)
def looked_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.monitor, "CHECK_EVERY_S", 0.0)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "analysis.db")) as db:
        return db.execute(query).fetchall()


@pytest.mark.parametrize("parts", [("", "-wal", "-shm"), ("",)])
async def test_a_deleted_analysis_file_is_begun_again_with_the_watch_list(
    tmp_path: Path, parts: tuple[str, ...]
) -> None:
    ticks = make_ticks(3)
    harness = await Harness.open(tmp_path)
    await harness.write(ticks[:1_000])
    harness.read_all()
    second = harness.monitor.watch("sim", "XUSDT", "YUSDT", replace(SETTINGS, entry_z=2.5))
    before = {watch_id: (watch.entry, watch.settings) for watch_id, watch in harness.monitor.watches.items()}
    for part in parts:
        (tmp_path / f"analysis.db{part}").unlink()
    await harness.write(ticks[1_000:])
    harness.read_all()
    assert {of: (watch.entry, watch.settings) for of, watch in harness.monitor.watches.items()} == before
    assert second in before and "was deleted" in harness.monitor.lost
    assert rows(tmp_path, "SELECT y FROM watch ORDER BY watch_id") == [("YUSDT",), ("XUSDT",)]
    harness.monitor.close()
    assert rows(tmp_path, "SELECT count(*) FROM decisions")[0][0], "what follows is stored where it can be read"
    await harness.writer.close()


@pytest.mark.parametrize("parts", [("-wal",), ("-shm",), ("-wal", "-shm")])
async def test_a_deleted_log_loses_nothing(tmp_path: Path, parts: tuple[str, ...]) -> None:
    ticks = make_ticks(3)
    harness = await Harness.open(tmp_path)
    await harness.write(ticks[:2_000])
    harness.read_all()
    (run_id,) = (watch.run.run_id for watch in harness.monitor.watches.values() if watch.run)
    for part in parts:
        (tmp_path / f"analysis.db{part}").unlink()
    await harness.write(ticks[2_000:])
    harness.read_all()
    harness.monitor.close()
    await harness.writer.close()
    store = SqliteAnalysis(tmp_path / "analysis.db")
    found: list[Decision] = store.decisions(run_id)
    store.close()
    assert harness.monitor.lost == "" and len({(d.bar_ms, d.revision) for d in found}) == len(found) > 5


async def test_a_pair_that_was_taken_off_does_not_come_back_with_a_new_file(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(3)[:1_000])
    harness.read_all()
    harness.monitor.unwatch(next(iter(harness.monitor.watches)))
    (tmp_path / "analysis.db").unlink()
    await harness.write(make_ticks(3)[1_000:])
    harness.read_all()
    assert harness.monitor.watches == {}
    harness.monitor.close()
    await harness.writer.close()


async def test_a_folder_that_went_away_ends_the_thread_and_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    harness = await Harness.open(folder)
    await harness.write(make_ticks(3)[:1_000])
    told: list[FolderMissing] = []
    with MonitorThread(harness.monitor, lambda: None, told.append):
        await until(lambda: harness.monitor.progress()[0] == 1_000, 10, "all is read")
        shutil.move(folder, tmp_path / "elsewhere")
        await until(lambda: bool(told), 5, "the folder's absence is noticed")
    assert str(told[0]) == f"{folder} was deleted or renamed while the dashboard ran"
    await harness.writer.close()


async def test_a_folder_that_goes_away_while_its_file_is_begun_again_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion is seen half done: the file is gone, its folder is there until the new file is to be opened."""
    folder = tmp_path / "data"
    folder.mkdir()
    harness = await Harness.open(folder)
    await harness.write(make_ticks(3)[:1_000])
    harness.read_all()
    await harness.writer.close()
    really = engine.store.sqlite.analysis.prepare

    def prepare_too_late(path: Path, schema: Schema, makes_folder: bool) -> str:
        shutil.rmtree(folder, ignore_errors=True)
        return really(path, schema, makes_folder)

    monkeypatch.setattr(engine.store.sqlite.analysis, "prepare", prepare_too_late)
    (folder / "analysis.db").unlink()
    with pytest.raises(StoreError, match=r"analysis\.db"):
        harness.monitor.step()
    with pytest.raises(FolderMissing, match="was deleted or renamed while the dashboard ran"):
        harness.monitor.step()
    harness.monitor.close()


async def test_a_store_of_a_newer_version_is_said_and_its_return_is_taken_up(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(3)[:1_000])
    await harness.writer.close()
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute("PRAGMA user_version=99")
        monitored = Monitor(
            partial(SqliteTickReader, tmp_path / "ticks.db"), SqliteAnalysis(tmp_path / "analysis.db"), PAIR
        )
        with pytest.raises(NewerSchema, match="schema version 99; this Pairbridge knows up to"):
            monitored.step()
        with MonitorThread(monitored, lambda: None):
            await until(lambda: "schema version 99" in (monitored.problem or ""), 5, "it is said")
            db.execute(f"PRAGMA user_version={version}")
            await until(lambda: monitored.problem is None and monitored.progress()[0] == 1_000, 10, "it goes on")
