"""One process of a role per data folder: a lock that the system lets go when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.errors import StoreError
from engine.store.files import make_folder


@contextmanager
def held(folder: Path, role: str) -> Iterator[None]:
    """Hold the lock of ``role`` ("server" or "dashboard").

    Raises StoreError while another process holds it, and where the folder cannot be made or written.
    """
    with _opened(folder, role) as file:
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


def _opened(folder: Path, role: str) -> IO[str]:
    try:
        make_folder(folder)
        return (folder / f"{role}.lock").open("a+")
    except OSError as error:
        raise StoreError(
            f"{error.filename} cannot be used: {error.strerror}; set PAIRBRIDGE_DATA_DIR to another folder"
        ) from error


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
