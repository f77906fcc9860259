"""Uploads over HTTP: parts of files in, what they are taken for out, and corrections, before anything is stored."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Request
from starlette.responses import Response

from api.documents import documented
from api.export import Text
from api.replies import reply
from services.jobs import JobFailed
from services.uploads import UploadRefused, UploadService, UploadState

UPLOADS, LOOK, STORE, DROP = "/api/uploads", "/api/uploads/look", "/api/uploads/store", "/api/uploads/drop"
UPLOAD_OHLC = "/api/upload/ohlc"
PATHS = (UPLOADS, LOOK, STORE, DROP, UPLOAD_OHLC)
POLL_S = 0.05

Name = Annotated[str, Query(min_length=1, max_length=120)]
Id = Annotated[str, Query(max_length=40)]
Place = Annotated[int, Query(ge=0, lt=2**53)]
Json = dict[str, Any]


def add_upload_routes(app: FastAPI, uploads: UploadService) -> None:
    """``POST /api/uploads?name=FILE[&at=BYTES][&upload=ID]``: a part of a file, of at most 16 MiB, as the body.
    ``GET /api/uploads?upload=ID``: where it stands; ``POST /api/uploads/drop?upload=ID`` deletes what was received.
    ``POST /api/uploads/look?upload=ID`` and ``/api/uploads/store?upload=ID[&market=NAME]``: corrections as the body, a
    JSON object. Each answers with where the upload stands then."""

    @app.post(UPLOADS, **_of("Receive a part of a file"))
    async def receive(request: Request, name: Name, at: Place = 0, upload: Id = "") -> Json:
        content = await request.body()
        return (await asyncio.to_thread(uploads.receive, name, content, at, upload)).to_json()

    @app.get(UPLOADS, **_of("Where an upload stands"))
    def state(upload: Id) -> Json:
        return uploads.state(upload).to_json()

    @app.post(DROP, **documented("files", "Delete what was received", {"upload": "..", "phase": "dropped"}))
    def drop(upload: Id) -> Json:
        uploads.drop(upload)
        return {"upload": upload, "phase": "dropped"}

    @app.post(LOOK, **_of("Look through the files"))
    def look(upload: Id, told: Annotated[Json, Body()]) -> Json:
        return uploads.look(upload, told).to_json()

    @app.post(STORE, **_of("Store the files' rows"))
    def store(upload: Id, told: Annotated[Json, Body()], market: Annotated[str, Query(max_length=32)] = "") -> Json:
        return uploads.store(upload, told, market).to_json()


def add_upload_ohlc_route(app: FastAPI, uploads: UploadService) -> None:
    """``POST /api/upload/ohlc?symbol=S&interval=1m[&market=M][&name=FILE]``: one file of bars as the body, through the
    same pipeline as every upload; answers when its rows are stored, with source ``upload``."""

    @app.post(UPLOAD_OHLC, **_of("Store one file of bars, and wait"))
    async def ohlc(
        request: Request, symbol: Text, interval: Text = "", market: Annotated[str, Query(max_length=32)] = "",
        name: Name = "bars.csv",
    ) -> Response:  # fmt: skip
        content = await request.body()
        if not content:
            raise UploadRefused("the body is empty; expected a file of bars")
        told: Json = {"symbol": symbol, "interval": interval}
        begun = await asyncio.to_thread(uploads.receive, name, content, 0, "")
        state = await _ended(uploads, (await asyncio.to_thread(uploads.look, begun.upload, told)))
        if state.phase == "looked":
            state = await _ended(uploads, await asyncio.to_thread(uploads.store, begun.upload, told, market))
        if state.phase != "stored":
            await asyncio.to_thread(uploads.drop, begun.upload)
            raise JobFailed(state.problem or f"the upload is {state.phase}")
        return reply(request, state.to_json())


async def _ended(uploads: UploadService, state: UploadState) -> UploadState:
    while state.phase in ("looking", "storing"):
        await asyncio.sleep(POLL_S)
        state = await asyncio.to_thread(uploads.state, state.upload)  # waits while a part of a file is written
    return state


def _of(summary: str) -> Any:
    example = {
        "upload": "3f9c..", "files": {"bars.csv": 1234}, "phase": "stored", "stage": "", "done": 0, "total": 0,
        "found": None, "outcome": None, "problem": "",
    }  # fmt: skip
    return documented("files", summary, example)
