"""Opening and closing a damaged or changed dashboard file."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from engine.errors import NewerSchema, StoreError
from engine.store.sqlite.analysis import SqliteAnalysis


def kept_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.damaged-*Z"))


@pytest.mark.parametrize("content", [b"8 bytes!", b"not a database at all" * 400])
def test_what_is_no_database_is_set_aside_with_a_loud_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "analysis.db"
    path.write_bytes(content)
    store = SqliteAnalysis.start(path)
    assert store.watch("sim", "Y", "X", "{}") in store.watch_list()
    store.close()
    (kept,) = kept_files(path)
    assert kept.read_bytes() == content
    (note,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"it is kept as {kept.name}, and a new analysis.db was created" in note.getMessage()
    assert "python -m engine.store restore" in note.getMessage()


def test_a_damaged_page_is_noticed_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "analysis.db"
    SqliteAnalysis(path).close()
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)
    SqliteAnalysis.start(path).close()
    (kept,) = kept_files(path)
    assert kept.read_bytes() == content


def test_a_whole_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "analysis.db"
    first = SqliteAnalysis.start(path)
    watched = first.watch("sim", "Y", "X", "{}")
    first.keep()
    first.close()
    again = SqliteAnalysis.start(path)
    assert (again.store_id, again.watch_list()) == (first.store_id, [watched])
    again.close()
    assert kept_files(path) == []


def test_a_newer_file_and_a_folder_are_refused_not_moved(tmp_path: Path) -> None:
    path = tmp_path / "analysis.db"
    store = SqliteAnalysis(path)
    store._db.execute("PRAGMA user_version=99")
    store.close()
    with pytest.raises(NewerSchema):
        SqliteAnalysis.start(path)
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreError, match=r"folder.db cannot be"):
        SqliteAnalysis.start(tmp_path / "folder.db")
    assert kept_files(path) == kept_files(tmp_path / "folder.db") == []


def test_closing_a_file_that_refuses_says_so_and_keeps_its_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "analysis.db"
    store = SqliteAnalysis(path)
    watched = store.watch("sim", "Y", "X", "{}")
    store.keep()
    store._db.execute("BEGIN")
    store.watch_list()
    store.close()
    assert caplog.messages == [f"{path} keeps its log: database table is locked"]
    again = SqliteAnalysis(path)
    assert again.watch_list() == [watched]
    again.close()
