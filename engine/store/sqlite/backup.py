"""Backup and restore of a data folder.

A backup is a folder: ``ticks.db``, ``analysis.db`` if it exists, ``archive.json`` (its list of archive files) and, on
request, those files. It gets its final name only when complete and checked.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import StoreError
from engine.store.archive.parquet import archive_of
from engine.store.lock import held
from engine.store.sqlite.analysis_schema import ANALYSIS
from engine.store.sqlite.check import Progress, check_pages
from engine.store.sqlite.files import Schema, connect_reader, make_folder, new_store_id, prepare, sync_folder, wal_of
from engine.store.sqlite.schema import TICKS

FILES = {"ticks.db": TICKS, "analysis.db": ANALYSIS}
LISTING = "archive.json"
_STEPS = 5_000_000  # SQLite VM instructions between two progress messages


def back_up(data_dir: Path, to: Path, with_archive: bool, progress: Progress) -> None:
    """Copy the store into the new folder ``to`` and check the copy; the server may be running. Raises StoreError."""
    if not (data_dir / "ticks.db").exists():
        raise StoreError(f"{data_dir} holds no ticks.db; expected a data folder of Pairbridge")
    if to.exists():
        raise StoreError(f"{to} exists already; expected the name of a new folder")
    to = to.absolute()
    part = to.with_name(f".{to.name}.part")
    with _told(f"{to} cannot be written"):
        shutil.rmtree(part, ignore_errors=True)
        make_folder(part)
        try:
            for name, schema in FILES.items():
                if (data_dir / name).exists():
                    _copy_database(data_dir / name, part / name, progress)
                    _require_whole(part / name, schema, progress)
            _copy_archive(data_dir, part, with_archive, progress)
            part.rename(to)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        sync_folder(to.parent)


def restore(source: Path, data_dir: Path, progress: Progress) -> Path:
    """Replace the store by a backup; returns the folder that holds the old store.

    The restored ticks get a new store id, so the dashboard starts new runs instead of continuing in a different
    history. Raises StoreError, also while the server or the dashboard is running.
    """
    if not (source / "ticks.db").exists():
        raise StoreError(f"{source} holds no ticks.db; expected a folder made by `backup`")
    aside = data_dir / f"replaced-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S.%fZ')}"
    with _told(f"{data_dir} cannot be written"):
        make_folder(data_dir)
        with held(data_dir, "server"), held(data_dir, "dashboard"):
            names = [name for name in FILES if (source / name).exists()]
            for name in names:
                _require_whole(source / name, FILES[name], progress)
                _copy_database(source / name, _fresh(data_dir, name), progress)
                prepare(_fresh(data_dir, name), FILES[name])
            _bring_archive(source, data_dir, progress)
            _give_new_identity(_fresh(data_dir, "ticks.db"))
            make_folder(aside)
            for name in names:
                _keep_aside(data_dir / name, aside)
                _fresh(data_dir, name).replace(data_dir / name)
            sync_folder(data_dir)
    return aside


def _fresh(data_dir: Path, name: str) -> Path:
    return data_dir / f"{name}.restoring"


def _copy_database(source: Path, to: Path, progress: Progress) -> None:
    to.unlink(missing_ok=True)
    size = source.stat().st_size

    def tell() -> int:
        copied = to.stat().st_size if to.exists() else 0
        progress(f"{source.name}: {copied >> 20} of about {size >> 20} MB")
        return 0

    with closing(connect_reader(source)) as db:
        db.set_progress_handler(tell, _STEPS)
        try:
            db.execute("VACUUM INTO ?", (str(to),))
        except sqlite3.Error as error:
            raise StoreError(f"{source} cannot be copied to {to}: {error}") from error
    with to.open("rb+") as file:  # SQLite does not sync it
        os.fsync(file.fileno())


def _require_whole(path: Path, schema: Schema, progress: Progress) -> None:
    problems = check_pages(path, schema, progress).problems
    if problems:
        raise StoreError(f"{path} is damaged: {'; '.join(problems[:3])}")


def _listed(ticks_db: Path) -> list[tuple[str, int]]:
    with closing(connect_reader(ticks_db)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name='archive'").fetchone():
            return []  # schema version 1 has no such table
        return db.execute("SELECT file, ticks FROM archive WHERE state<>'begun' ORDER BY file").fetchall()


def _copy_archive(data_dir: Path, part: Path, with_files: bool, progress: Progress) -> None:
    listed = _listed(part / "ticks.db")
    archive = archive_of(data_dir / "ticks.db")
    there = {file: (archive / file).stat().st_size for file, _ in listed if (archive / file).exists()}
    if len(there) < len(listed):
        progress(f"archive: {len(listed) - len(there)} of {len(listed)} files are not there; `check` lists them")
    listing = [{"file": file, "ticks": ticks, "bytes": there.get(file)} for file, ticks in listed]
    (part / LISTING).write_text(json.dumps(listing, indent=1), encoding="utf-8")
    if with_files:
        for number, file in enumerate(there, 1):
            progress(f"archive: file {number} of {len(there)}")
            _copy_file(archive / file, part / "archive" / file)


def _bring_archive(source: Path, data_dir: Path, progress: Progress) -> None:
    """Copy the archive files that the data folder lacks. Existing ones stay unchanged."""
    archive = archive_of(data_dir / "ticks.db")
    listed = _listed(_fresh(data_dir, "ticks.db"))
    for number, (file, _) in enumerate(listed, 1):
        if not (archive / file).exists() and (source / "archive" / file).exists():
            progress(f"archive: file {number} of {len(listed)}")
            _copy_file(source / "archive" / file, archive / file)
    gone = [file for file, _ in listed if not (archive / file).exists()]
    if gone:
        progress(
            f"archive: {len(gone)} of {len(listed)} files are not here; copy them to {archive}, for example {gone[0]}"
        )


def _copy_file(source: Path, to: Path) -> None:
    make_folder(to.parent)
    part = to.with_name(to.name + ".part")
    shutil.copyfile(source, part)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(to)
    sync_folder(to.parent)


def _give_new_identity(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE meta SET value=? WHERE key='store_id'", (new_store_id(),))


def _keep_aside(path: Path, aside: Path) -> None:
    """Save a file that is about to be replaced. If possible, by a hard link, so that its path stays valid."""
    if path.exists():
        with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # SQLite would apply an old log to the new file
        if not wal_of(path).exists():
            with contextlib.suppress(OSError):  # a file system without links
                (aside / path.name).hardlink_to(path)
                sync_folder(aside)
                return
    for each in (path, wal_of(path), path.with_name(path.name + "-shm")):
        if each.exists():
            each.rename(aside / each.name)
    sync_folder(aside)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{what}: {error.strerror or error}") from error
