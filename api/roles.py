"""Which role a request needs at least: one row for each route of the API, and no route without a row."""

from __future__ import annotations

import re
from typing import NamedTuple

from starlette.routing import compile_path

from api.permissions import ANYONE, FEEDER, OWNER, TRADER, VIEWER

LEAST: dict[tuple[str, str], str] = {
    ("GET", "/api/health"): ANYONE,
    ("GET", "/api/openapi.json"): ANYONE,
    ("GET", "/api/symbols"): VIEWER,
    ("GET", "/api/ticks"): VIEWER,
    ("POST", "/api/ticks"): FEEDER,
    ("POST", "/api/ticks/batch"): FEEDER,
    ("POST", "/api/ingestion"): TRADER,
    ("GET", "/api/ohlc"): VIEWER,
    ("GET", "/api/analytics/pair"): VIEWER,
    ("POST", "/api/analytics/backtest"): TRADER,
    ("GET", "/api/signals"): VIEWER,
    ("GET", "/api/trades"): VIEWER,
    ("GET", "/api/runs"): VIEWER,
    ("GET", "/api/pairs"): VIEWER,
    ("POST", "/api/pairs"): TRADER,
    ("DELETE", "/api/pairs/{watch}"): TRADER,
    ("GET", "/api/scans"): VIEWER,
    ("POST", "/api/scans"): TRADER,
    ("GET", "/api/scans/job"): VIEWER,
    ("DELETE", "/api/scans/job"): TRADER,
    ("GET", "/api/scans/{scan}"): VIEWER,
    ("GET", "/api/backtests"): VIEWER,
    ("POST", "/api/backtests"): TRADER,
    ("POST", "/api/sweeps"): TRADER,
    ("GET", "/api/backtests/job"): VIEWER,
    ("DELETE", "/api/backtests/job"): TRADER,
    ("GET", "/api/backtests/table"): VIEWER,
    ("GET", "/api/backtests/tear-sheet"): VIEWER,
    ("GET", "/api/backtests/record"): VIEWER,
    ("GET", "/api/backtests/portfolio"): VIEWER,
    ("GET", "/api/backtests/{backtest}"): VIEWER,
    ("POST", "/api/history"): TRADER,
    ("GET", "/api/history/job"): VIEWER,
    ("DELETE", "/api/history/job"): TRADER,
    ("POST", "/api/upload/ohlc"): FEEDER,
    ("POST", "/api/uploads"): FEEDER,
    ("GET", "/api/uploads"): FEEDER,
    ("POST", "/api/uploads/look"): FEEDER,
    ("POST", "/api/uploads/store"): FEEDER,
    ("POST", "/api/uploads/drop"): FEEDER,
    ("GET", "/api/export/ticks"): VIEWER,
    ("GET", "/api/export/ohlc"): VIEWER,
    ("GET", "/api/export/analytics"): VIEWER,
    ("GET", "/api/export/signals"): VIEWER,
    ("GET", "/api/export/scan"): VIEWER,
    ("GET", "/api/export/summary"): VIEWER,
    ("GET", "/api/export/proof"): VIEWER,
    ("GET", "/api/export/trades"): VIEWER,
    ("GET", "/api/export/backtest"): VIEWER,
    ("POST", "/api/export/backtest"): TRADER,
    ("GET", "/api/signals.csv"): VIEWER,
    ("GET", "/api/scan.csv"): VIEWER,
    ("GET", "/api/pair/bars"): VIEWER,
    ("GET", "/api/live/state"): VIEWER,
    ("GET", "/api/alerts"): VIEWER,
    ("POST", "/api/alerts"): TRADER,
    ("DELETE", "/api/alerts/{rule}"): TRADER,
    ("GET", "/api/alerts/rules"): VIEWER,
    ("POST", "/api/alerts/rules"): TRADER,
    ("GET", "/api/alerts/rules/{rule}"): VIEWER,
    ("PATCH", "/api/alerts/rules/{rule}"): TRADER,
    ("DELETE", "/api/alerts/rules/{rule}"): TRADER,
    ("POST", "/api/alerts/rules/{rule}/snooze"): TRADER,
    ("POST", "/api/alerts/preview"): TRADER,
    ("POST", "/api/alerts/budget"): TRADER,
    ("GET", "/api/alerts/channels"): VIEWER,
    ("POST", "/api/alerts/channels"): TRADER,
    ("PATCH", "/api/alerts/channels/{channel}"): TRADER,
    ("DELETE", "/api/alerts/channels/{channel}"): TRADER,
    ("POST", "/api/alerts/channels/{channel}/test"): TRADER,
    ("GET", "/api/alerts/history"): VIEWER,
    ("POST", "/api/alerts/history/{alert}/acknowledge"): TRADER,
    ("GET", "/api/data/gaps"): VIEWER,
    ("GET", "/api/config"): VIEWER,
    ("GET", "/api/tokens"): OWNER,
    ("POST", "/api/tokens"): OWNER,
    ("DELETE", "/api/tokens/{token}"): OWNER,
    ("GET", "/api/audit"): TRADER,
    ("GET", "/metrics"): VIEWER,
}
OF_DOCS = ("/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js")
WEB_SOCKETS = {"/api/live": VIEWER, "/api/stream": VIEWER}


class Route(NamedTuple):
    """One route: its path as it is written, and the roles of its methods."""

    path: str
    pattern: re.Pattern[str]
    methods: dict[str, str]


def _table() -> list[Route]:
    paths = dict.fromkeys(path for _, path in LEAST)
    found = [
        Route(path, compile_path(path)[0], {method: role for (method, of), role in LEAST.items() if of == path})
        for path in paths
    ]
    return sorted(found, key=lambda route: "{" in route.path)  # fixed paths first, as they are found first


_ROUTES = _table()
_FIXED = {route.path: route for route in _ROUTES if "{" not in route.path}
_OPEN = [route for route in _ROUTES if "{" in route.path]


def route_of(path: str) -> Route | None:
    """The route that a path leads to; None for one that there is not."""
    return _FIXED.get(path) or next((route for route in _OPEN if route.pattern.match(path)), None)


class ApiPaths:
    """The paths of all routes: ``path in ApiPaths()``."""

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and (path in OF_DOCS or route_of(path) is not None)
