"""The OpenAPI document of the API, and the page that shows it: Swagger UI, served from here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from api.problems import MEDIA_TYPE
from api.replies import MOST_KEY
from api.roles import LEAST

VENDOR = Path(__file__).parent / "vendor/swagger-ui"
TITLE, VERSION = "Pairbridge", "1"
TAGS = ("about", "market", "analysis", "pairs", "jobs", "alerts", "files", "access")
_PROBLEMS = {
    400: "a parameter or the body is invalid", 401: "no session or token, or one that is not valid",
    403: "the role is not enough", 404: "there is no such thing", 405: "another method",
    409: "something of this kind runs, or no bridge is connected",
    411: "the body's length is missing", 413: "the body is too large", 421: "another host name",
    422: "the key belongs to another request, or the job failed", 429: "too many requests; see Retry-After",
    502: "the bridge server refused", 503: "the store, or the bridge server, cannot be used now",
}  # fmt: skip
# Writes that are safe to repeat, wait for what they start, or have an answer that must not be kept.
WITHOUT_KEY = {
    ("POST", "/api/tokens"), ("POST", "/api/alerts/channels"), ("PATCH", "/api/alerts/channels/{channel}"),
    ("DELETE", "/api/alerts/channels/{channel}"), ("POST", "/api/alerts/channels/{channel}/test"),
    ("POST", "/api/alerts/preview"), ("POST", "/api/alerts/budget"), ("POST", "/api/analytics/backtest"),
    ("POST", "/api/export/backtest"), ("POST", "/api/upload/ohlc"), ("POST", "/api/uploads"),
    ("POST", "/api/uploads/look"), ("POST", "/api/uploads/store"), ("POST", "/api/uploads/drop"),
    ("POST", "/api/ingestion"),
}  # fmt: skip
_KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MOST_KEY, "pattern": "^[!-~]+$"},
    "description": "a repeat of the same request within a day gets the first answer; another request with it 422",
}  # fmt: skip
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pairbridge API</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>"""
# The key is added below Swagger UI, which would show it in the command that it prints for each request.
_START = """"use strict";
const plainFetch = window.fetch;
window.fetch = (target, options = {}) => {
  const key = localStorage.getItem("pairbridge.key");
  const headers = new Headers(options.headers ?? target.headers);
  const isOurs = new URL(target.url ?? target, location.href).origin === location.origin;
  if (key && isOurs && !headers.has("Authorization")) headers.set("X-Pairbridge-Key", key);
  return plainFetch(target, { ...options, headers });
};
SwaggerUIBundle({ url: "/api/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
"""


def documented(
    tag: str, summary: str, example: Any = None, status: int = 200, media: str = "application/json",
    by_name: bool = False,
) -> Any:  # fmt: skip
    """Arguments of a route: what it is, and an example of its answer. ``media`` other than JSON: a file. ``by_name``:
    the answer's fields are names of data, those of the example only some."""
    schema = _schema({} if by_name else example) if media == "application/json" else {"type": "string"}
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    answers: dict[int | str, dict[str, Any]] = {status: {"description": "as asked", "content": {media: content}}}
    return {"tags": [tag], "summary": summary, "responses": answers, "status_code": status}


def add_documents(app: FastAPI) -> None:
    """``/api/openapi.json``, and ``/docs`` with its files."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = openapi_of(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]

    @app.get("/api/openapi.json", **documented("about", "This document", {"openapi": "3.1.0"}))
    def openapi() -> Response:
        return JSONResponse(document())

    @app.get("/docs", include_in_schema=False)
    def page() -> Response:
        return HTMLResponse(_PAGE)

    @app.get("/docs/start.js", include_in_schema=False)
    def start() -> Response:
        return Response(_START, media_type="text/javascript")

    @app.get("/docs/swagger-ui.css", include_in_schema=False)
    def style() -> Response:
        return FileResponse(VENDOR / "swagger-ui.css", media_type="text/css")

    @app.get("/docs/swagger-ui-bundle.js", include_in_schema=False)
    def script() -> Response:
        return FileResponse(VENDOR / "swagger-ui-bundle.js", media_type="text/javascript")


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document: every route of the table of roles, with all answers that it may give."""
    known = {path for _, path in LEAST}
    routes = [each for each in app.routes if isinstance(each, APIRoute) and each.path in known]
    found = get_openapi(title=TITLE, version=VERSION, routes=routes, description=_ABOUT)
    found.setdefault("components", {}).setdefault("securitySchemes", {})["token"] = {"type": "http", "scheme": "bearer"}
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    found["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
    found["tags"] = [{"name": name} for name in TAGS]
    for route in routes:
        _put_examples(route, found["paths"][route.path])
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            operation["security"] = [{"token": []}, {}]
            operation["description"] = f"Least role: `{LEAST[method.upper(), path]}`."
            answers = operation["responses"]
            answers.pop("422", None)
            for status, words in _PROBLEMS.items():
                answers.setdefault(str(status), {"description": words} | problem)
            if method != "get" and (method.upper(), path) not in WITHOUT_KEY:
                operation.setdefault("parameters", []).append(_KEY)
            if method == "get":
                answers.setdefault("304", {"description": "as before: see If-None-Match"})
    return found


def _put_examples(route: APIRoute, methods: dict[str, Any]) -> None:
    """The examples as they are: FastAPI leaves out what is null."""
    for method in route.methods or ():
        for status, answer in route.responses.items():
            for media, content in answer["content"].items():
                if "example" in content:
                    methods[method.lower()]["responses"][str(status)]["content"][media]["example"] = content["example"]


def _schema(example: Any) -> dict[str, Any]:
    """What of an example holds for every answer: that it is an object with these fields, or a list."""
    if isinstance(example, dict):
        return {"type": "object", "required": sorted(example)}
    return {"type": "array"} if isinstance(example, list) else {}


_PROBLEM = {
    "type": "object", "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"}, "code": {"type": "string"},
    },
}  # fmt: skip
_ABOUT = (
    "Times are milliseconds since 1970, UTC; prices are in quote currency. Lists have `items` and `next`, a cursor."
    " Errors are RFC 9457 problems. Reads have an ETag; writes take an Idempotency-Key. On this machine, without a"
    " password, reads need no token."
)
