"""Detects damaged, deleted or replaced files; never deletes them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import DamagedStore, StoreError
from engine.store.sqlite.files import LOCK_WAIT_S, connect_reader, is_damage, refuse_remains, sync_folder

LOOK_S = 1.0  # for the check at start, about a quarter of a gigabyte: the bridge waits for it
TOO_LARGE = "%s is too large to be checked in %g s; run `python -m engine.store check`"

_PARTS = ("", "-wal", "-shm")
_SIDE_FILES = (*_PARTS, "-journal")


def quick_check(path: Path, limit_s: float) -> bool:
    """Check the file's pages for at most ``limit_s`` seconds; returns whether it reached the end.

    Raises DamagedStore with the errors found, StoreError if the file cannot be read.
    """
    refuse_remains(path)
    if not path.exists() or not path.stat().st_size:
        return True
    try:
        with closing(connect_reader(path)) as db:  # a writable connection would remove the log when it closes
            db.execute(f"PRAGMA busy_timeout={int(1_000 * LOCK_WAIT_S)}")
            timer = threading.Timer(limit_s, db.interrupt)
            timer.start()
            try:
                found = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
            finally:
                timer.cancel()
                timer.join()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        if is_damage(error):
            raise DamagedStore(f"{path} is not a database that can be read: {error}") from error
        raise StoreError(f"{path} cannot be read: {error}") from error
    if found != ["ok"]:
        raise DamagedStore(f"{path} is damaged: {'; '.join(found)}")
    return True


def quarantine(path: Path) -> Path:
    """Rename a file without open connections, and its log, to ``<name>.damaged-<utc time>``; returns the new path."""
    return _rename(path, _SIDE_FILES, "damaged")


def _rename(path: Path, sides: Sequence[str], why: str) -> Path:
    kept = path.with_name(f"{path.name}.{why}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S.%fZ')}")
    for side in sides:
        file = path.with_name(path.name + side)
        if file.exists():
            file.rename(kept.with_name(kept.name + side))
    sync_folder(path.parent)
    return kept


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Identity of the file, log and log index at a path, to detect deletion or replacement."""

    path: Path
    identities: tuple[tuple[int, int] | None, ...]

    @classmethod
    def of(cls, path: Path) -> FileIdentity:
        """The current identity."""
        return cls(path, tuple(_identity(path.with_name(path.name + side)) for side in _PARTS))

    def leave(self) -> None:
        """Rename the remaining log of a deleted file: SQLite would apply it to the next one."""
        now = FileIdentity.of(self.path).identities
        if now[0] != self.identities[0]:
            same = [_PARTS[at] for at in (1, 2) if now[at] is not None and now[at] == self.identities[at]]
            _rename(self.path, same, "displaced")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
