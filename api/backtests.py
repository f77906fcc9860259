"""The files of a stored backtest over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.documents import documented
from api.export import Form, file_of, sent
from api.replies import read_number, reply
from services.backtest_files import BacktestFiles
from services.portfolio import MOST, PortfolioRequest, PortfolioService
from services.portfolio_record import portfolio_record

TABLE, TEAR_SHEET, RECORD = "/api/backtests/table", "/api/backtests/tear-sheet", "/api/backtests/record"
EXPORT = "/api/export/backtest"
PORTFOLIO = "/api/backtests/portfolio"
PATHS = (TABLE, TEAR_SHEET, RECORD, EXPORT, PORTFOLIO)

Number = Annotated[int, Query(ge=0, lt=2**63)]
Text = Annotated[str, Query(max_length=20)]
Numbers = Annotated[str, Query(max_length=MOST * 20)]
Share = Annotated[float, Query(gt=0, le=1e6)]
_EXAMPLE = {
    "made_of": "made of backtests 3, 5 and 7", "net": 11.0, "refused": {"pair limit": 0, "symbol limit": 2,
    "total limit": 1}, "pairs": [{"backtest_id": "3", "y": "ETHUSDT", "x": "BTCUSDT", "net": 4.0}],
}  # fmt: skip


def add_backtest_routes(app: FastAPI, files: BacktestFiles, portfolios: PortfolioService) -> None:
    """``/api/backtests/table?backtest=N&table=trades|equity|decisions&format=csv|parquet|ndjson|arrow``,
    ``/api/backtests/tear-sheet?backtest=N`` (HTML), ``/api/backtests/record?backtest=N`` (JSON), and
    ``/api/backtests/portfolio?backtests=3,5,7&capital=&pair_gross=&symbol_net=&total_gross=``."""

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

    @app.get(PORTFOLIO, **documented("analysis", "Stored backtests on one capital", _EXAMPLE, by_name=True))
    def portfolio(
        request: Request, backtests: Numbers, capital: Annotated[float, Query(gt=0, le=1e15)] = 100_000.0,
        pair_gross: Share = 1.0, symbol_net: Share = 1.0, total_gross: Share = 3.0,
    ) -> Response:  # fmt: skip
        numbers = tuple(read_number(each.strip(), "backtests") for each in backtests.split(","))
        asked = PortfolioRequest.of(numbers, capital, pair_gross, symbol_net, total_gross)
        return reply(request, portfolio_record(portfolios.combine(asked)))
