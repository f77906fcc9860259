"""Requests of the page: processed a few at a time, dropped when the client disconnects, and answered with an error
message when invalid."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import refusal

log = logging.getLogger("pairbridge.dashboard")

UPDATE = "/_dash-update-component"
SUITES = "/_dash-component-suites/"
_OF_DASH = ("/_dash-", "/assets/", "/_favicon.ico")
AT_ONCE = 8  # concurrent requests: each takes a thread


class PageRequests:
    """Wraps the whole application, including its 500 handler."""

    def __init__(
        self, app: ASGIApp, paths: Container[str] = (), is_page: Callable[[str], bool] = lambda path: path == "/"
    ) -> None:
        """``paths``: those of the routes besides Dash's own; ``is_page`` tells whether a path is a page's address."""
        self._app = app
        self._paths = paths
        self._is_page = is_page
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path not in self._paths and not path.startswith(_OF_DASH) and not self._is_page(path):
            await refusal(path, 404, "There is no such page here.")(scope, receive, send)
        elif path == UPDATE:
            await self._update(scope, receive, send)
        elif path.startswith(SUITES):
            await self._answered(scope, receive, send, 404, "There is no such script here.\n")
        else:
            await self._app(scope, receive, send)

    async def _update(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole request, then wait for a slot while the client stays connected."""
        body = await _whole_body(receive)
        if body is None:
            return
        leaving = asyncio.create_task(_left(receive))
        turn = asyncio.create_task(self._slots.acquire())
        try:
            await asyncio.wait({leaving, turn}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                log.debug("a request was dropped: its client has disconnected")
                return
            await self._answered(scope, _replay(body, leaving), send, 400, "The request makes no sense here.\n")
        finally:
            leaving.cancel()
            if turn.cancel() or turn.cancelled():
                await asyncio.gather(turn, return_exceptions=True)
            else:
                self._slots.release()

    async def _answered(self, scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
        """Run the application; respond with ``status`` on an error, which no request of our own page causes."""
        failed = False

        async def unless_failed(message: Message) -> None:
            nonlocal failed
            failed = failed or (message["type"] == "http.response.start" and message["status"] >= 500)
            if not failed:
                await send(message)

        try:
            await self._app(scope, receive, unless_failed)
        except Exception as error:
            log.warning("%s %s failed: %r", scope["method"], scope["path"], error)
            log.debug("here", exc_info=True)
            failed = True
        if failed:
            await PlainTextResponse(words, status)(scope, receive, send)


class HeadRequests:
    """Answers HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            elif message["type"] == "http.response.start" and message["status"] >= 400:
                headers = MutableHeaders(scope=message)
                headers["content-length"] = "0"
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


async def _whole_body(receive: Receive) -> bytes | None:
    """None if the client disconnected before it arrived."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _left(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _replay(body: bytes, leaving: asyncio.Task[None]) -> Receive:
    """Replay the body, then the client's disconnect."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.shield(leaving)
        return {"type": "http.disconnect"}

    return receive
