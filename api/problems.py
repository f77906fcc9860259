"""Errors over HTTP as RFC 9457 has them: ``application/problem+json``, from the one map of ``services.errors``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from engine.errors import PairbridgeError
from services.errors import problem_of

MEDIA_TYPE = "application/problem+json"
_CODES = {401: "not-signed-in", 403: "not-allowed", 404: "not-found", 405: "method", 413: "too-large", 429: "too-many"}


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """One error: ``code`` for programs, ``detail`` for people."""
    found = {"type": f"urn:pairbridge:problem:{code}", "title": HTTPStatus(status).phrase, "status": status}
    body = json.dumps(found | {"detail": detail, "code": code} | more)
    return Response(body, status, headers, MEDIA_TYPE)


def refusal(path: str, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refused request: a problem on the API's paths, plain text on the pages'."""
    if path.startswith("/api/") or path == "/metrics":
        return problem(status, _CODES.get(status, "refused"), detail, headers)
    return PlainTextResponse(detail + "\n", status, headers)


def answer_in_problems(app: FastAPI) -> None:
    """Invalid parameters give 400, Pairbridge errors the status of ``services.errors``."""

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(_: Request, error: RequestValidationError) -> Response:
        found = error.errors()[0]
        places = [{"at": ".".join(map(str, each["loc"])), "what": each["msg"]} for each in error.errors()[:20]]
        return problem(400, "parameter", f"{found['loc'][-1]}: {found['msg']}"[:300], errors=places)

    @app.exception_handler(PairbridgeError)
    async def failed(_: Request, error: PairbridgeError) -> Response:
        found = problem_of(error)
        return problem(found.status, found.code, found.message)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return refusal(request.url.path, error.status_code, str(error.detail), error.headers)
