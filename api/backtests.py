"""The files of a stored backtest over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse

from api.documents import documented
from api.export import file_of, sent
from services.backtest_files import BacktestFiles

TABLE, TEAR_SHEET, RECORD = "/api/backtests/table", "/api/backtests/tear-sheet", "/api/backtests/record"
EXPORT = "/api/export/backtest"
PATHS = (TABLE, TEAR_SHEET, RECORD, EXPORT)

Number = Annotated[int, Query(ge=0, lt=2**63)]
Text = Annotated[str, Query(max_length=20)]


def add_backtest_routes(app: FastAPI, files: BacktestFiles) -> None:
    """``/api/backtests/table?backtest=N&table=trades|equity|decisions&format=csv|parquet|ndjson``,
    ``/api/backtests/tear-sheet?backtest=N`` (HTML) and ``/api/backtests/record?backtest=N`` (JSON)."""

    @app.get(TABLE, **file_of("A table of a backtest"))
    def table(backtest: Number, table: Text, form: Annotated[str, Query(alias="format", max_length=20)] = "csv"
              ) -> StreamingResponse:  # fmt: skip
        return sent(files.table(backtest, table, form))

    @app.get(EXPORT, **file_of("The trades of a stored backtest"))
    def exported(
        backtest: Number, name: Annotated[str, Query(alias="table", max_length=20)] = "trades",
        form: Annotated[str, Query(alias="format", max_length=20)] = "csv",
    ) -> StreamingResponse:  # fmt: skip
        return sent(files.table(backtest, name, form))

    @app.get(TEAR_SHEET, **documented("files", "A tear sheet", None, media="text/html"))
    def sheet(backtest: Number) -> StreamingResponse:
        return sent(files.tear_sheet(backtest))

    @app.get(RECORD, **documented("files", "Everything stored of a backtest", {"metrics": {}}))
    def record(backtest: Number) -> StreamingResponse:
        return sent(files.record(backtest))
