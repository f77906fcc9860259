"""Files for other tools: the signal log as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

SIGNAL_COLUMNS = (
    "bar_close", "given_at", "kind", "reason", "z", "spread", "deviation", "beta", "alpha", "gate_pvalue", "y_price",
    "x_price", "quantity_y", "quantity_x", "position", "revision", "late_ms", "run_id",
)  # fmt: skip

Signals = tuple[str, list[dict[str, Any]]]  # a name for the file, and the rows


def add_export_routes(app: FastAPI, signals: Callable[[int], Signals | None]) -> None:
    """``/api/signals.csv?watch=N``: every decision of a watched pair's run, oldest first, times in UTC."""

    @app.get("/api/signals.csv")
    def signals_csv(watch: int) -> StreamingResponse:
        found = signals(watch)
        if found is None:
            raise HTTPException(404, f"no pair with number {watch} is watched")
        name, rows = found
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return StreamingResponse(csv_lines(SIGNAL_COLUMNS, rows), media_type="text/csv", headers=headers)


def csv_lines(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A header and one line a row; floats in full, so that reading gives back the same numbers.

    >>> list(csv_lines(["kind", "z"], [{"kind": "exit", "z": 0.1, "other": 1}, {"kind": "exit", "z": None}]))
    ['kind,z\\r\\n', 'exit,0.1\\r\\n', 'exit,\\r\\n']
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), extrasaction="ignore")
    writer.writeheader()
    yield _take(text)
    for row in rows:
        writer.writerow(row)
        yield _take(text)


def _take(text: io.StringIO) -> str:
    line = text.getvalue()
    text.seek(0)
    text.truncate()
    return line
