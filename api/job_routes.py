"""Long work: scans, backtests and sweeps, history. Started with 202, then followed and cancelled by its own address."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from api.documents import documented
from api.export import sent
from api.replies import Writes, id_text, read_number, reply, whole
from engine.errors import SettingsError
from services.backtest_files import BacktestFiles
from services.backtest_request import BacktestRequest
from services.backtests import BacktestService
from services.history import HistoryService
from services.history_job import HistoryRequest
from services.jobs import JobCancelled, JobFailed
from services.market_data import NotFound
from services.scans import ScanService, scan_request

WAIT_S = 60.0  # that a request stays open for a backtest
POLL_S = 0.05
Wait = Annotated[float, Query(ge=0, le=WAIT_S, description="seconds; after that the job goes on alone")]

_JOB = {"phase": "running", "stage": "testing pairs", "done": 10, "total": 190, "problem": ""}
_BACKTEST: Any = {
    "source": {"kind": "stored", "market": "usdm", "y": "ETHUSDT", "x": "BTCUSDT", "from_ms": 1790000000000},
    "settings": {"interval_ms": 60000, "entry_z": 2.0, "exit_z": 0.5},
}


class ScanBody(BaseModel):
    """Every pair of a market; ``symbols``: of so many of the most liquid, fetched first; 0: of what is stored."""

    model_config = ConfigDict(extra="forbid")
    market: Annotated[str, Field(min_length=1, max_length=32, examples=["usdm"])]
    interval_ms: Annotated[int, Field(examples=[3_600_000])]
    span_ms: Annotated[int, Field(examples=[7_776_000_000])]
    symbols: Annotated[int, Field(ge=0, le=500)] = 0
    quote: Annotated[str, Field(max_length=12)] = "USDT"
    settings: dict[str, Any] = {}


class BacktestBody(BaseModel):
    """As a backtest's record has its ``request``; a sweep also has ``search``."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _BACKTEST})
    source: dict[str, Any]
    settings: dict[str, Any] = {}
    costs: dict[str, Any] | None = None
    account: dict[str, Any] | None = None
    venue: dict[str, Any] | None = None
    search: dict[str, Any] | None = None
    twins: Annotated[int, Field(ge=0, le=10_000)] = 0

    def request(self, is_sweep: bool) -> BacktestRequest:
        """Raises SettingsError."""
        if is_sweep != (self.search is not None):
            raise SettingsError("search is expected of a sweep, and of nothing else")
        if self.source.get("kind", "stored") != "stored":
            raise SettingsError(f"source is {str(self.source)[:60]}; expected stored bars: files are uploaded first")
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        return BacktestRequest.from_json(given | {"source": {"kind": "stored"} | self.source})


class HistoryBody(BaseModel):
    """An exchange's candles that open in ``[from_ms, to_ms)``, fetched where they are missing."""

    model_config = ConfigDict(extra="forbid")
    market: Annotated[str, Field(min_length=1, max_length=32, examples=["usdm"])]
    symbols: Annotated[list[str], Field(min_length=1, max_length=50, examples=[["BTCUSDT"]])]
    interval_ms: Annotated[int, Field(examples=[3_600_000])]
    from_ms: Annotated[int, Field(examples=[1_789_999_200_000])]
    to_ms: Annotated[int, Field(examples=[1_790_002_800_000])]

    def request(self) -> HistoryRequest:
        """Raises SettingsError."""
        return HistoryRequest(self.market, tuple(self.symbols), self.interval_ms, self.from_ms, self.to_ms)


def add_scan_routes(app: FastAPI, scans: ScanService, writes: Writes) -> None:
    """Scans: their list, one result, and the job."""
    _add_job(app, "scans", scans.state, scans.cancel, writes)
    row = {"scan_id": "3", "at_ms": 1790046465580, "market": "usdm", "interval_ms": 3600000}

    @app.post("/api/scans", **documented("jobs", "Start a scan", _JOB, 202))
    async def start(request: Request, body: ScanBody) -> Response:
        def do() -> Any:
            scans.start(scan_request(**body.model_dump()))
            return job_of(scans.state())

        return await writes.once(request, do, 202)

    @app.get("/api/scans", **documented("jobs", "Stored scans, the newest first", whole([row])))
    def earlier(request: Request, limit: Annotated[int, Query(ge=1, le=1_000)] = 50) -> Response:
        return reply(request, whole([_row(each, "scan_id") for each in scans.earlier(limit)]))

    @app.get("/api/scans/{scan}", **documented("jobs", "A stored scan", {"market": "usdm", "pairs": []}))
    def one(request: Request, scan: str) -> Response:
        return reply(request, _found(scans.result(read_number(scan, "scan")), f"scan {scan}"))


def add_backtest_job_routes(app: FastAPI, backtests: BacktestService, files: BacktestFiles, writes: Writes) -> None:
    """Backtests and sweeps: their list, one record, the job; and S4's routes, which wait for the result."""
    row = {"backtest_id": "5", "at_ms": 1790046465580, "market": "usdm", "y": "ETHUSDT", "x": "BTCUSDT", "net": 11.0}

    @app.get("/api/backtests", **documented("jobs", "Stored backtests, the newest first", whole([row])))
    def earlier(request: Request, limit: Annotated[int, Query(ge=1, le=1_000)] = 50) -> Response:
        return reply(request, whole([_row(each, "backtest_id") for each in backtests.earlier(limit)]))

    _add_job(app, "backtests", backtests.state, backtests.cancel, writes)
    for path, is_sweep in (("backtests", False), ("sweeps", True)):
        _add_start(app, path, is_sweep, backtests, writes)

    @app.get("/api/backtests/{backtest}", **documented("jobs", "A stored backtest", {"metrics": {}, "trade_list": []}))
    def one(request: Request, backtest: str) -> Response:
        return reply(request, _found(backtests.result(read_number(backtest, "backtest")), f"backtest {backtest}"))

    @app.post(
        "/api/analytics/backtest",
        **documented("analysis", "Run a backtest and wait for it", {"metrics": {}, "trade_list": []}),
    )
    async def run(request: Request, body: BacktestBody, wait_s: Wait = 30.0) -> Response:
        number = await _ran(body, backtests, wait_s)
        if number is None:
            return Response(msgspec.json.encode(job_of(backtests.state())), 202, media_type="application/json")
        record = _found(await asyncio.to_thread(backtests.result, number), f"backtest {number}")
        return await asyncio.to_thread(reply, request, {"backtest_id": id_text(number)} | record)

    @app.post(
        "/api/export/backtest", **documented("files", "Run a backtest; its trades as CSV", None, media="text/csv")
    )
    async def exported(body: BacktestBody, wait_s: Wait = 30.0) -> StreamingResponse:
        number = await _ran(body, backtests, wait_s)
        if number is None:
            raise JobFailed(f"the backtest takes longer than {wait_s:g} s and goes on; see /api/backtests/job")
        return sent(await asyncio.to_thread(files.table, number, "trades", "csv"))


def add_history_routes(app: FastAPI, history: HistoryService, writes: Writes) -> None:
    """History on demand."""
    _add_job(app, "history", history.state, history.cancel, writes)

    @app.post("/api/history", **documented("jobs", "Have candles fetched and stored", _JOB, 202))
    async def start(request: Request, body: HistoryBody) -> Response:
        def do() -> Any:
            history.start(body.request())
            return job_of(history.state())

        return await writes.once(request, do, 202)


def job_of(state: Any) -> dict[str, Any]:
    """A job's state as plain JSON values, ids as text."""
    found = asdict(state)
    return {name: id_text(value) if name.endswith("_id") else value for name, value in found.items()}


def _add_job(
    app: FastAPI, kind: str, state: Callable[[], Any], cancel: Callable[[], None], writes: Writes
) -> None:  # fmt: skip
    @app.get(f"/api/{kind}/job", name=f"{kind} job", **documented("jobs", f"How far the {kind} are", _JOB))
    def now(request: Request) -> Response:
        return reply(request, job_of(state()))

    @app.delete(f"/api/{kind}/job", name=f"cancel {kind}", **documented("jobs", f"Cancel the {kind}", _JOB))
    async def stop(request: Request) -> Response:
        def do() -> Any:
            cancel()
            return job_of(state())

        return await writes.once(request, do)


def _add_start(app: FastAPI, path: str, is_sweep: bool, backtests: BacktestService, writes: Writes) -> None:
    what = "Start a sweep of settings" if is_sweep else "Start a backtest"

    @app.post(f"/api/{path}", name=what, **documented("jobs", what, _JOB, 202))
    async def start(request: Request, body: BacktestBody) -> Response:
        def do() -> Any:
            backtests.start(body.request(is_sweep))
            return job_of(backtests.state())

        return await writes.once(request, do, 202)


async def _ran(body: BacktestBody, backtests: BacktestService, wait_s: float) -> int | None:
    """The number of the stored result; None while it is not there yet. Raises JobFailed, JobCancelled, JobBusy."""
    await asyncio.to_thread(backtests.start, body.request(False))
    async with asyncio.timeout(WAIT_S + wait_s):
        for _ in range(int(wait_s / POLL_S) + 1):
            state = backtests.state()
            if state.phase == "failed":
                raise JobFailed(state.problem)
            if state.phase == "cancelled":
                raise JobCancelled("the backtest was cancelled")
            if state.phase == "done":
                return state.backtest_id
            await asyncio.sleep(POLL_S)
    return None


def _row(summary: Any, number: str) -> dict[str, Any]:
    values = asdict(summary) if dataclasses.is_dataclass(summary) else summary._asdict()  # type: ignore[arg-type]
    return values | {number: id_text(values[number])}


def _found(result: dict[str, Any] | None, what: str) -> dict[str, Any]:
    if result is None:
        raise NotFound(f"{what[:60]} is not stored; expected one of the list")
    return result
