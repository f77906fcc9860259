"""The jobs of an upload: looking through its files, and having their rows stored by the bridge server.

The rows travel the bridge protocol, as those of every other feed: the server stays the one writer.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.files.inspection import Told
from engine.files.summary import describe
from engine.files.upload import look_through
from feeds.bridge_client import RefusedError
from feeds.replay import bring
from services.jobs import IsCancelled, JobCancelled, JobFailed, Json, Report


def look(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """``paths`` and what is ``told`` of them -> what was found, as ``engine.files.summary.describe`` gives it."""
    report("looking through the files", 0, 0)
    return describe(look_through(_paths(request), Told(**request["told"])))


def store(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """As ``look``, with ``market``, and ``url`` and ``token`` of the bridge server -> how many rows became what."""
    report("looking through the files", 0, 0)
    upload = look_through(_paths(request), Told(**request["told"]))
    total = sum(each.rows for each in upload.files)

    def tell(rows: int) -> None:
        if is_cancelled():
            raise JobCancelled("the upload was cancelled; what was acknowledged is stored")
        report("storing", rows, total)

    try:
        data_dir = Path(request["data_dir"])
        to = (request["market"], request["url"], request["token"])
        brought = asyncio.run(bring(upload, *to, report=tell, data_dir=data_dir))
    except RefusedError as error:
        raise JobFailed(str(error)) from None
    tally, bars = brought.tally, brought.bars
    outcome: dict[str, Any] = {"market": brought.market, "stored": tally.stored, "known": tally.duplicates}
    outcome |= {"conflicts": tally.conflicts, "again": dict(brought.again), "refused": len(tally.rejected)}
    outcome["bars"] = {"stored": bars.stored, "known": bars.known, "conflicts": bars.conflicts}
    return outcome | {"files": [each | {"first_rows": [], "last_rows": []} for each in describe(upload)["files"]]}


def told_as_json(told: Told) -> Json:
    """What the jobs take."""
    return asdict(told)


def _paths(request: Json) -> list[Path]:
    return [Path(each) for each in request["paths"]]
