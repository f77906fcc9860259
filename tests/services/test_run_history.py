"""The runs of a pair: newest first, with what each changed from the one before it, and the settings to return to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.store import open_backend
from engine.store.sqlite.bar_reader import SqliteBarReader
from live.paper import PaperBooks
from services.run_history import RunHistoryService, changes
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness

WIDER = replace(SETTINGS, entry_z=1.5, stop_z=4.0)


async def test_runs_are_listed_with_what_each_changed_and_can_be_returned_to(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    books = PaperBooks(partial(SqliteBarReader, tmp_path / "ticks.db"), harness.monitor.analysis.paper_results)
    harness.monitor.keep_paper(books)
    ticks = make_ticks(1)
    await harness.write(ticks[:1_500])
    harness.read_all()
    harness.monitor.watch("sim", "YUSDT", "XUSDT", WIDER)
    harness.monitor.watch("sim", "YUSDT", "XUSDT", SETTINGS)
    await harness.write(ticks[1_500:])
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    harness.monitor.unwatch(watch_id)
    harness.monitor.watch("sim", "YUSDT", "XUSDT", SETTINGS)
    service = RunHistoryService(open_backend(tmp_path).analysis_reader())
    again, back, wider, first = service.runs("sim", "YUSDT", "XUSDT")
    assert [each.end_reason for each in (again, back, wider, first)] == ["", "unwatched", "settings", "settings"]
    assert [each.settings for each in (again, back, wider, first)] == [SETTINGS, SETTINGS, WIDER, SETTINGS]
    assert (first.changed, again.changed) == (None, {}), "the first has none before it; the last changed nothing"
    assert wider.changed == {"entry_z": (1.3, 1.5), "stop_z": (None, 4.0)}
    assert back.changed == {name: (new, old) for name, (old, new) in wider.changed.items()}
    assert again.began_at_ms >= back.began_at_ms >= wider.began_at_ms >= first.began_at_ms > 0
    assert again.last_bar_ms is None and back.last_bar_ms is not None and back.last_bar_ms > back.first_bar_ms
    assert back.result is not None and back.result.run_id == back.run_id
    assert service.settings_of(wider.run_id) == WIDER
    assert [each.run_id for each in service.runs("sim", "YUSDT", "XUSDT", 2)] == [again.run_id, back.run_id]
    assert service.runs("sim", "YUSDT", "XUSDT", 2)[1].changed == back.changed, "though the one before is not listed"
    assert service.runs("sim", "XUSDT", "YUSDT") == []
    harness.monitor.close()
    await harness.writer.close()


async def test_a_run_that_cannot_be_read_is_listed_without_settings(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:400])
    harness.read_all()
    harness.monitor.watch("sim", "YUSDT", "XUSDT", WIDER)
    with closing(sqlite3.connect(tmp_path / "analysis.db")) as db, db:
        db.execute("""UPDATE runs SET settings='{"gone": 1}' WHERE ended_seq IS NOT NULL""")
    service = RunHistoryService(open_backend(tmp_path).analysis_reader())
    newest, oldest = service.runs("sim", "YUSDT", "XUSDT")
    assert (oldest.settings, oldest.changed, newest.settings, newest.changed) == (None, None, WIDER, None)
    for run_id, message in ((oldest.run_id, "settings are"), ("none", "no run 'none' is stored")):
        with pytest.raises(SettingsError, match=message):
            service.settings_of(run_id)
    harness.monitor.close()
    await harness.writer.close()


def test_equal_settings_have_no_changes() -> None:
    assert changes(SETTINGS, SETTINGS) == {}
