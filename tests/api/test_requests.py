"""Requests of the page: few at a time, none for a disconnected client, and a message for an invalid one."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from api.requests import AT_ONCE, SUITES, UPDATE, HeadRequests, PageRequests
from tests.conftest import until


class App:
    """Runs until released; fails if its path requests it."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        await self.may_end.wait()
        body = (await receive()).get("body", b"")
        if b"fail" in body or scope["path"].startswith(SUITES):
            raise KeyError("a traceback that nobody needs")
        status = 500 if b"500" in body else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})


class Client:
    """One request, and its response."""

    def __init__(self, app: Any, path: str = UPDATE, method: str = "POST", body: bytes = b"{}") -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.messages.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self.sent: list[Message] = []
        scope = {"type": "http", "path": path, "method": method, "headers": []}
        self.task = asyncio.create_task(app(scope, self.messages.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    def leave(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


async def test_a_request_whose_client_has_left_is_not_worked_off() -> None:
    app = App()
    pages = PageRequests(app)
    working = [Client(pages) for _ in range(AT_ONCE)]
    await until(lambda: app.begun == AT_ONCE)
    waiting = [Client(pages) for _ in range(20)]
    for client in waiting[:15]:
        client.leave()
    await until(lambda: all(client.task.done() for client in waiting[:15]))
    app.may_end.set()
    await asyncio.gather(*(client.task for client in (*working, *waiting)))
    assert app.begun == AT_ONCE + 5 and all(client.sent == [] for client in waiting[:15])
    assert [client.status for client in (*working, *waiting[15:])] == [200] * (AT_ONCE + 5)
    assert pages._slots._value == AT_ONCE, "every slot is free again"


async def test_what_fails_is_answered_with_a_sentence() -> None:
    app = App()
    app.may_end.set()
    pages = PageRequests(app, ("/api/known",))
    for path, body, status in [
        (UPDATE, b"fail", 400), (UPDATE, b"500", 400), (UPDATE, b"{}", 200), (SUITES + "x.js", b"", 404),
        ("/nothing", b"", 404), ("/api/known", b"", 200), ("/api/other", b"", 404), ("/", b"", 200),
    ]:  # fmt: skip
        client = Client(pages, path, body=body)
        await client.task
        assert client.status == status, path
        assert len([each for each in client.sent if each["type"] == "http.response.start"]) == 1
    assert pages._slots._value == AT_ONCE


async def test_head_is_get_without_a_body() -> None:
    app = App()
    app.may_end.set()
    client = Client(HeadRequests(app), "/", "HEAD")
    await client.task
    assert client.status == 200 and b"".join(each.get("body", b"") for each in client.sent) == b""
