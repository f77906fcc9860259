"""Older bars of a pair for the charts, which load them when their left edge is reached.

The answer is binary, so that tens of thousands of bars cost neither a conversion nor an allocation for each number:
the length of a JSON header (4 bytes, little-endian), the header, padded with spaces to a multiple of 8 bytes with its
length, then the columns that it lists, each of ``count`` little-endian doubles, NaN where unknown.
"""

from __future__ import annotations

import struct
from typing import Annotated

import msgspec
import numpy as np
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import Response

from api.documents import documented
from services.pair_columns import MOST_OLDER, OlderBars
from services.views import ViewService

BARS = "/api/pair/bars"
PATHS = (BARS,)

Number = Annotated[int, Query(ge=0, lt=2**53)]
Count = Annotated[int, Query(ge=1, le=MOST_OLDER)]


def add_bars_route(app: FastAPI, views: ViewService) -> None:
    """``/api/pair/bars?watch=N&before=B&at=T&count=C``: at most C bars before bar number B, which opens at T (ms).

    404 where no such pair or bar is followed (its run may have been replaced), 400 for other parameters.
    """

    @app.get(BARS, **documented("pairs", "Older bars for the chart", None, media="application/octet-stream"))
    def older(watch: Number, before: Number, at: Number, count: Count = 5_000) -> Response:
        found = views.older(watch, before, at, count)
        if found is None:
            raise HTTPException(404, f"pair {watch} has no bar {before} that opens at {at}")
        return Response(packed(found), media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


def packed(bars: OlderBars) -> bytes:
    """The answer's bytes; see the module."""
    rows = [{"at": each.bar_ms, "kind": each.kind, "reason": each.reason, "z": each.z} for each in bars.decisions]
    header = {"first": bars.first, "count": bars.count, "columns": list(bars.columns), "decisions": rows}
    text = msgspec.json.encode(header)
    text += b" " * (-(len(text) + 4) % 8)
    parts = [np.ascontiguousarray(values, dtype="<f8").tobytes() for values in bars.columns.values()]
    return b"".join([struct.pack("<I", len(text)), text, *parts])
