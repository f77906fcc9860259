"""Damaged, locked, deleted and replaced files: renamed or refused, and never deleted."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from engine.errors import DamagedStore, StoreError
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.files import prepare, wal_of
from engine.store.sqlite.integrity import quarantine, quick_check
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.store.harness import NOW, assert_whole, batch, counts, everything, tick, trading

PAGE = 4_096


async def filled(path: Path, ticks: int = 3_000) -> bytes:
    """A cleanly closed file with several pages of each table; returns its content."""
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(*islice(trading(random.Random(1), 8), ticks))], [], NOW)
    await writer.close()
    return content_of(path)


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def kept_files(path: Path) -> list[Path]:
    """The renamed files, and their non-empty logs (without log indexes)."""
    found = path.parent.glob(f"{path.name}.damaged-*")
    return sorted(each for each in found if not each.name.endswith("-shm") and each.stat().st_size)


async def test_damage_is_noticed_at_start_and_set_aside(tmp_path: Path) -> None:
    rng = random.Random(20)
    whole = await filled(tmp_path / "whole.db")
    for number in range(20):
        path = tmp_path / f"{number}" / "ticks.db"
        path.parent.mkdir()
        content = bytearray(whole)
        if number % 4 == 3:
            del content[rng.randrange(1, len(content)) :]
        else:
            at = rng.randrange(len(content) // PAGE) * PAGE
            content[at : at + PAGE] = rng.randbytes(PAGE)
        path.write_bytes(content)
        writer = await SqliteTickWriter.start(path)
        commit = await writer.commit([batch(tick(1), tick(2))], [], NOW)
        assert counts(commit) == [(2, 0, 0)], "it takes in again"
        (kept,) = kept_files(path)
        assert kept.read_bytes() == content, "nothing of the damaged file is lost"
        assert writer.note is not None and kept.name in writer.note and "damaged" in writer.note
        await writer.close()
        assert_whole(path)


@pytest.mark.parametrize("content", [b"not a database at all" * 400, b"SQLite format 3\0" + b"\xff" * 5_000, b"x"])
async def test_what_is_no_database_is_set_aside_with_its_log(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ticks.db"
    path.write_bytes(content)
    wal_of(path).write_bytes(b"log")
    writer = await SqliteTickWriter.start(path)
    await writer.close()
    file, log = kept_files(path)
    assert (file.read_bytes(), log.read_bytes()) == (content, b"log")
    assert log.name == file.name + "-wal"


@pytest.mark.parametrize("is_gone", [True, False])
async def test_a_log_without_its_file_is_kept(tmp_path: Path, is_gone: bool) -> None:
    """SQLite deletes the log beside an empty file, and what was acknowledged with it."""
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1))], [], NOW)
    log = wal_of(path).read_bytes()
    shutil.copy(wal_of(path), tmp_path / "log")
    await writer.close()
    shutil.copy(tmp_path / "log", wal_of(path))
    if is_gone:
        path.unlink()
    else:
        path.write_bytes(b"")
    writer = await SqliteTickWriter.start(path)
    assert writer.note is not None and "move ticks.db-wal away" in writer.note
    await writer.close()
    assert kept_files(path)[-1].read_bytes() == log


async def test_another_programs_file_and_a_folder_are_refused_not_moved(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE users (name)")
    with pytest.raises(StoreError, match="another program's database"):
        await SqliteTickWriter.start(other)
    await (await SqliteTickWriter.open(tmp_path / "ticks.db")).close()
    with pytest.raises(StoreError, match="holds ticks; expected analysis"):
        SqliteAnalysis(tmp_path / "ticks.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreError, match=r"folder.db cannot be read"):
        await SqliteTickWriter.start(tmp_path / "folder.db")
    with pytest.raises(StoreError, match="cannot be made or written"):
        await SqliteTickWriter.start(other / "below" / "ticks.db")
    assert kept_files(other) == kept_files(tmp_path / "ticks.db") == kept_files(tmp_path / "folder.db") == []


async def test_a_locked_file_is_refused_not_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.sqlite.files.LOCK_WAIT_S", 0.01)
    path = tmp_path / "ticks.db"
    await filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked") as refused:
            await SqliteTickWriter.start(path)
        assert not isinstance(refused.value, DamagedStore)
    assert kept_files(path) == []


@contextmanager
def as_nobody(*paths: Path) -> Iterator[None]:
    """Without the rights of root, which ignore read-only modes."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_cannot_be_written_is_one_plain_sentence(what: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders let no other user in
        base = Path(folder)
        path = base / "ticks.db"
        if what == "file":
            prepare(path, TICKS)
            path.chmod(0o444)
        base.chmod(0o555)
        with as_nobody(), pytest.raises(StoreError, match=r"ticks.db cannot be (opened for writing|read)") as refused:
            prepare(path, TICKS)
        assert not isinstance(refused.value, DamagedStore)
        base.chmod(0o755)


def replaced_by_another(path: Path) -> None:
    prepare(path.with_name("other.db"), TICKS)
    path.with_name("other.db").replace(path)


def replaced_with_its_log(path: Path) -> None:
    wal_of(path).unlink()
    replaced_by_another(path)


def only_the_file_deleted(path: Path) -> None:
    path.unlink()


def deleted(path: Path) -> None:
    for side in ("", "-wal", "-shm"):
        path.with_name(path.name + side).unlink()


def only_the_log_deleted(path: Path) -> None:
    wal_of(path).unlink()


@pytest.mark.parametrize(
    "harm", [deleted, only_the_file_deleted, only_the_log_deleted, replaced_by_another, replaced_with_its_log]
)
async def test_a_file_that_goes_away_while_running_takes_no_acknowledgement_with_it(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1))], [], NOW)
    harm(path)
    with pytest.raises(StoreError, match="it was deleted or replaced"):
        await writer.commit([batch(tick(2), tick(3))], [], NOW)
    commit = await writer.commit([batch(tick(2), tick(3))], [], NOW)
    assert sum(counts(commit)[0]) == 2
    assert writer.note is not None and "deleted or replaced while the server ran" in writer.note
    await writer.close()
    assert_whole(path)
    found = [each.agg_id for _, each in everything(path)["BTCUSDT"]]
    assert found == ([1, 2, 3] if harm is only_the_log_deleted else [2, 3])


async def test_damage_found_while_running_is_set_aside_and_nothing_of_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    ticks = list(islice(trading(random.Random(1), 8), 20_000))
    await writer.commit([batch(*ticks)], [], NOW)
    await writer.close()
    writer = await SqliteTickWriter.open(path)
    content = bytearray(path.read_bytes())
    for at in range(20 * PAGE, len(content), PAGE):
        content[at : at + PAGE] = bytes(PAGE)
    with path.open("rb+") as file:  # another program writes into it
        file.write(content)
    with pytest.raises(StoreError, match="malformed"):
        await writer.commit([batch(*(each._replace(agg_id=each.agg_id + 10**6) for each in ticks))], [], NOW)
    commit = await writer.commit([batch(tick(1))], [], NOW)
    assert counts(commit) == [(1, 0, 0)]
    assert len([each for each in kept_files(path) if each.suffix != ".db-wal"]) >= 1
    assert writer.note is not None and "is kept as ticks.db.damaged-" in writer.note
    await writer.close()
    assert_whole(path)


async def test_a_look_ends_when_its_time_is_up(tmp_path: Path) -> None:
    path = tmp_path / "ticks.db"
    await filled(path, 40_000)
    assert quick_check(path, 10.0)
    assert not all(quick_check(path, 0.001) for _ in range(20))
    writer = await SqliteTickWriter.start(path, look_s=0.001)
    assert writer.note is None
    await writer.close()


def test_two_files_set_aside_at_once_keep_their_own_names(tmp_path: Path) -> None:
    kept = []
    for _ in range(2):
        (tmp_path / "ticks.db").write_bytes(b"x")
        kept.append(quarantine(tmp_path / "ticks.db"))
    assert len(set(kept)) == 2 and all(each.exists() for each in kept)
