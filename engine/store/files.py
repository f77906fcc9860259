"""Opening a SQLite file: identity, schema version, and how it may be used.

Each file is one application's (``application_id``), carries a store id made at its creation, and is
migrated inside one transaction. A file from a newer Pairbridge is refused; a damaged one is named.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DamagedStore, NewerSchema, StoreError

APPLICATION_ID = 0x50414952  # "PAIR"


@dataclass(frozen=True, slots=True)
class Schema:
    """What a file holds: its kind, and one script for each version, in order. ``scripts[0]`` makes version 1."""

    kind: str
    scripts: Sequence[str]

    @property
    def version(self) -> int:
        return len(self.scripts)


def prepare(path: Path, schema: Schema) -> str:
    """Create or migrate the file and return its store id.

    Raises NewerSchema, DamagedStore, or StoreError when the file is of another kind or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as db:
            _check_identity(db, path, schema)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("BEGIN IMMEDIATE")
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            for script in schema.scripts[version:]:
                for statement in _statements(script):
                    db.execute(statement)
            if version == 0:
                db.execute("INSERT INTO meta VALUES ('kind', ?), ('store_id', ?)", (schema.kind, secrets.token_hex(8)))
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={schema.version}")
            db.execute("COMMIT")
            return str(db.execute("SELECT value FROM meta WHERE key='store_id'").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(f"{path} cannot be opened for writing: {error}") from error
        raise DamagedStore(f"{path} is not a database that can be read: {error}") from error


def _check_identity(db: sqlite3.Connection, path: Path, schema: Schema) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    is_empty = not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    if is_empty:
        return
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is another program's database; expected one that Pairbridge created")
    if version > schema.version:
        raise NewerSchema(
            f"{path} has schema version {version}; this Pairbridge knows up to {schema.version}. Use the newer one."
        )
    kind = db.execute("SELECT value FROM meta WHERE key='kind'").fetchone()
    if kind != (schema.kind,):
        raise StoreError(f"{path} holds {kind[0] if kind else 'nothing known'}; expected {schema.kind}")


def _statements(script: str) -> list[str]:
    """The script cut into statements: ``executescript`` would commit the transaction first."""
    found: list[str] = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found


def connect_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection, usable from one thread at a time. Raises StoreError when there is no such file."""
    if not path.exists():
        raise StoreError(f"{path} does not exist yet; it is created when the bridge server first starts")
    uri = path.resolve().as_uri() + "?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10, check_same_thread=False)
