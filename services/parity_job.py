"""The job that replays a live run out of the store."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from engine.store import open_backend
from live.parity import check
from live.run_record import Record
from services.jobs import IsCancelled, JobCancelled, Json, Report


def run_parity(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, and a ``record`` by ``dataclasses.asdict``; the result is a ``Parity`` likewise.

    Raises JobCancelled, StoreError.
    """
    record = Record(**request["record"])

    def progress(seq: int) -> None:
        if is_cancelled():
            raise JobCancelled(f"the replay of run {record.run['run_id']} was cancelled")
        report("replaying", seq, record.seq)

    reader = open_backend(Path(request["data_dir"])).tick_reader()
    try:
        return dataclasses.asdict(check(record, reader, progress))
    finally:
        reader.close()
