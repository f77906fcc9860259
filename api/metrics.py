"""``/metrics`` for Prometheus, and how long requests take."""

from __future__ import annotations

import time

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.documents import documented
from api.roles import route_of
from services.metrics import Metrics


def add_metrics_route(app: FastAPI, metrics: Metrics) -> None:
    """The figures of ``services.metrics``."""

    @app.get("/metrics", **documented("about", "Figures for Prometheus", None, media="text/plain"))
    def figures() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


class Timed:
    """Wraps an ASGI application: notes each answer of the API."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        route = route_of(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        began_s, path = time.perf_counter(), route.path

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.request(path, message["status"], time.perf_counter() - began_s)
            await send(message)

        await self._app(scope, receive, noted)
