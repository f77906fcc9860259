"""Retention moves ticks to the archive: nothing lost or duplicated, for an interruption at any step."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.errors import StoreError
from engine.market.bars import second_bar
from engine.market.records import Event
from engine.market.ticks import Tick
from engine.store.interface import Now
from engine.store.sqlite import retention, tick_scan
from engine.store.sqlite.files import prepare
from engine.store.sqlite.maintenance import keep
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.retention import RetentionJob
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.writer import SqliteTickWriter
from tests.conftest import until
from tests.engine.store.harness import (
    NOW,
    T0,
    assert_whole,
    batch,
    counts,
    everything,
    query,
    stored_ticks,
    tick,
    trading,
)

MINUTE = 60_000
LATER = Now(T0 + 10**9, 0)  # on this clock all times in these tests are plausible


def retention_job(writer: SqliteTickWriter) -> RetentionJob:
    return RetentionJob(writer, retention_ms=5 * MINUTE, slack_ms=0)


async def sweep_twice(writer: SqliteTickWriter) -> retention.RetentionResult:
    """The first sweep only learns what is stored; the second may move it."""
    await retention_job(writer).sweep()
    return await retention_job(writer).sweep()


def files_of(path: Path) -> list[Path]:
    return sorted(each for each in (path.parent / "archive").rglob("*") if each.is_file())


async def test_old_ticks_move_and_everything_still_reads_as_one(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = [tick(n, n * 1_000) for n in range(1, 1_001)]
    await writer.commit([batch(*ticks)], [], NOW)
    bars = query(path, "SELECT * FROM bars")
    result = await sweep_twice(writer)
    cutoff = T0 + 1_000_000 - 5 * MINUTE
    old = [each for each in ticks if each.trade_time_ms < cutoff]
    assert (result.archived, result.deleted) == (len(old), len(old))
    assert query(path, "SELECT min(agg_id), count(*) FROM ticks") == [(len(old) + 1, 1_000 - len(old))]
    assert everything(path) == {"BTCUSDT": list(enumerate(ticks, 1))}
    assert query(path, "SELECT * FROM bars") == bars
    assert query(path, "SELECT archived_through, high_water FROM series") == [(len(old), 1_000)]
    reader = SqliteTickReader(path)
    assert reader.deleted_seq() == len(old)
    assert [each.agg_id for _, each in stored_ticks(path, "BTCUSDT", 695, 705)] == list(range(695, 706))
    reader.close()
    await writer.close()
    assert_whole(path)


async def test_the_archive_is_plain_parquet_by_market_symbol_and_day(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    day = 86_400_000
    midnight = day - T0 % day
    ticks = [tick(n, midnight - 2_500 + n * 1_000) for n in range(1, 5)]
    ticks.append(Tick("BTCUSDT", 5, 101.5, 0.25, T0 + midnight + 3_000, None))
    await writer.commit([batch(*ticks, tick(6, 2 * day), market="usdm")], [], LATER)
    await sweep_twice(writer)
    await writer.close()
    before, after = files_of(path)
    assert [each.parent.relative_to(tmp_path).as_posix() for each in (before, after)] == [
        "archive/market=usdm/symbol=BTCUSDT/day=2026-09-22",
        "archive/market=usdm/symbol=BTCUSDT/day=2026-09-23",
    ]
    frame = polars.scan_parquet(tmp_path / "archive", hive_partitioning=True).sort("agg_id").collect()
    assert frame["agg_id"].to_list() == [1, 2, 3, 4, 5]
    assert frame["buyer_is_maker"].to_list() == [False, True, False, True, None]
    assert frame["symbol"].unique().to_list() == ["BTCUSDT"]
    assert frame.schema["price"] == polars.Float64 and frame["price"].to_list()[-1] == 101.5


async def test_time_is_the_markets_own(tmp_path: Path) -> None:
    """A market that stopped keeps its ticks, however long ago that was by any clock."""
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    await writer.commit([batch(tick(1), tick(2, 4 * MINUTE), market="file-1")], [], LATER)
    await writer.commit([batch(tick(1), tick(2, 60 * MINUTE))], [], LATER)
    result = await sweep_twice(writer)
    assert result.archived == 1
    assert query(tmp_path / "ticks.db", "SELECT market, agg_id FROM v_ticks ORDER BY 1, 2") == [
        ("file-1", 1), ("file-1", 2), ("sim", 2),
    ]  # fmt: skip
    await writer.close()


async def test_the_order_of_commits_can_be_had_back(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    rng = random.Random(4)
    writer = await SqliteTickWriter.open(path)
    offered = list(islice(trading(rng, symbols=3, step_ms=2_000), 600))
    shuffled = sorted(offered, key=lambda each: each.agg_id + rng.choice([0, 0, 0, 30]))
    for at in range(0, 600, 50):
        await writer.commit([batch(*shuffled[at : at + 50])], [], NOW)
        await retention_job(writer).sweep()
    assert query(path, "SELECT count(*) FROM archive")[0][0] > 3
    await writer.close()
    found = sorted(each for ticks in everything(path).values() for each in ticks)
    assert found == list(enumerate(shuffled, 1))


async def test_what_was_just_stored_stays_for_one_more_sweep(tmp_path: Path) -> None:
    """An imported file is as old as its trades; readers must have the time to see it all the same."""
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    await writer.commit([batch(tick(100, 60 * MINUTE))], [], LATER)
    await retention_job(writer).sweep()
    await writer.commit([batch(*(tick(n, n * 1_000) for n in range(1, 50)))], [], NOW)
    assert (await retention_job(writer).sweep()).archived == 0
    assert (await retention_job(writer).sweep()).archived == 49
    await writer.close()


async def test_ticks_sent_again_after_they_left_are_duplicates(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    await writer.commit([batch(*(tick(n, n * 1_000) for n in range(1, 501)))], [], NOW)
    await sweep_twice(writer)
    # Tick 2 comes with another price: with the first gone from the file, that cannot be told any more.
    commit = await writer.commit([batch(tick(1, 1_000), tick(2, 2_000, price=5.0), tick(500, price=5.0))], [], NOW)
    assert counts(commit) == [(0, 2, 1)]
    await writer.close()


async def test_a_late_tick_makes_its_bar_anew_from_archive_and_file(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = [tick(n, n * 100, price=100.0 + n) for n in range(1, 100) if n != 15]
    await writer.commit([batch(*ticks, tick(100, 60 * MINUTE))], [], LATER)
    await sweep_twice(writer)
    late = tick(15, 1_500, price=7.0)
    await writer.commit([batch(late)], [], NOW)
    reader = SqliteTickReader(path)
    of_second = sorted([*(each for each in ticks if 1_000 <= each.trade_time_ms - T0 < 2_000), late])
    (bar,) = reader.bars("sim", "BTCUSDT", T0 + 1_000, T0 + 2_000)
    assert bar == second_bar(T0 + 1_000, of_second) and bar.low == 7.0
    seq = writer.last_seq
    (before,) = reader.bars("sim", "BTCUSDT", T0 + 1_000, T0 + 2_000, before_seq=seq)
    assert before == second_bar(T0 + 1_000, [each for each in of_second if each != late])
    assert reader.ticks_of_second("sim", "BTCUSDT", T0 + 1_000, seq) == [each for each in of_second if each != late]
    reader.close()
    await sweep_twice(writer)
    await writer.close()
    assert_whole(path)


async def test_without_its_archived_file_a_bar_stays_as_it_was_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1, 100), tick(3, 300), tick(4, 60 * MINUTE))], [], LATER)
    await sweep_twice(writer)
    (file,) = files_of(path)
    file.rename(tmp_path / "taken away")
    before = query(path, "SELECT * FROM bars")
    commit = await writer.commit([batch(tick(2, 200, price=7.0))], [], NOW)
    assert counts(commit) == [(1, 0, 0)], "the tick itself is stored"
    assert query(path, "SELECT * FROM bars") == before
    assert "cannot be read back" in caplog.text
    reader = SqliteTickReader(path)
    assert [bar.trades for bar in reader.bars("sim", "BTCUSDT", T0, T0 + 1_000, before_seq=1)] == [2]
    with pytest.raises(StoreError, match="archived, and their file is gone"):
        reader.ticks_of_second("sim", "BTCUSDT", T0 - T0 % 1_000, 9)
    with pytest.raises(StoreError, match="listed in the archive but cannot be read"):
        list(stored_ticks(path, "BTCUSDT"))
    reader.close()
    await writer.close()


async def test_gaps_older_than_what_is_kept_are_given_up_with_the_reason_and_can_still_be_filled(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = [tick(n, n * 1_000) for n in range(1, 1_001) if n not in (50, 51, 950)]
    await writer.commit([batch(*ticks)], [], NOW)
    result = await sweep_twice(writer)
    (event,) = result.given_up
    assert (event.kind, event.symbol, event.detail["first"], event.detail["last"]) == ("unfetchable", "BTCUSDT", 50, 51)
    assert "older than the 0.0833333 h of ticks that are kept" in event.detail["reason"]
    await writer.commit([], result.given_up, NOW)
    assert [(news.gap.first, news.given_up is None) for news in writer.open_gaps()] == [(50, False), (950, True)]
    assert (await retention_job(writer).sweep()).given_up == [], "it is told once"
    await writer.commit([batch(tick(50, 50_000), tick(51, 51_000))], [], NOW)
    statuses = "SELECT first_id, status, reason FROM holes ORDER BY 1"
    assert query(path, statuses) == [(50, "filled", None), (950, "open", None)]
    await writer.close()
    assert_whole(path)


async def test_unbelievable_times_go_with_their_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1), tick(2, 10**10), tick(3, 1_000))], [], NOW)
    await writer.commit([batch(tick(4, 2 * 10**10))], [], NOW)
    assert (await sweep_twice(writer)).archived == 0, "alone they never get old"
    await writer.commit([batch(tick(5, 4 * MINUTE))], [], NOW)
    await writer.commit([batch(tick(6, 8 * MINUTE))], [], NOW)
    await writer.commit([batch(tick(7, 12 * MINUTE))], [], NOW)
    await sweep_twice(writer)
    assert query(path, "SELECT agg_id FROM ticks") == [(6,), (7,)]
    await writer.close()
    assert [each.future for _, each in everything(path)["BTCUSDT"]] == [False, True, False, True, False, False, False]
    assert_whole(path)


async def test_reading_goes_on_while_ticks_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_scan, "_PAGE", 20)
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = [tick(n, n * 1_000) for n in range(1, 1_001) if n % 37]
    await writer.commit([batch(*ticks[:500])], [], NOW)
    await sweep_twice(writer)
    found = []
    for number, (_, each) in enumerate(stored_ticks(path, "BTCUSDT")):
        found.append(each)
        if number == 30:
            await writer.commit([batch(*ticks[500:])], [], NOW)
        if number in (60, 90, 450):
            await retention_job(writer).sweep()
    assert found == ticks
    await writer.close()


async def test_commits_go_on_between_two_steps_of_a_sweep(tmp_path: Path) -> None:
    """``bench/store.py`` measures how long they wait: a million ticks, 5,000 new ones a second."""
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    for at in range(0, 20_000, 5_000):
        await writer.commit([batch(*(tick(n, n) for n in range(at, at + 5_000)))], [], NOW)
    await retention_job(writer).sweep()
    await writer.commit([batch(tick(1, 60 * MINUTE, "LIVEUSDT"))], [], LATER)
    sweeping = asyncio.create_task(retention_job(writer).sweep())
    live = 1
    while not sweeping.done():
        live += 1
        await writer.commit([batch(tick(live, 60 * MINUTE + live, "LIVEUSDT"))], [], LATER)
    result = await sweeping
    assert (result.archived, result.deleted) == (20_000, 20_000)
    assert live > 20_000 / retention.DELETE_TICKS, "at least one commit for each step"
    await writer.close()
    found = everything(path)
    assert [each.agg_id for _, each in found["BTCUSDT"]] == list(range(20_000))
    assert len(found["LIVEUSDT"]) == live
    assert_whole(path)


async def test_a_file_replaced_in_the_middle_of_a_sweep_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(*(tick(n, n * 1_000) for n in range(1, 1_001)))], [], NOW)
    work = retention_job(writer)
    await work.sweep()
    mark_written = retention._mark_written

    def replaced(*arguments: Any) -> None:
        mark_written(*arguments)
        prepare(path.with_name("other.db"), TICKS)
        path.with_name("other.db").replace(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "_mark_written", replaced)
        with pytest.raises(StoreError, match="was deleted or replaced"):
            await work.sweep()
    await writer.commit([batch(*(tick(n, n * 1_000) for n in range(1, 1_001)))], [], NOW)
    work._opening = writer.openings - 1
    with pytest.raises(StoreError, match="was replaced meanwhile"):
        await work._transact(retention._delete, [1, 2, 3])
    assert query(path, "SELECT count(*) FROM ticks") == [(1_000,)]
    await writer.close()


async def test_the_server_keeps_house_until_it_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.sqlite.maintenance.SWEEP_EVERY_S", 0.01)
    monkeypatch.setattr("engine.store.sqlite.maintenance.CHECKPOINT_EVERY_S", 0.01)
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(*(tick(n, n * 20_000) for n in range(1, 1_001) if n != 9))], [], NOW)
    noted: list[Event] = []
    keeping = asyncio.create_task(keep(writer, 60 * MINUTE, noted.append))
    await until(lambda: bool(noted), what="the gap out of reach is told")
    await until(lambda: query(path, "SELECT count(*) FROM archive WHERE state<>'moved'") == [(0,)])
    await until(lambda: bool(query(path, "PRAGMA wal_checkpoint(PASSIVE)")))
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await writer.close()
    assert_whole(path)


class Crash(BaseException):
    """The process ended here."""


@contextmanager
def crash_at(step: int) -> Iterator[None]:
    """Fail at the ``step``-th thing that a sweep does to the disk, before it is done (even) or after (odd)."""
    left = step

    def limited(real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            nonlocal left
            left -= 2
            if left in (-2, -1):
                if left == -1:
                    real(*arguments)
                raise Crash
            return real(*arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_begin", "_mark_written", "_delete", "_mark_moved", "_forget", "_remember", "_write_file"):
            patch.setattr(retention, name, limited(getattr(retention, name)))
        patch.setattr(os, "fsync", limited(os.fsync))
        patch.setattr(os, "replace", limited(os.replace))
        yield


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@settings(
    max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(seed=st.integers(0, 10**6), steps=st.lists(st.integers(0, 60), min_size=4, max_size=8))
def test_whatever_is_cut_off_nothing_is_lost_or_twice(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[int]
) -> None:
    path = tmp_path_factory.mktemp("crash") / "ticks.db"
    asyncio.run(_live_and_crash(path, seed, steps))


async def _live_and_crash(path: Path, seed: int, steps: list[int]) -> None:
    rng = random.Random(seed)
    source = trading(rng, symbols=3, step_ms=3_000)
    held_back: list[Tick] = []
    acknowledged: dict[str, dict[int, Tick]] = {}
    for step in steps:
        writer = await SqliteTickWriter.start(path)
        work = retention_job(writer)
        for _ in range(rng.randint(1, 3)):
            ticks = list(islice(source, rng.randint(1, 120)))
            held_back += [ticks.pop(rng.randrange(len(ticks))) for _ in range(min(2, len(ticks) - 1))]
            if rng.random() < 0.4:
                ticks += held_back
                held_back = []
            await writer.commit([batch(*ticks)], [], NOW)
            for each in ticks:
                acknowledged.setdefault(each.symbol, {})[each.agg_id] = each
        with pytest.MonkeyPatch.context() as small:
            small.setattr(retention, "FILE_TICKS", 40)
            small.setattr(retention, "_READ_TICKS", 20)
            small.setattr(retention, "DELETE_TICKS", 15)
            try:
                with crash_at(step):
                    await work.sweep()
                    await work.sweep()
            except (Crash, StoreError):
                pass
        await writer._close()
        found = everything(path)
        assert {symbol: [each for _, each in ticks] for symbol, ticks in found.items()} == {
            symbol: [ticks[agg_id] for agg_id in sorted(ticks)] for symbol, ticks in acknowledged.items()
        }
        seqs = [seq for ticks in found.values() for seq, _ in ticks]
        assert sorted(seqs) == list(range(1, len(seqs) + 1))
        assert_whole(path)
