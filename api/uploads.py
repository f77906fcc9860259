"""Uploads over HTTP: parts of files in, what they are taken for out, and corrections, before anything is stored."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Request

from services.uploads import UploadService

UPLOADS, LOOK, STORE, DROP = "/api/uploads", "/api/uploads/look", "/api/uploads/store", "/api/uploads/drop"
PATHS = (UPLOADS, LOOK, STORE, DROP)

Name = Annotated[str, Query(min_length=1, max_length=120)]
Id = Annotated[str, Query(max_length=40)]
Place = Annotated[int, Query(ge=0, lt=2**53)]
Json = dict[str, Any]


def add_upload_routes(app: FastAPI, uploads: UploadService) -> None:
    """``POST /api/uploads?name=FILE[&at=BYTES][&upload=ID]``: a part of a file, of at most 16 MiB, as the body.
    ``GET /api/uploads?upload=ID``: where it stands; ``POST /api/uploads/drop?upload=ID`` deletes what was received.
    ``POST /api/uploads/look?upload=ID`` and ``/api/uploads/store?upload=ID[&market=NAME]``: corrections as the body, a
    JSON object. Each answers with where the upload stands then."""

    @app.post(UPLOADS)
    async def receive(request: Request, name: Name, at: Place = 0, upload: Id = "") -> Json:
        content = await request.body()
        return (await asyncio.to_thread(uploads.receive, name, content, at, upload)).to_json()

    @app.get(UPLOADS)
    def state(upload: Id) -> Json:
        return uploads.state(upload).to_json()

    @app.post(DROP)
    def drop(upload: Id) -> Json:
        uploads.drop(upload)
        return {"upload": upload, "phase": "dropped"}

    @app.post(LOOK)
    def look(upload: Id, told: Annotated[Json, Body()]) -> Json:
        return uploads.look(upload, told).to_json()

    @app.post(STORE)
    def store(upload: Id, told: Annotated[Json, Body()], market: Annotated[str, Query(max_length=32)] = "") -> Json:
        return uploads.store(upload, told, market).to_json()
