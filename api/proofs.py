"""Proof packs over HTTP, beside the exports."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse

from api.documents import documented
from api.export import Text, attachment
from services.export.request import read_when
from services.proof_pack.make import ProofRequest
from services.proof_pack.service import ProofService

PROOF = "/api/export/proof"
PATHS = (PROOF,)
POLL_S = 0.05


def add_proof_route(app: FastAPI, proofs: ProofService) -> None:
    """``/api/export/proof?run=RUN_ID&bar_close=T[&revision=N]``: the proof pack of a stored decision, by the columns of
    the exported signals. A client that leaves stops its making."""

    @app.get(PROOF, **documented("files", "The proof pack of a decision", None, media="application/zip"))
    async def proof(
        request: Request, run: Text, bar_close: Text, revision: Annotated[int | None, Query(ge=0, lt=2**31)] = None
    ) -> FileResponse:
        wanted = ProofRequest(run, read_when(bar_close, "bar_close", 0), revision)
        job_id = await asyncio.to_thread(proofs.start, wanted)
        while proofs.state(job_id).phase == "running":
            if await request.is_disconnected():
                proofs.cancel(job_id)
            await asyncio.sleep(POLL_S)
        path = await asyncio.to_thread(proofs.file, job_id)
        headers = {"Content-Disposition": attachment(path.name), "Cache-Control": "no-store"}
        return FileResponse(path, media_type="application/zip", headers=headers)
