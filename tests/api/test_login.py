from __future__ import annotations

import threading
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.live import session_ends
from api.login import COOKIE, SESSION_S, TRIES, Login
from api.permissions import caller
from services.tokens import Token, TokenService

PASSWORD = "correct horse & battery"
HTML = {"accept": "text/html"}


async def secret_page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("the dashboard")


KEY = "k" * 64

APP = Starlette(routes=[Route("/{path:path}", secret_page, methods=["GET", "POST"])])


class Host:
    """A dashboard behind a password, with a controlled clock."""

    def __init__(self, password: str | None = PASSWORD, secret: str = "s" * 64) -> None:
        self.now = 1_000_000.0
        self.login = Login(APP, password, secret, KEY, lambda: self.now)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.login), base_url="http://127.0.0.1:8050")

    async def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        return await self.client.post("/login", data={"password": password})


async def test_without_a_password_everything_is_open() -> None:
    assert (await Host(None).client.get("/")).text == "the dashboard"


async def test_a_stranger_sees_the_form_and_nothing_else() -> None:
    host = Host()
    page = await host.client.get("/", headers=HTML)
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    form = await host.client.get("/login")
    assert form.status_code == 200 and 'name="password"' in form.text and PASSWORD not in form.text
    for path in ("/_dash-update-component", "/api/signals.csv", "/assets/start.js"):
        assert (await host.client.get(path)).status_code == 401
        assert (await host.client.post(path)).status_code == 401


async def test_the_password_opens_it_until_thesession_ends() -> None:
    host = Host()
    answer = await host.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and PASSWORD not in cookie
    assert (await host.client.get("/")).text == "the dashboard"
    host.now += SESSION_S + 1
    assert (await host.client.get("/")).status_code == 401


async def test_signing_out_ends_it() -> None:
    host = Host()
    await host.sign_in()
    await host.client.get("/logout")
    assert (await host.client.get("/")).status_code == 401


async def test_a_forged_or_foreign_session_is_none() -> None:
    host, other = Host(), Host("another password")
    await other.sign_in(PASSWORD + "x")
    signed = await Host("another password").sign_in("another password")
    value = signed.cookies[COOKIE]
    for forged in (value, f"{int(host.now) + 99}.", "9999999999.deadbeef", "x.y", ""):
        host.client.cookies.set(COOKIE, forged)
        assert (await host.client.get("/")).status_code == 401, forged


async def test_guessing_is_slowed_down_for_everyone() -> None:
    host = Host()
    for _ in range(TRIES):
        assert (await host.sign_in("guess")).status_code == 403
    locked = await host.sign_in()
    assert locked.status_code == 429 and locked.headers["retry-after"] == "60"
    host.now += 61
    assert (await host.sign_in()).status_code == 303


@pytest.mark.parametrize("signed_in", [True, False])
async def test_sockets_need_a_session_too(signed_in: bool) -> None:
    host = Host()
    answer = await host.sign_in()
    cookie = f"a=b; {COOKIE}={answer.cookies[COOKIE]}" if signed_in else ""
    assert (host.login.session_of(cookie) is not None) is signed_in
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    if not signed_in:
        await host.login({"type": "websocket", "path": "/api/live", "headers": []}, receive, send)
        assert [message["code"] for message in sent] == [4401]


async def test_a_cookie_of_any_bytes_is_no_session() -> None:
    host = Host()
    for value in ("ü.ü", "١٢.x", "9" * 40 + ".x", "²³.x", ".", "\x00.\xff"):
        headers = {"cookie": f"{COOKIE}={value}".encode("latin-1", "replace")}
        assert (await host.client.get("/", headers=headers)).status_code in (303, 401)


async def test_the_lock_is_on_the_address_that_failed_and_lasts_a_minute() -> None:
    """An attacker at another address must not lock out the owner."""
    host = Host()
    elsewhere = httpx.AsyncClient(
        transport=httpx.ASGITransport(host.login, client=("10.0.0.9", 1)), base_url="http://127.0.0.1:8050"
    )
    for _ in range(3 * TRIES):
        await elsewhere.post("/login", data={"password": "guess"})
    assert (await elsewhere.post("/login", data={"password": PASSWORD})).status_code == 429
    assert (await host.sign_in()).status_code == 303
    host.now += 61
    assert (await elsewhere.post("/login", data={"password": PASSWORD})).status_code == 303


async def test_a_session_that_was_signed_out_has_ended_for_whoever_kept_its_cookie() -> None:
    host = Host()
    await host.sign_in()
    kept = dict(host.client.cookies)
    assert (await host.client.get("/")).status_code == 200
    await host.client.get("/logout")
    host.client.cookies.update(kept)
    assert (await host.client.get("/", headers={"accept": "text/plain"})).status_code == 401


async def test_files_of_tokens_are_read_beside_the_event_loop(tmp_path: Path) -> None:
    """Of a request with a token, and of a socket that asks whether its session lasts."""
    seen: list[bool] = []

    class Noting(TokenService):
        def check(self, secret: str) -> Token | None:
            seen.append(threading.current_thread() is threading.main_thread())
            return super().check(secret)

        def is_valid(self, token_id: str) -> bool:
            seen.append(threading.current_thread() is threading.main_thread())
            return super().is_valid(token_id)

    tokens = Noting(tmp_path)
    token, secret = tokens.make("viewer", "a test")
    ends: list[tuple[int, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert caller.get().role == "viewer"
        tokens.revoke(token.token_id)
        ends.append(await session_ends())
        await Response("")(scope, receive, send)

    login = Login(app, None, "s", "k", time.time, tokens)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(login), base_url="http://127.0.0.1") as client:
        assert (await client.get("/", headers={"authorization": f"Bearer {secret}"})).status_code == 200
    assert seen == [False, False] and ends == [(4401, "the session has ended")]
