"""Lets a request of the API through: to a caller whose role is enough, and as often as the limits allow."""

from __future__ import annotations

import math

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.permissions import VIEWER, Caller, caller
from api.problems import problem
from api.rate_limits import RateLimits
from api.roles import OF_DOCS, WEB_SOCKETS, route_of


class Access:
    """Wraps an ASGI application, inside the login."""

    def __init__(self, app: ASGIApp, limits: RateLimits, open_file: str) -> None:
        """``open_file`` contains the key that a window needs to change things."""
        self._app = app
        self._open_file = open_file
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "websocket" and not caller.get().may(WEB_SOCKETS.get(scope["path"], VIEWER)):
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": "this token's role may not"})
            return
        refused = self._refusal(scope, caller.get()) if scope["type"] == "http" else None
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await refused(scope, receive, send)

    def _refusal(self, scope: Scope, who: Caller) -> Response | None:
        path, method = scope["path"], "GET" if scope["method"] == "HEAD" else scope["method"]
        if not path.startswith("/api/") and path != "/metrics":
            is_open = not who.has_token or path in OF_DOCS
            return None if is_open else problem(403, "not-allowed", "a token opens /api, /docs and /metrics alone")
        route = route_of(path)
        if route is None:
            return problem(404, "not-found", f"there is no {path[:80]} here; /docs lists what there is")
        least = route.methods.get(method)
        if least is None:
            allowed = ", ".join(route.methods)
            return problem(405, "method", f"{path[:80]} takes {allowed}", {"Allow": allowed})
        client = scope.get("client")
        wait_s = self._limits.allow(who.name if who.has_token else f"address {client[0] if client else ''}")
        if wait_s:
            retry = {"Retry-After": str(math.ceil(wait_s))}
            return problem(429, "too-many", f"too many requests; expected the next in {wait_s:.2f} s", retry)
        if who.may(least):
            return None
        needs = f"{method} {route.path} needs the role {least}"
        if not who.has_token:
            needs = f"this window may only look; open {self._open_file} in this browser to change things: {needs}"
        return problem(403, "not-allowed", f"{needs}; {who.name} is {who.role}" if who.has_token else needs)
