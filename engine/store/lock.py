"""A lock for one process per role and data folder; the system releases it when its holder ends, even by a crash.

Deleting ``server.lock`` would allow a second server, since a file lock does not protect the file's name. So on Linux
the process also holds a name in the abstract socket namespace, made of the folder's inode, which no file operation can
remove. Windows does not delete open files.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from engine.errors import StoreError
from engine.store.sqlite.files import make_folder


@contextmanager
def held(folder: Path, role: str) -> Iterator[None]:
    """Hold the lock of ``role`` ("server" or "dashboard").

    Raises StoreError while another process holds it, and if the folder cannot be created or written.
    """
    with _opened(folder, role) as file, ExitStack() as stack:
        try:
            _lock(file)
            stack.enter_context(_claimed(folder, role))
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


@contextmanager
def _claimed(folder: Path, role: str) -> Iterator[None]:
    """Raises OSError while another process of this user has claimed the folder for this role."""
    if sys.platform != "linux":
        yield
        return
    found = folder.stat()
    with socket.socket(socket.AF_UNIX) as claim:
        claim.bind(f"\0pairbridge-{os.getuid()}-{found.st_dev}-{found.st_ino}-{role}")
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
        # Far past the text, so that the holder's process id stays readable.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
