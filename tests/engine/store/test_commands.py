"""``python -m engine.store``: check finds errors, a restored backup equals the store."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from engine.errors import StoreError
from engine.store.__main__ import main
from engine.store.lock import held
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.files import prepare
from engine.store.sqlite.retention import RetentionJob
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.store.harness import NOW, batch, everything, query, tick, trading
from tests.engine.store.sqlite.test_migrations import make_first_version

MINUTE = 60_000


async def fill(data_dir: Path, ticks: int = 2_000) -> None:
    """Ticks hot and archived, with a gap, and the dashboard's file."""
    writer = await SqliteTickWriter.open(data_dir / "ticks.db")
    rows = list(islice(trading(Random(5), symbols=2, step_ms=1_000), ticks))
    del rows[100]
    await writer.commit([batch(*rows)], [], NOW)
    for _ in range(2):
        await RetentionJob(writer, retention_ms=5 * MINUTE, slack_ms=0).sweep()
    await writer.close()
    store = SqliteAnalysis(data_dir / "analysis.db")
    store.watch("sim", "S0USDT", "S1USDT", "{}")
    store.keep()
    store.close()


def run(data_dir: Path, *arguments: str) -> int:
    return main(["--data-dir", str(data_dir), *arguments])


async def test_a_restored_backup_is_what_was_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, backup = tmp_path / "data", tmp_path / "backups" / "monday"
    await fill(data)
    before = everything(data / "ticks.db")
    store_id = query(data / "ticks.db", "SELECT value FROM meta WHERE key='store_id'")
    assert run(data, "backup", str(backup), "--with-archive") == 0
    assert {each.name for each in backup.iterdir()} == {"ticks.db", "analysis.db", "archive.json", "archive"}
    listed = json.loads((backup / "archive.json").read_text())
    assert sum(each["ticks"] for each in listed) > 100
    other = tmp_path / "other"
    assert run(other, "restore", str(backup)) == 0
    assert everything(other / "ticks.db") == before
    assert query(other / "analysis.db", "SELECT y, x FROM watch") == [("S0USDT", "S1USDT")]
    assert query(other / "ticks.db", "SELECT value FROM meta WHERE key='store_id'") != store_id, "another history"
    assert run(other, "check") == 0
    assert f"{other} is restored" in capsys.readouterr().err


async def test_what_a_restore_replaces_is_kept_beside_it(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    await fill(data, ticks=500)
    assert run(data, "backup", str(backup)) == 0
    writer = await SqliteTickWriter.open(data / "ticks.db")
    await writer.commit([batch(tick(1, symbol="NEWUSDT"))], [], NOW)
    await writer.close()
    assert run(data, "restore", str(backup)) == 0
    assert "NEWUSDT" not in everything(data / "ticks.db")
    (aside,) = data.glob("replaced-*")
    assert query(aside / "ticks.db", "SELECT symbol FROM series WHERE symbol='NEWUSDT'") == [("NEWUSDT",)]
    assert run(data, "check") == 0


async def test_a_backup_can_be_made_while_the_server_writes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await fill(data, ticks=500)
    writer = await SqliteTickWriter.open(data / "ticks.db")
    with held(data, "server"):
        await writer.commit([batch(tick(1, symbol="NEWUSDT"))], [], NOW)
        assert run(data, "backup", str(tmp_path / "backup")) == 0
        assert run(data, "restore", str(tmp_path / "backup")) == 2
    await writer.close()
    assert query(tmp_path / "backup" / "ticks.db", "SELECT agg_id FROM v_ticks WHERE symbol='NEWUSDT'") == [(1,)]


async def test_without_its_archive_a_restore_says_what_to_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(tmp_path / "data")
    assert run(tmp_path / "data", "backup", str(tmp_path / "backup")) == 0
    assert run(tmp_path / "other", "restore", str(tmp_path / "backup")) == 0
    assert "files are not here; copy them to" in capsys.readouterr().err
    assert run(tmp_path / "other", "check") == 1
    assert "is listed in the archive but cannot be read" in capsys.readouterr().err


async def test_who_deletes_old_days_of_the_archive_can_still_make_backups(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(tmp_path / "data")
    gone = next((tmp_path / "data" / "archive").rglob("*.parquet"))
    gone.unlink()
    assert run(tmp_path / "data", "backup", str(tmp_path / "backup"), "--with-archive") == 0
    assert "files are not there; `check` lists them" in capsys.readouterr().err
    listed = json.loads((tmp_path / "backup" / "archive.json").read_text())
    assert [each["file"].endswith(gone.name) for each in listed if each["bytes"] is None] == [True]


HARM = {
    "ticks 1100 to 1100 are missing, and not in the ledger": "DELETE FROM ticks WHERE agg_id=1100",
    "the bar of second": "UPDATE bars SET volume=volume+1 WHERE open_time_ms=(SELECT max(open_time_ms) FROM bars)",
    "the series says 5": "UPDATE series SET high_water=5 WHERE series_id=1",
    "bars for": "DELETE FROM bars WHERE open_time_ms=(SELECT min(open_time_ms) FROM bars)",
    "last_seq is 1": "UPDATE meta SET value=1 WHERE key='last_seq'",
}


@pytest.mark.parametrize("says", HARM)
async def test_check_finds_what_does_not_fit_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], says: str
) -> None:
    path = tmp_path / "ticks.db"
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(*islice(trading(Random(5), symbols=2), 400))], [], NOW)
    await writer.close()
    assert run(tmp_path, "check") == 0
    with closing(sqlite3.connect(path)) as db:
        db.execute(HARM[says])
        db.commit()
    capsys.readouterr()
    assert run(tmp_path, "check", str(path)) == 1
    assert says in capsys.readouterr().err


async def test_a_damaged_page_is_found_and_never_backed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await fill(tmp_path)
    with (tmp_path / "ticks.db").open("rb+") as file:
        file.seek(8 * 4_096)
        file.write(Random(1).randbytes(4_096))
    assert run(tmp_path, "check") == 1
    assert run(tmp_path, "backup", str(tmp_path / "backup")) == 2
    assert not any("backup" in name for name in names_in(tmp_path)), "no half of a backup is left"


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def nothing(_: Path) -> None:
    """There is no data folder."""


def old_file(data: Path) -> None:
    data.mkdir()
    make_first_version(data / "ticks.db")


@pytest.mark.parametrize(
    ("make", "command", "says"),
    [
        (nothing, ["check"], "does not exist yet"),
        (nothing, ["backup", "B"], "holds no ticks.db; expected a data folder"),
        (nothing, ["restore", "B"], "holds no ticks.db; expected a folder made by `backup`"),
        (old_file, ["check"], "has schema version 1; the server migrates it"),
        (old_file, ["backup", "data"], "exists already; expected the name of a new folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], None], command: list[str], says: str
) -> None:
    make(tmp_path / "data")
    assert run(tmp_path / "data", command[0], *(str(tmp_path / name) for name in command[1:])) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_a_backup_of_an_older_version_can_be_restored(tmp_path: Path) -> None:
    old_file(tmp_path / "data")
    assert run(tmp_path / "data", "backup", str(tmp_path / "backup")) == 0
    assert run(tmp_path / "other", "restore", str(tmp_path / "backup")) == 0
    assert query(tmp_path / "other" / "ticks.db", "PRAGMA user_version") == [(TICKS.version,)]
    assert run(tmp_path / "other", "check") == 0


def test_commands_and_processes_share_their_locks(tmp_path: Path) -> None:
    prepare(tmp_path / "ticks.db", TICKS)
    with held(tmp_path, "server"):
        assert run(tmp_path, "restore", str(tmp_path)) == 2
    taken = pytest.raises(StoreError, match=f"the dashboard .process {os.getpid()}. already uses")
    with held(tmp_path, "dashboard"), taken, held(tmp_path, "dashboard"):
        pass
