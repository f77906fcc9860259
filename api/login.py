"""An optional password for the dashboard, for shared hosts.

The session is a signed expiry time in a cookie that scripts cannot read and other sites cannot send. Its key depends on
the password, so a new password ends every session.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.permissions import KEY_HEADER, OWNER, VIEWER, become, is_signed_in, shows_key
from api.problems import refusal
from services.tokens import TokenService

COOKIE = "pairbridge_session"
SESSION_S = 7 * 86_400
TRIES = 5  # wrong passwords per minute from one address; more are refused until the minute is over
_MAX_ADDRESSES = 1_024  # remembered addresses
_MINUTE_S = 60.0
_MAX_FORM = 4_096

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pairbridge</title>
<meta name="viewport" content="width=device-width"><style>
body{{background:#090d13;color:#d5dee8;font:15px system-ui,sans-serif}}
body{{display:grid;place-items:center;min-height:100vh;margin:0}}
form{{display:grid;gap:12px;width:280px}} h1{{font-size:19px;margin:0}} h1 b{{color:#22d3ee}}
input,button{{font:inherit;padding:8px 10px;border-radius:6px;border:1px solid #2b3a4b}}
input{{background:#0d141d;color:inherit}}
button{{background:#22d3ee;color:#06222b;border:0;font-weight:600}} p{{color:#f87171;margin:0;min-height:1.4em}}
</style></head><body><form method="post" action="/login"><h1>Pair<b>bridge</b></h1>
<label for="password">Password</label><input id="password" name="password" type="password" autofocus required
autocomplete="current-password"><button>Sign in</button><p role="alert">{message}</p></form></body></html>"""


class Login:
    """Wraps an ASGI application; without a password it allows all requests."""

    def __init__(
        self, app: ASGIApp, password: str | None, secret: str, key: str, now_s: Callable[[], float],
        tokens: TokenService | None = None,
    ) -> None:  # fmt: skip
        """``secret``: random, kept over restarts; ``key``: grants the right to make changes; ``now_s``: the wall clock
        in seconds. ``tokens``: those of programs, None: there are none."""
        self._tokens = tokens
        self._app = app
        self._password = password
        self._key_of_owner = key
        self._key = hashlib.sha256(f"{secret}|{password}".encode()).digest()
        self._now_s = now_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()  # by address
        self._ended: dict[str, int] = {}  # signed-out sessions, with their expiry times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif (shown := Headers(scope=scope).get("authorization")) is not None:
            await self._with_token(shown, scope, receive, send)
        elif self._password is None:
            has_key = shows_key(Headers(scope=scope).get(KEY_HEADER), self._key_of_owner)
            become("the key of the data folder" if has_key else "a viewer", OWNER if has_key else VIEWER)
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] in ("/login", "/logout"):
            await (await self._visit(Request(scope, receive)))(scope, receive, send)
        elif (session := self.session_of(Headers(scope=scope).get("cookie", ""))) is not None:
            become("the password", OWNER)
            is_signed_in.set(partial(self._lasts, session))
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401, "reason": "sign in first"})
        else:
            is_page = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
            wants = {"WWW-Authenticate": 'Bearer realm="Pairbridge"'}
            answer = (
                RedirectResponse("/login", 303) if is_page else refusal(scope["path"], 401, "Sign in first.", wants)
            )
            await answer(scope, receive, send)

    async def _with_token(self, shown: str, scope: Scope, receive: Receive, send: Send) -> None:
        """A program shows a token: what it shows counts, whatever else the request has."""
        kind, _, secret = shown.partition(" ")
        token = None
        if self._tokens and kind.lower() == "bearer":
            token = await asyncio.to_thread(self._tokens.check, secret.strip())  # it may read and write files
        if token is not None and self._tokens is not None:
            become(f"token {token.token_id} ({token.name})", token.role, has_token=True)
            is_signed_in.set(partial(self._tokens.is_valid, token.token_id))
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401, "reason": "the token is not valid"})
        else:
            wants = {"WWW-Authenticate": 'Bearer realm="Pairbridge", error="invalid_token"'}
            answer = refusal(scope["path"], 401, "The token is not valid; it may have been revoked.", wants)
            await answer(scope, receive, send)

    def session_of(self, cookies: str) -> str | None:
        """The valid session in a Cookie header."""
        for part in cookies.split(";"):
            name, _, value = part.strip().partition("=")
            expiry, _, signature = value.partition(".")
            is_number = expiry.isascii() and expiry.isdecimal() and len(expiry) < 20
            if name == COOKIE and is_number and hmac.compare_digest(signature.encode(), self._sign(expiry).encode()):
                return value if self._lasts(value) else None
        return None

    def _lasts(self, session: str) -> bool:
        return session not in self._ended and int(session.partition(".")[0]) > self._now_s()

    def _sign_out(self, session: str) -> None:
        self._ended = {each: until for each, until in self._ended.items() if until > self._now_s()}
        self._ended[session] = int(session.partition(".")[0])

    async def _visit(self, request: Request) -> Response:
        if request.url.path == "/logout":
            session = self.session_of(request.headers.get("cookie", ""))
            if session is not None:
                self._sign_out(session)
            answer: Response = RedirectResponse("/login", 303)
            answer.delete_cookie(COOKIE)
            return answer
        if request.method != "POST":
            return HTMLResponse(_PAGE.format(message=""))
        address = request.client.host if request.client else ""
        if self._is_locked(address):
            return HTMLResponse(_PAGE.format(message="Too many tries; wait a minute."), 429, {"Retry-After": "60"})
        body = await request.body()
        given = parse_qs(body[:_MAX_FORM].decode("utf-8", "replace")).get("password", [""])[0]
        if not hmac.compare_digest(given.encode(), (self._password or "").encode()):
            self._failures.setdefault(address, deque()).append(self._now_s())
            if len(self._failures) > _MAX_ADDRESSES:
                self._failures.popitem(last=False)
            return HTMLResponse(_PAGE.format(message="That is not the password."), 403)
        answer = RedirectResponse("/", 303)
        expiry = str(int(self._now_s()) + SESSION_S)
        is_https = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, f"{expiry}.{self._sign(expiry)}", SESSION_S, httponly=True, samesite="strict", secure=is_https
        )
        return answer

    def _is_locked(self, address: str) -> bool:
        failures = self._failures.get(address)
        while failures and failures[0] < self._now_s() - _MINUTE_S:
            failures.popleft()
        if not failures:
            self._failures.pop(address, None)
        return failures is not None and len(failures) >= TRIES

    def _sign(self, expiry: str) -> str:
        return hmac.new(self._key, expiry.encode(), hashlib.sha256).hexdigest()
