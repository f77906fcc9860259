"""Dash's FastAPI backend around a server that has other routes, too."""

from __future__ import annotations

from typing import Any

from dash.backends._fastapi import FastAPIDashServer
from fastapi import FastAPI


def backend_of(server: FastAPI) -> type[FastAPIDashServer]:
    """Dash's FastAPI backend, without its own WebSocket, which leaks a stream at every reload and stops after ten
    retries (``api.live`` does neither)."""

    class Backend(FastAPIDashServer):
        websocket_capability = False

        @staticmethod
        def create_app(name: str = "", config: dict[str, Any] | None = None) -> FastAPI:
            return server

    return Backend
