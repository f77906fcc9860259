"""The dashboard's guard: other sites, other host names and oversized bodies."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from api.guard import MAX_BODY, Guard, content_security_policy

HOST = "127.0.0.1:8050"
VISIT = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {len(await request.body())}")


async def socket(connection: WebSocket) -> None:
    await connection.accept()
    await connection.send_text("hello")
    await connection.close()


APP = Starlette(
    routes=[
        Route("/", hello, methods=["GET", "POST"]),
        Route("/api/x", hello, methods=["GET", "POST"]),
        WebSocketRoute("/ws", socket),
    ]
)
GUARDED = Guard(APP, [HOST, "localhost:8050"], content_security_policy(["'sha256-abc'"]))


async def ask(method: str = "GET", path: str = "/", **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(GUARDED)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        return await client.request(method, path, **options)


async def test_our_own_page_comes_in_and_leaves_hardened() -> None:
    answer = await ask(headers={"sec-fetch-site": "same-origin"})
    assert (answer.status_code, answer.text) == (200, "hello 0")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self' 'sha256-abc';" in policy and "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy and answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {"host": "rebound.example"}, 421),
        ("GET", "/", {"host": "127.0.0.1"}, 421),
        ("GET", "/", {"host": "localhost:8050"}, 200),
        ("GET", "/", {"origin": "https://evil.example"}, 403),
        ("GET", "/", {"origin": "null"}, 403),
        ("GET", "/", {"origin": f"http://{HOST}"}, 200),
        ("GET", "/", {"sec-fetch-site": "none"}, 200),
        ("GET", "/", VISIT, 200),
        ("GET", "/api/x", VISIT, 403),
        ("GET", "/", VISIT | {"sec-fetch-dest": "iframe"}, 403),
        ("GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ("GET", "/", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ("POST", "/", VISIT | {"content-length": "0"}, 403),
        ("POST", "/", {"content-length": str(MAX_BODY + 1)}, 413),
        ("POST", "/", {"content-length": "many"}, 413),
        ("POST", "/", {"content-length": "3"}, 200),
    ],
)
async def test_who_comes_in(method: str, path: str, headers: dict[str, str], status: int) -> None:
    answer = await ask(method, path, headers=headers, content=b"xyz" if status == 200 and method == "POST" else None)
    assert answer.status_code == status
    assert "hello" not in answer.text or status == 200


async def test_a_body_without_a_length_is_refused_before_it_is_read() -> None:
    async def endless() -> Any:
        yield b"x"
        raise AssertionError("the body was read")

    answer = await ask("POST", content=endless())
    assert answer.status_code == 411


@pytest.mark.parametrize(
    ("headers", "comes_in"),
    [
        ({"origin": f"http://{HOST}"}, True),
        ({"origin": "http://localhost:8050"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({}, False),
        ({"origin": f"http://{HOST}", "host": "rebound.example"}, False),
    ],
)
async def test_sockets_need_our_origin(headers: dict[str, str], comes_in: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in ({"host": HOST} | headers).items()]
    scope = {"type": "websocket", "path": "/ws", "headers": raw, "query_string": b"", "subprotocols": []}
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await GUARDED(scope, receive, send)
    if comes_in:
        assert [message["type"] for message in sent[:2]] == ["websocket.accept", "websocket.send"]
    else:
        assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 4403)]
