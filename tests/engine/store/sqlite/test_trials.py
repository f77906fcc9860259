"""The trials ledger in SQLite: rows stay, processes count together, older files get the table."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.analysis_schema import ANALYSIS
from engine.store.sqlite.files import Schema, prepare
from engine.store.sqlite.trials import TRIALS, SqliteTrials
from engine.store.trials import Trial
from tests.engine.store.harness import T0

TRIAL = Trial("view", "d1", "s1", "usdm", "ETHUSDT", "BTCUSDT", T0, T0 + 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    SqliteAnalysis(tmp_path / "analysis.db").close()
    return tmp_path / "analysis.db"


@pytest.mark.parametrize(
    "change", ["DELETE FROM trials", "UPDATE trials SET tests=1", "REPLACE INTO trials SELECT * FROM trials"]
)
def test_a_trial_is_never_changed_or_deleted(path: Path, change: str) -> None:
    trials = SqliteTrials(path)
    trials.add(T0, [replace(TRIAL, tests=7)])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA recursive_triggers=ON")  # REPLACE deletes: only then it runs the trigger
        with pytest.raises(sqlite3.IntegrityError, match="trials are never"):
            db.execute(change)
    assert trials.on_data("d1") == (7, 7)


def test_threads_count_without_a_number_twice(path: Path) -> None:
    numbers: list[int] = []

    def count() -> None:
        store = SqliteTrials(path)
        for _ in range(20):
            numbers.extend(store.add(T0, [TRIAL, TRIAL]))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 161))


def test_a_batch_is_kept_whole_or_not_at_all(path: Path) -> None:
    trials = SqliteTrials(path)
    broken = replace(TRIAL)
    object.__setattr__(broken, "market", None)
    with pytest.raises(StoreError, match="cannot be written: NOT NULL constraint failed"):
        trials.add(T0, [TRIAL, broken])
    assert trials.on_data("d1") == (0, 0)


def test_a_file_without_the_table_is_named_and_an_old_one_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "analysis.db"
    prepare(path, Schema("analysis", ANALYSIS.scripts[: ANALYSIS.scripts.index(TRIALS)]))
    with pytest.raises(StoreError, match=r"analysis\.db cannot be read: no such table: trials"):
        SqliteTrials(path).on_data("d1")
    with pytest.raises(StoreError, match=r"analysis\.db cannot be written: no such table: trials"):
        SqliteTrials(path).add(T0, [TRIAL])
    SqliteAnalysis(path).close()
    assert SqliteTrials(path).add(T0, [TRIAL]) == [1]
