"""The files of a stored backtest over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse

from api.export import sent
from services.backtest_files import BacktestFiles

TABLE, TEAR_SHEET, RECORD = "/api/backtests/table", "/api/backtests/tear-sheet", "/api/backtests/record"
PATHS = (TABLE, TEAR_SHEET, RECORD)

Number = Annotated[int, Query(ge=0, lt=2**63)]
Text = Annotated[str, Query(max_length=20)]


def add_backtest_routes(app: FastAPI, files: BacktestFiles) -> None:
    """``/api/backtests/table?backtest=N&table=trades|equity|decisions&format=csv|parquet|ndjson``,
    ``/api/backtests/tear-sheet?backtest=N`` (HTML) and ``/api/backtests/record?backtest=N`` (JSON)."""

    @app.get(TABLE)
    def table(backtest: Number, table: Text, form: Annotated[str, Query(alias="format", max_length=20)] = "csv"
              ) -> StreamingResponse:  # fmt: skip
        return sent(files.table(backtest, table, form))

    @app.get(TEAR_SHEET)
    def sheet(backtest: Number) -> StreamingResponse:
        return sent(files.tear_sheet(backtest))

    @app.get(RECORD)
    def record(backtest: Number) -> StreamingResponse:
        return sent(files.record(backtest))
