"""Guarantee 1 under a power cut: the product's writer over a disk that keeps only what was synced.

While the writer commits, checkpoints, archives, deletes and restarts, everything that reaches the disk is written down.
Then the test creates possible disk states after a power cut at some moment, and starts the product on each.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.market.records import Event
from engine.market.ticks import Tick
from engine.store.sqlite.retention import RetentionJob
from engine.store.sqlite.writer import SqliteTickWriter
from tests.durability.images import PowerCut
from tests.durability.vfs import Disk, Op, watched
from tests.engine.store.harness import NOW, assert_whole, batch, everything, trading

Ids = frozenset[tuple[str, int]]


async def work(disk: Disk, path: Path, durability: str, seed: int) -> None:
    """A busy hour of the writer's life in a few seconds; each acknowledgement is marked when it would be sent."""
    rng = random.Random(seed)
    source = trading(rng, symbols=3, step_ms=3_000)
    held_back: list[Tick] = []
    writer = await SqliteTickWriter.start(path, durability)
    job = RetentionJob(writer, retention_ms=300_000, slack_ms=1_000)
    for round_number in range(90):
        ticks = [next(source) for _ in range(rng.randint(1, 60))]
        if rng.random() < 0.2:
            held_back += [ticks.pop(rng.randrange(len(ticks))) for _ in range(min(3, len(ticks) - 1))]
        elif rng.random() < 0.3:
            ticks += held_back
            held_back = []
        events = [Event("bridge", "sim", None, {"state": "up"})] if rng.random() < 0.1 else []
        commit = await writer.commit([batch(*ticks[:20]), batch(*ticks[20:])], events, NOW)
        disk.mark(frozenset((each.symbol, each.agg_id) for each in ticks))
        assert sum(receipt.stored for receipt in commit.receipts) == len(ticks)
        if round_number % 4 == 3:
            await writer.checkpoint()
        if round_number % 15 == 14:
            await job.sweep()
        if round_number in (30, 70):
            await writer.close()
            writer = await SqliteTickWriter.start(path, durability)
            job = RetentionJob(writer, retention_ms=300_000, slack_ms=1_000)
    await writer.close()


def cuts(ops: list[Op], count: int, rng: random.Random, folder: Path) -> Iterator[tuple[Path, Ids]]:
    """``count`` disks at random moments, each with what had been acknowledged by then."""
    moments = sorted(rng.sample(range(len(ops)), count))
    disk, acknowledged = PowerCut(), set[tuple[str, int]]()
    for at, op in enumerate(ops):
        if op.kind == "mark":
            acknowledged |= op.note
        else:
            disk.follow(op)
        while moments and moments[0] == at:
            moments.pop(0)
            found = folder / "found"
            shutil.rmtree(found, ignore_errors=True)
            found.mkdir()
            disk.image(found, rng)
            yield found / "data" / "ticks.db", frozenset(acknowledged)


async def recorded(folder: Path, durability: str) -> list[Op]:
    with watched(folder) as disk:
        await work(disk, folder / "data" / "ticks.db", durability, seed=7)
    kinds = {(op.kind, op.path.rpartition(".")[2]) for op in disk.ops}
    assert {("fsync", "part"), ("rename", "part"), ("truncate", "db-wal"), ("sync", "db-wal"), ("sync", "db")} <= kinds
    return disk.ops


async def start_and_read(path: Path) -> Ids:
    """Start the product on this disk: it must accept the file and find no errors."""
    writer = await SqliteTickWriter.start(path)
    await writer.close()
    assert writer.note is None, writer.note
    assert_whole(path)
    return frozenset((symbol, each.agg_id) for symbol, ticks in everything(path).items() for _, each in ticks)


async def test_no_acknowledged_row_is_lost_in_300_power_cuts(tmp_path: Path) -> None:
    ops = await recorded(tmp_path, "power")
    rng = random.Random(300)
    seen = set()
    for path, acknowledged in cuts(ops, 300, rng, tmp_path):
        stored = await start_and_read(path)
        assert acknowledged <= stored, f"{len(acknowledged - stored)} of {len(acknowledged)} rows are lost"
        seen.add((len(acknowledged), len(stored) > len(acknowledged), any(path.parent.glob("archive/*/*/*/*.parquet"))))
    assert len(seen) > 60, "the moments differ"
    assert {True, False} == {of[1] for of in seen} == {of[2] for of in seen}


async def test_durability_crash_may_lose_the_end_but_never_the_file(tmp_path: Path) -> None:
    ops = await recorded(tmp_path, "crash")
    lost = 0
    for path, acknowledged in cuts(ops, 60, random.Random(60), tmp_path):
        lost += not acknowledged <= await start_and_read(path)
    assert lost > 0, "the setting would be useless if nothing could be lost"


async def test_the_disk_made_here_does_lose_what_was_not_synced(tmp_path: Path) -> None:
    """Checks that the test above detects a writer that does not sync."""
    ops = await recorded(tmp_path, "power")
    without = [replace(op, kind="mark", note=frozenset()) if op.kind == "sync" else op for op in ops]
    for path, acknowledged in cuts(without, 40, random.Random(40), tmp_path):
        try:
            stored = await start_and_read(path)
        except (AssertionError, OSError):
            return
        if not acknowledged <= stored:
            return
    pytest.fail("40 power cuts, no sync, and nothing was lost")
