"""Files of every version are migrated in one transaction, or stay unchanged."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import NewerSchema, StoreError
from engine.store.sqlite.analysis_schema import ANALYSIS
from engine.store.sqlite.files import Schema, prepare
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.writer import SqliteTickWriter
from tests.conftest import ROOT
from tests.durability.images import PowerCut
from tests.durability.vfs import Op, watched
from tests.engine.store.harness import NOW, T0, assert_whole, batch, counts, everything, query, tick

FIRST = Schema("ticks", TICKS.scripts[:1])


def make_first_version(path: Path) -> None:
    """A file as version 1 left it: three ticks, their bars, an open gap and an unfetchable one."""
    prepare(path, FIRST)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO series VALUES (1, 'sim', 'BTCUSDT', 1, 9)")
        for seq, agg_id in enumerate((1, 5, 9), 1):
            at = T0 + 1_000 * seq
            db.execute("INSERT INTO ticks VALUES (?,1,?,100.0,1.0,?,1,0)", (seq, agg_id, at))
            bar = (at, 100.0, 100.0, 100.0, 100.0, 1.0, 100.0, 1, 0.0, agg_id, agg_id, 100.0, 1_000, None, None)
            db.execute(f"INSERT INTO bars VALUES (1,{','.join('?' * 15)},'quotes',?)", (*bar, seq))
        db.execute("INSERT INTO holes VALUES (1, 1, 2, 4, '[[2, 4]]', 'open', NULL, 5, NULL)")
        db.execute("INSERT INTO holes VALUES (2, 1, 6, 8, '[[6, 8]]', 'unfetchable', 'geo-blocked', 5, NULL)")
        db.execute("INSERT INTO markets VALUES ('sim', ?, 0)", (T0 + 3_000,))
        db.execute("INSERT INTO meta VALUES ('last_seq', 3)")


def make_old_watch_list(path: Path, version: int) -> None:
    """The dashboard's file as that version left it, with one pair."""
    prepare(path, Schema("analysis", ANALYSIS.scripts[:version]))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO watch (market, y, x, settings) VALUES ('sim', 'Y', 'X', '{}')")


def version_of(path: Path) -> int:
    return int(query(path, "PRAGMA user_version")[0][0])


async def test_a_file_of_version_1_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    make_first_version(path)
    (store_id,) = query(path, "SELECT value FROM meta WHERE key='store_id'")[0]
    writer = await SqliteTickWriter.start(path)
    assert (version_of(path), writer.store_id, writer.note) == (TICKS.version, store_id, None)
    assert writer.high_water("sim") == {"BTCUSDT": 9}
    assert [(news.gap, news.given_up) for news in writer.open_gaps()] == [((2, 4), None), ((6, 8), "geo-blocked")]
    commit = await writer.commit([batch(tick(3, 1_500), tick(9, 3_000), tick(10, 4_000))], [], NOW)
    assert counts(commit) == [(2, 1, 0)]
    await writer.close()
    assert_whole(path)
    assert [(seq, each.agg_id) for seq, each in everything(path)["BTCUSDT"]] == [
        (1, 1),
        (4, 3),
        (2, 5),
        (3, 9),
        (5, 10),
    ]


async def test_power_cuts_during_the_migration_leave_the_old_version_or_the_new(tmp_path: Path) -> None:
    seen = set()
    with watched(tmp_path) as disk:
        make_first_version(tmp_path / "ticks.db")
        begun = len(disk.ops)
        prepare(tmp_path / "ticks.db", TICKS)
        ops = list(disk.ops)
    rng = random.Random(20)
    for number in range(20):
        moment = begun + (len(ops) - begun) * number // 20
        path = make_image(ops[: moment + 1], tmp_path / f"found-{number}", rng) / "ticks.db"
        seen.add(version_of(path))
        writer = await SqliteTickWriter.start(path)
        await writer.close()
        assert (writer.note, version_of(path)) == (None, TICKS.version)
        assert_whole(path)
        assert [each.agg_id for _, each in everything(path)["BTCUSDT"]] == [1, 5, 9]
    assert seen == {1, TICKS.version}


@pytest.mark.parametrize("old", range(1, ANALYSIS.version))
def test_power_cuts_while_the_dashboards_file_migrates_leave_the_old_version_or_the_new(
    tmp_path: Path, old: int
) -> None:
    seen = set()
    path = tmp_path / "analysis.db"
    with watched(tmp_path) as disk:
        make_old_watch_list(path, old)
        begun = len(disk.ops)
        prepare(path, ANALYSIS)
        ops = list(disk.ops)
    rng = random.Random(old)
    for number in range(20):
        moment = begun + (len(ops) - begun) * number // 20
        path = make_image(ops[: moment + 1], tmp_path / f"found-{number}", rng) / "analysis.db"
        seen.add(version_of(path))
        prepare(path, ANALYSIS)
        assert version_of(path) == ANALYSIS.version
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
        assert query(path, "SELECT y, x FROM watch") == [("Y", "X")]
    assert seen == {old, ANALYSIS.version}


# A process that ends, as by kill -9, before its n-th write, cut or sync of the files that it migrates.
_DYING = """
import os, signal, sys
from itertools import count
from pathlib import Path
from engine.store.sqlite.analysis_schema import ANALYSIS
from engine.store.sqlite.files import prepare
from engine.store.sqlite.schema import TICKS
from tests.durability.vfs import watched
path, last, calls = Path(sys.argv[1]), int(sys.argv[2]), count(1)
def die(kind, name):
    if next(calls) == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0
with watched(path.parent) as disk:
    disk.fault = die
    prepare(path, {"ticks": TICKS, "analysis": ANALYSIS}[path.stem])
"""


def make_old(path: Path, schema: Schema, version: int) -> None:
    path.parent.mkdir()
    if schema is TICKS:
        make_first_version(path)
    else:
        make_old_watch_list(path, version)


@pytest.mark.parametrize(("schema", "old"), [(TICKS, 1), *((ANALYSIS, old) for old in range(1, ANALYSIS.version))])
def test_a_migration_killed_at_20_points_leaves_the_old_version_or_the_new(
    tmp_path: Path, schema: Schema, old: int
) -> None:
    name = f"{schema.kind}.db"
    rows = "SELECT seq, agg_id, price FROM ticks" if schema is TICKS else "SELECT market, y, x, settings FROM watch"
    (tmp_path / "disk").mkdir()
    with watched(tmp_path / "disk") as disk:
        whole = tmp_path / "disk" / "whole" / name
        make_old(whole, schema, old)
        begun = len(disk.ops)
        prepare(whole, schema)
        steps = sum(op.kind in ("write", "truncate", "sync") for op in disk.ops[begun:])
    expected = query(whole, rows)
    seen = set()
    for point in {1 + number * steps // 20 for number in range(20)} | {steps}:  # at each step where there are fewer
        path = tmp_path / f"killed-{point}" / name
        make_old(path, schema, old)
        killed = subprocess.run([sys.executable, "-c", _DYING, str(path), str(point)], cwd=ROOT, capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
        assert query(path, rows) == expected
        seen.add((version_of(path), frozenset(query(path, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))))
        prepare(path, schema)
        assert version_of(path) == schema.version
        assert query(path, rows) == expected
    assert {version for version, _ in seen} == {old, schema.version}
    assert len(seen) == 2  # each version with its own tables, nothing between


def make_image(ops: list[Op], folder: Path, rng: random.Random) -> Path:
    folder.mkdir()
    disk = PowerCut()
    for op in ops:
        disk.follow(op)
    disk.image(folder, rng)
    return folder


@pytest.mark.parametrize("stopped_after", range(len(TICKS.scripts[1].strip().split(";\n"))))
def test_a_migration_that_fails_leaves_the_old_version(tmp_path: Path, stopped_after: int) -> None:
    path = tmp_path / "ticks.db"
    make_first_version(path)
    before = query(path, "SELECT name, sql FROM sqlite_master ORDER BY name")
    statements = TICKS.scripts[1].strip().split(";\n")
    broken = ";\n".join(statements[:stopped_after]) + ";\nCREATE TABLE series (again);\n"
    with pytest.raises(StoreError, match="table series already exists"):
        prepare(path, Schema("ticks", [TICKS.scripts[0], broken]))
    assert version_of(path) == 1
    assert query(path, "SELECT name, sql FROM sqlite_master ORDER BY name") == before


async def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    await (await SqliteTickWriter.open(path)).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA user_version=99")
    before = files_in(tmp_path)
    with pytest.raises(NewerSchema, match=f"schema version 99; this Pairbridge knows up to {TICKS.version}"):
        await SqliteTickWriter.start(path)
    assert {name: content for name, content in files_in(tmp_path).items() if name in before} == before
    assert not any("damaged" in name for name in files_in(tmp_path))


def files_in(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}
