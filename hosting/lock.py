"""One process per file: a lock that the system lets go when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO


class FolderLockedError(Exception):
    """Another process holds the lock; the message says which."""


class FolderLock:
    """``with FolderLock(folder, "server"):`` for as long as this process writes there."""

    def __init__(self, folder: Path, role: str) -> None:
        self._path = folder / f"{role}.lock"
        self._role = role
        self._file: IO[str] | None = None

    def __enter__(self) -> FolderLock:
        """Raises FolderLockedError when a running process holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+")
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise FolderLockedError(
                f"another {self._role} (process {holder}) already uses {self._path.parent};"
                " stop it first, or set PAIRBRIDGE_DATA_DIR to another folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        # Far past the text, so that the holder's number stays readable.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
