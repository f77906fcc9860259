"""One process of a role per data folder: a lock that the system lets go when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.errors import StoreError


@contextmanager
def held(folder: Path, role: str) -> Iterator[None]:
    """Hold the lock of ``role`` ("server" or "dashboard"). Raises StoreError while another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{role}.lock").open("a+") as file:
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StoreError(
                f"the {role} (process {holder}) already uses {folder};"
                " stop it first, or set PAIRBRIDGE_DATA_DIR to another folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


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
