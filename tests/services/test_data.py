"""What is stored and missing: the inventory over a store with an archive, gaps, bars and funding; backups as jobs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NotAllowed
from engine.market.funding import SETTLED, Funding
from engine.market.limits import NO_SUCH_IDS
from engine.market.records import Event
from engine.market.sourced import SourcedBar
from engine.store import open_backend
from engine.store.interface import Now
from engine.store.inventory import GapFilter
from engine.store.sqlite.retention import RetentionJob
from engine.store.sqlite.writer import SqliteTickWriter
from live.heartbeat import Answer, Heartbeat
from services.backups import BackupService
from services.data import DataService, Setting
from services.feeds import FeedService
from services.job_process import ProcessExecutor
from services.jobs import JobBusy, Jobs
from tests.conftest import ServerHarness, until
from tests.engine.store.harness import NOW, T0, batch, tick

HOUR = 3_600_000
SETTING = Setting("retention_hours", "PAIRBRIDGE_RETENTION_HOURS", "24", "24", False, "Hours")


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[SqliteTickWriter]:
    opened = await SqliteTickWriter.open(tmp_path / "ticks.db")
    yield opened
    await opened.close()


def service(folder: Path) -> DataService:
    return DataService(open_backend(folder), folder, [SETTING])


def test_without_a_store_there_is_nothing(tmp_path: Path) -> None:
    stock = service(tmp_path).stock()
    assert not stock.has_store and stock.symbols == () and stock.archive == (0, 0, 0)
    assert stock.folder == str(tmp_path.resolve())


async def test_trades_are_counted_where_they_are(tmp_path: Path, writer: SqliteTickWriter) -> None:
    old = [tick(n, at=100 * n) for n in range(1, 501)]
    await writer.commit([batch(*old, tick(1, symbol="ETHUSDT"))], [], NOW)
    job = RetentionJob(writer, HOUR, slack_ms=0)
    await job.sweep()
    await writer.commit([batch(*(tick(n, at=9 * HOUR + 100 * n) for n in range(501, 521)))], [], Now(T0 + 9 * HOUR, 0))
    assert (await job.sweep()).archived == 501
    data = service(tmp_path)
    stock = data.stock()
    btc, eth = stock.symbols
    assert (btc.symbol, btc.archived_ticks, btc.archived_files, btc.lost_files) == ("BTCUSDT", 500, 1, 0)
    assert btc.first_ms == T0 - T0 % 1_000 and btc.end_ms == (T0 + 9 * HOUR + 52_000) // 1_000 * 1_000 + 1_000
    files = list((tmp_path / "archive").rglob("*.parquet"))
    assert btc.archived_bytes + eth.archived_bytes == sum(each.stat().st_size for each in files)
    assert stock.archive == (2, 501, btc.archived_bytes + eth.archived_bytes)
    assert {each.name for each in stock.files} >= {"ticks.db"} and all(each.bytes for each in stock.files)
    data.count_rows()
    await until(lambda: not data.row_counts().is_counting, 20, "the count")
    counts = data.row_counts()
    assert counts.rows["sim", "BTCUSDT"][2:] == (20, 54) and counts.rows["sim", "ETHUSDT"][2:] == (0, 1)
    assert counts.problem == "" and counts.at_ms is not None and abs(counts.at_ms - time.time() * 1_000) < 60_000
    files[0].unlink()
    assert sum(each.lost_files for each in data.stock().symbols) == 1


async def test_bars_and_funding_from_elsewhere_have_their_ranges(tmp_path: Path, writer: SqliteTickWriter) -> None:
    bars = [
        SourcedBar("BTCUSDT", 60_000, T0 - T0 % 60_000 + 60_000 * n, 1.0, 2.0, 1.0, 2.0, 5.0, "klines")
        for n in range(3)
    ]
    await writer.store_bars("sim", bars)
    await writer.store_funding("sim", [Funding("BTCUSDT", SETTLED, T0 + n, 0.0001) for n in range(4)])
    stock = service(tmp_path).stock()
    (candles,), (funding,) = stock.sourced, stock.funding
    assert candles[:3] == ("sim", "BTCUSDT", 60_000) and candles.bars == 3
    assert candles.end_ms - candles.first_ms == 180_000
    assert funding == ("sim", "BTCUSDT", "settled", T0, T0 + 3, 4)


async def test_gaps_are_paged_and_counted_by_state(
    tmp_path: Path, writer: SqliteTickWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.data.GAP_PAGE", 2)
    await writer.commit([batch(*(tick(n, at=n) for n in (1, 5, 9, 20, 30)), tick(3, symbol="ETHUSDT"))], [], NOW)
    await writer.commit([batch(tick(2, at=2), tick(3, at=3), tick(4, at=4), tick(6, at=6))], [], NOW)
    absent = Event("absent", "sim", "BTCUSDT", {"first": 10, "last": 19})
    lost = Event("unfetchable", "sim", "BTCUSDT", {"first": 21, "last": 29, "reason": "geo-blocked"})
    await writer.commit([], [absent, lost], NOW)
    data = service(tmp_path)
    assert {(each.status, each.gaps, each.ids) for each in data.stock().gaps} == {
        ("filled", 1, 3), ("open", 1, 2), ("absent", 1, 10), ("unfetchable", 1, 9)
    }  # fmt: skip
    first = data.gaps(GapFilter())
    second = data.gaps(GapFilter(), first.older)
    assert first.older is not None and second.older is None
    found = [*first.rows, *second.rows]
    assert [each.gap_id for each in found] == sorted((each.gap_id for each in found), reverse=True)
    assert {(each.status, each.first_id, each.last_id, each.missing, each.reason) for each in found} == {
        ("filled", 2, 4, 0, None), ("open", 6, 8, 2, None), ("absent", 10, 19, 0, NO_SUCH_IDS),
        ("unfetchable", 21, 29, 9, "geo-blocked"),
    }  # fmt: skip
    (gap,) = data.gaps(GapFilter("sim", "BTCUSDT", "unfetchable")).rows
    assert (gap.reason, gap.opened_ms, gap.closed_ms) == ("geo-blocked", NOW.wall_ms, None)
    assert data.gaps(GapFilter(symbol="ETHUSDT")).rows == data.gaps(GapFilter(market="spot")).rows == ()


async def test_the_health_of_a_server_is_read(harness: ServerHarness) -> None:
    heartbeat = Heartbeat("http://127.0.0.1:1/", 2_500)
    feeds = FeedService(heartbeat)
    silent = feeds.server()
    assert not silent.answers and silent.markets == () and silent.state == "WAITING FOR BRIDGE"
    heartbeat._answer = Answer(harness.server.health(), time.monotonic_ns() // 1_000_000)
    server = feeds.server()
    assert server.answers and server.uptime_ms >= 0 and server.store_note == ""


async def test_a_backup_is_made_listed_and_whole(tmp_path: Path, writer: SqliteTickWriter) -> None:
    await writer.commit([batch(*(tick(n) for n in range(1, 50)))], [], NOW)
    jobs = Jobs(ProcessExecutor())
    backups = BackupService(jobs, tmp_path, lambda: None)
    assert backups.made() == [] and backups.state().phase == "none"
    backups.start(with_archive=True)
    with pytest.raises(JobBusy, match="a backup is being made"):
        backups.start(with_archive=False)
    await until(lambda: backups.state().phase != "running", 60, "the backup")
    state = backups.state()
    (made,) = backups.made()
    assert (state.phase, state.problem) == ("done", "") and state.to == str(backups.folder / made.name)
    assert abs(made.at_ms - time.time() * 1_000) < 120_000 and made.bytes > 0
    copy = DataService(open_backend(backups.folder / made.name), backups.folder / made.name, [])
    assert [each.symbol for each in copy.stock().symbols] == ["BTCUSDT"]
    jobs.close()


async def test_a_backup_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    jobs = Jobs(ProcessExecutor())
    backups = BackupService(jobs, tmp_path, lambda: None)
    backups.start(with_archive=False)
    await until(lambda: backups.state().phase != "running", 60, "the end")
    assert backups.state().phase == "failed" and "holds no ticks.db" in backups.state().problem
    assert backups.made() == []
    jobs.close()


def test_whoever_may_only_look_makes_no_backup(tmp_path: Path) -> None:
    def refuse() -> None:
        raise NotAllowed("only look")

    jobs: Any = None
    backups = BackupService(jobs, tmp_path, refuse)
    for attempt in (lambda: backups.start(False), backups.cancel):
        with pytest.raises(NotAllowed):
            attempt()
    assert not (tmp_path / "backups").exists() and list(tmp_path.iterdir()) == []
