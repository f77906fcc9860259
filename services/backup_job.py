"""The job that copies the store into a backup."""

from __future__ import annotations

from pathlib import Path

from engine.errors import StoreError
from engine.store import open_backend
from services.jobs import IsCancelled, JobCancelled, Json, Report


def run_backup(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, the new folder ``to``, and ``with_archive``; the result names the folder.

    Raises JobCancelled, StoreError.
    """

    def progress(line: str) -> None:
        if is_cancelled():
            raise JobCancelled("the backup was cancelled; nothing of it is kept")
        report(line, 0, 0)

    try:
        open_backend(Path(request["data_dir"])).back_up(Path(request["to"]), request["with_archive"], progress)
    except StoreError:
        if is_cancelled():  # SQLite ends a copy whose progress raised with an error of its own
            raise JobCancelled("the backup was cancelled; nothing of it is kept") from None
        raise
    return {"to": request["to"]}
