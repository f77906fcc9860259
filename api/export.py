"""CSV exports: the signal log and the results of scans."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, StreamingResponse

from engine.errors import PairbridgeError
from services.errors import problem_of

SIGNAL_COLUMNS = (
    "bar_close", "given_at", "kind", "reason", "z", "spread", "deviation", "beta", "alpha", "gate_pvalue", "y_price",
    "x_price", "quantity_y", "quantity_x", "position", "revision", "late_ms", "run_id",
)  # fmt: skip

SCAN_COLUMNS = (
    "y", "x", "verdict", "reason", "statistic", "critical_5", "pvalue", "q_value", "q_value_by", "half_life_bars",
    "half_life_null_bars", "crossings", "hurst", "beta", "alpha", "lags", "holdout_statistic", "holdout_pvalue",
    "hedge_pvalue", "wild_pvalue", "explained_by",
)  # fmt: skip

Number = Annotated[int, Query(ge=0, lt=2**63)]
CsvFile = tuple[str, list[dict[str, Any]]]  # file name and rows
Find = Callable[[int], CsvFile | None]


def add_export_routes(app: FastAPI, signals: Find, scans: Find) -> None:
    """``/api/signals.csv?watch=N``: every decision of a watched pair's run, oldest first, times in UTC.
    ``/api/scan.csv?scan=N``: the pairs of a stored scan, the smallest statistic first."""

    @app.get("/api/signals.csv")
    def signals_csv(watch: Number) -> StreamingResponse:
        return _file(signals(watch), SIGNAL_COLUMNS, f"no pair with number {watch} is watched")

    @app.get("/api/scan.csv")
    def scan_csv(scan: Number) -> StreamingResponse:
        return _file(scans(scan), SCAN_COLUMNS, f"no scan with number {scan} is stored")


def _file(found: CsvFile | None, columns: Iterable[str], missing: str) -> StreamingResponse:
    if found is None:
        raise HTTPException(404, missing)
    name, rows = found
    headers = {"Content-Disposition": attachment(name), "Cache-Control": "no-store"}
    return StreamingResponse(csv_lines(columns, rows), media_type="text/csv", headers=headers)


def attachment(name: str) -> str:
    """A Content-Disposition for a file name in any script (RFC 6266, RFC 5987).

    >>> attachment("signals-sim-币安-X.csv")
    'attachment; filename="signals-sim-__-X.csv"; filename*=UTF-8\'\'signals-sim-%E5%B8%81%E5%AE%89-X.csv'
    """
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
    full = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{full}'


def refuse_in_words(app: FastAPI) -> None:
    """Invalid parameters give 400, Pairbridge errors the status of ``services.errors``, each with a message."""

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(_: Request, error: RequestValidationError) -> PlainTextResponse:
        found = error.errors()[0]
        return PlainTextResponse(f"{found['loc'][-1]}: {found['msg']}\n"[:300], 400)

    @app.exception_handler(PairbridgeError)
    async def failed(_: Request, error: PairbridgeError) -> PlainTextResponse:
        problem = problem_of(error)
        return PlainTextResponse(f"{problem.message}\n", problem.status)


def csv_lines(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A header and one line a row; floats in full precision, so that they round-trip.

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
