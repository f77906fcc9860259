"""Access control of the dashboard: an ASGI wrapper around everything it serves.

Any site open in a browser on this machine can send requests. So the Host must be known (against DNS rebinding),
cross-site requests are refused by their Fetch Metadata or Origin, framing is forbidden, and scripts come only from this
server, without eval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import refusal as refused

_SAFE = ("GET", "HEAD")
MAX_BODY = 16 * 1024 * 1024


def content_security_policy(script_hashes: Iterable[str]) -> str:
    """Scripts from this server and the inline ones with the given (quoted) hashes; inline styles are allowed: charts
    use them."""
    scripts = " ".join(["'self'", *script_hashes])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
        " font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    )


class Guard:
    """Wraps an ASGI application."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: Sequence[str],
        policy: str,
        is_page: Callable[[str], bool] = lambda path: path == "/",
    ) -> None:
        """``hosts``: the accepted Host headers, with their port. ``policy``: the Content-Security-Policy. ``is_page``
        tells whether a path is a page's address: other sites may link to it."""
        self._is_page = is_page
        self._app = app
        self._hosts = frozenset(hosts)
        self._origins = frozenset(f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts)
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, self._hardened(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": refusal[1]})
        else:
            await refused(scope["path"], *refusal)(scope, receive, self._hardened(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and reason for a refused request; None otherwise."""
        host = headers.get("host", "")
        if host not in self._hosts:
            return 421, f"This is not {host[:80]}."
        origin = headers.get("origin")
        is_socket = scope["type"] == "websocket"
        is_program = origin is None and "authorization" in headers  # no browser opens a socket so
        if (is_socket or origin is not None) and not is_program and origin not in self._origins:
            return 403, "Another site may not use this dashboard."
        if is_socket:
            return None
        site, method = headers.get("sec-fetch-site"), scope["method"]
        is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if site in ("cross-site", "same-site") and not (is_visit and method in _SAFE and self._is_page(scope["path"])):
            return 403, "Another site may not use this dashboard."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            return 413, f"The body has {length[:20]} bytes; expected at most {MAX_BODY}."
        has_body = method not in (*_SAFE, "DELETE") or "transfer-encoding" in headers
        if has_body and "content-length" not in headers:
            return 411, "The body's length is missing; expected Content-Length."
        return None

    def _hardened(self, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Frame-Options"] = "DENY"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"  # without it, our own form would send the Origin "null"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
            await send(message)

        return with_headers
