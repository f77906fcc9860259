"""The monitor's thread on file errors: one log line, a retry, and a clean end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

import live.thread
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.reader import SqliteTickReader
from live.monitor import Monitor
from live.thread import MonitorThread
from tests.conftest import until
from tests.engine.pairs.markets import make_ticks
from tests.live.test_monitor import PAIR, Harness

SAVE_FAILS = "analysis.db cannot be written: attempt to write a readonly database"


async def test_a_file_that_cannot_be_written_is_a_line_in_the_log_and_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.thread, "RETRY_S", 0.01)
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:50])
    harness.monitor.analysis._db.execute("PRAGMA query_only=1")
    with MonitorThread(harness.monitor, lambda: None):
        await until(lambda: "the monitor resumes from the last saved position" in caplog.text, 10, "the first failure")
        harness.monitor.analysis._db.execute("PRAGMA query_only=0")
        await until(lambda: harness.monitor.progress()[0] == 50, 10, "all is read")
    await harness.writer.close()
    failures = [record for record in caplog.records if record.levelname == "ERROR"]
    assert failures and all(record.exc_info is None for record in failures)


async def test_what_cannot_be_saved_at_the_end_is_said_and_worked_off_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:50])
    harness.read_all()
    harness.monitor.analysis._db.execute("PRAGMA query_only=1")
    harness.monitor.close()
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.getMessage().endswith(f"{SAVE_FAILS}; the next start resumes from the previous saved position")
    assert line.exc_info is None
    harness.monitor = harness.fresh()
    harness.read_all()
    assert harness.monitor.progress() == (50, 50)
    harness.monitor.close()
    await harness.writer.close()


def test_a_file_that_is_still_being_made_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        monitored = Monitor(
            partial(SqliteTickReader, tmp_path / "ticks.db"), SqliteAnalysis(tmp_path / "analysis.db"), PAIR
        )
        assert not monitored.step()
        assert caplog.records == []
        monitored.close()
