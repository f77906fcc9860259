"""The files of a stored backtest over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse

from api.documents import documented
from api.export import Form, file_of, sent
from services.backtest_files import BacktestFiles

TABLE, TEAR_SHEET, RECORD = "/api/backtests/table", "/api/backtests/tear-sheet", "/api/backtests/record"
EXPORT = "/api/export/backtest"
PATHS = (TABLE, TEAR_SHEET, RECORD, EXPORT)

Number = Annotated[int, Query(ge=0, lt=2**63)]
Text = Annotated[str, Query(max_length=20)]


def add_backtest_routes(app: FastAPI, files: BacktestFiles) -> None:
    """``/api/backtests/table?backtest=N&table=trades|equity|decisions&format=csv|parquet|ndjson``,
    ``/api/backtests/tear-sheet?backtest=N`` (HTML) and ``/api/backtests/record?backtest=N`` (JSON)."""

    @app.get(EXPORT, **file_of("The trades of a stored backtest"))
    def exported(backtest: Number, table: Text = "trades", form: Form = "csv") -> StreamingResponse:
        return sent(files.table(backtest, table, form))

    app.get(TABLE, name="table of a backtest", **file_of("A table of a backtest"))(exported)

    @app.get(TEAR_SHEET, **documented("files", "A tear sheet", None, media="text/html"))
    def sheet(backtest: Number) -> StreamingResponse:
        return sent(files.tear_sheet(backtest))

    @app.get(RECORD, **documented("files", "Everything stored of a backtest", {"metrics": {}}))
    def record(backtest: Number) -> StreamingResponse:
        return sent(files.record(backtest))
