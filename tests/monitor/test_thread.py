"""The monitor's thread when a file is in trouble: one line in the log, another try, and a quiet end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import monitor.thread
from engine.store.analysis import AnalysisStore
from monitor.monitor import Monitor
from monitor.thread import MonitorThread
from tests.conftest import until
from tests.engine.pairs.markets import make_ticks
from tests.monitor.test_monitor import PAIR, Desk

SAVE_FAILS = "analysis.db cannot be written: attempt to write a readonly database"


async def test_a_file_that_cannot_be_written_is_a_line_in_the_log_and_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor.thread, "RETRY_S", 0.01)
    desk = await Desk.open(tmp_path)
    await desk.write(make_ticks(1)[:50])
    desk.monitor._analysis._db.execute("PRAGMA query_only=1")
    with MonitorThread(desk.monitor, lambda: None):
        await until(lambda: "the monitor begins again" in caplog.text, 10, "the first failure")
        desk.monitor._analysis._db.execute("PRAGMA query_only=0")
        await until(lambda: desk.monitor.progress()[0] == 50, 10, "all is read")
    await desk.writer.close()
    failures = [record for record in caplog.records if record.levelname == "ERROR"]
    assert failures and all(record.exc_info is None for record in failures)


async def test_what_cannot_be_saved_at_the_end_is_said_and_worked_off_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = await Desk.open(tmp_path)
    await desk.write(make_ticks(1)[:50])
    desk.read_all()
    desk.monitor._analysis._db.execute("PRAGMA query_only=1")
    desk.monitor.close()
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.getMessage().endswith(f"{SAVE_FAILS}; the next start goes on from the place saved before")
    assert line.exc_info is None
    desk.monitor = desk.fresh()
    desk.read_all()
    assert desk.monitor.progress() == (50, 50)
    desk.monitor.close()
    await desk.writer.close()


def test_a_file_that_is_still_being_made_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        monitored = Monitor(tmp_path / "ticks.db", AnalysisStore(tmp_path / "analysis.db"), PAIR)
        assert not monitored.step()
        assert caplog.records == []
        monitored.close()
