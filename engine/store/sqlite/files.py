"""Opens SQLite files: identity, schema version and access mode.

Each file has an ``application_id``, a store id assigned at its creation, and is migrated inside one transaction. A file
from a newer Pairbridge, or a damaged one, raises an error.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DamagedStore, NewerSchema, StoreError, StoreMissing

APPLICATION_ID = 0x50414952  # "PAIR"
SMALLEST_PAGE = 512
LOCK_WAIT_S = 2.0  # waits for another program's write to end

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PRIMARY = 0xFF  # SQLite keeps the kind of an error in the low byte of its extended code


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a file: its kind, and one script per version, in order. ``scripts[0]`` creates version 1."""

    kind: str
    scripts: Sequence[str]

    @property
    def version(self) -> int:
        return len(self.scripts)


def prepare(path: Path, schema: Schema, makes_folder: bool = True) -> str:
    """Create or migrate the file and return its store id; ``makes_folder``: its folder is created, too.

    Raises NewerSchema, DamagedStore, or StoreError when the file is of another kind or cannot be written.
    """
    if makes_folder:
        _make_folder(path.parent)
    is_new = not path.exists()
    refuse_remains(path)
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=LOCK_WAIT_S)) as db:
            check_identity(db, path, schema)
            db.execute("PRAGMA journal_mode=WAL")
            store_id = _migrate(db, schema)
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            raise DamagedStore(f"{path} is not a database that can be read: {error}") from error
        raise StoreError(f"{path} cannot be opened for writing: {error}") from error
    if is_new:
        sync_folder(path.parent)
    return store_id


def refuse_remains(path: Path) -> None:
    """Raises DamagedStore for a file that SQLite would treat as new: it would delete the log, which may hold
    acknowledged data."""
    size, log_size = (each.stat().st_size if each.exists() else 0 for each in (path, wal_of(path)))
    if size == 0 and log_size:
        what = "empty" if path.exists() else "gone"
        raise DamagedStore(f"{path} is {what}, but not its log; move {wal_of(path).name} away")
    if 0 < size < SMALLEST_PAGE and path.is_file():
        raise DamagedStore(f"{path} has only {size} bytes; expected a database")


def _migrate(db: sqlite3.Connection, schema: Schema) -> str:
    db.execute("BEGIN IMMEDIATE")
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    for script in schema.scripts[version:]:
        for statement in _statements(script):
            db.execute(statement)
    if version == 0:
        db.execute("INSERT INTO meta VALUES ('kind', ?), ('store_id', ?)", (schema.kind, new_store_id()))
    # Always written: an unwritable file fails here, and not at the first trade.
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db.execute(f"PRAGMA user_version={schema.version}")
    db.execute("COMMIT")
    return str(db.execute("SELECT value FROM meta WHERE key='store_id'").fetchone()[0])


def check_identity(db: sqlite3.Connection, path: Path, schema: Schema) -> None:
    """Raises StoreError for another program's file or another kind, NewerSchema for a newer file."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    is_empty = not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    if is_empty:
        return
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is another program's database; expected one that Pairbridge created")
    kind = db.execute("SELECT value FROM meta WHERE key='kind'").fetchone()
    if kind != (schema.kind,):
        raise StoreError(f"{path} holds {kind[0] if kind else 'nothing known'}; expected {schema.kind}")
    if version > schema.version:
        raise NewerSchema(
            f"{path} has schema version {version}; this Pairbridge knows up to {schema.version}. Use the newer one."
        )


def _statements(script: str) -> list[str]:
    """The script split into statements: ``executescript`` would commit the transaction first."""
    found: list[str] = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found


def connect_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection, usable from one thread at a time. Raises StoreMissing when there is no such file."""
    if not path.exists():
        raise StoreMissing(f"{path} does not exist yet; it is created when the bridge server first starts")
    uri = path.resolve().as_uri() + "?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10, check_same_thread=False)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Converts SQLite errors inside to StoreError with the file's name."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


def new_store_id() -> str:
    """The store id: another id means another history."""
    return secrets.token_hex(8)


def wal_of(path: Path) -> Path:
    """The write-ahead log of a file."""
    return path.with_name(path.name + "-wal")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error is in the file's content, not the disk, a lock or a permission."""
    return _code(error) in _DAMAGE


def is_full(error: sqlite3.Error, path: Path) -> bool:
    """Whether the disk is full. Some writes then fail as "disk I/O error", so this also checks the free space."""
    if _code(error) == sqlite3.SQLITE_IOERR:
        try:
            found = os.statvfs(path.parent)
        except (OSError, AttributeError):
            return False
        return found.f_bavail * found.f_frsize < 1 << 20
    return _code(error) == sqlite3.SQLITE_FULL


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that its names survive a power cut. (Windows has no such call; NTFS does not need it.)"""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents so that they survive a power cut. Raises OSError."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_folder(made.parent)


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made or written: {error.strerror}") from error


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & _PRIMARY
