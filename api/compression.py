"""Scripts and styles of the pages compressed with gzip, each once: the dashboard may be looked at from another machine.

Only files that never change while the program runs; streams and answers go through as they are.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILES = ("/_dash-component-suites/", "/assets/")
LEAST_BYTES = 1_024
KEPT_BYTES = 8_000_000  # compressed; the pages' files take about a fifth of it


class CompressedFiles:
    """Answers GET of a file with its compressed form, where the client takes one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: OrderedDict[str, bytes] = OrderedDict()  # by path and ETag or length, the last used at the end
        self._size = 0
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        is_file = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(FILES)
        if not is_file:
            await self._app(scope, receive, send)
            return
        if not takes_gzip(Headers(scope=scope).get("accept-encoding", "")):
            await self._app(scope, receive, _varying(send))
            return
        start: Message | None = None
        parts: list[bytes] = []

        async def gather(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body") and start is not None:
                await self._answer(scope["path"], start, b"".join(parts), send)

        await self._app(scope, receive, gather)

    async def _answer(self, path: str, start: Message, body: bytes, send: Send) -> None:
        headers = MutableHeaders(raw=list(start["headers"]))
        headers.add_vary_header("Accept-Encoding")
        kind = headers.get("content-type", "")
        is_text = kind.startswith("text/") or "javascript" in kind or "json" in kind or "svg" in kind
        if start["status"] == 200 and is_text and len(body) >= LEAST_BYTES and "content-encoding" not in headers:
            body = await self._compressed(f"{path} {len(body)} {hash(body)}", body)
            headers["content-encoding"] = "gzip"
            headers["content-length"] = str(len(body))
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})

    async def _compressed(self, key: str, body: bytes) -> bytes:
        found = self._kept.get(key)
        if found is None:
            making = self._making.get(key)
            if making is None:  # of several at the same time one compresses
                making = self._making[key] = asyncio.create_task(self._make(key, body))
            found = await asyncio.shield(making)
        if key in self._kept:
            self._kept.move_to_end(key)
        return found

    async def _make(self, key: str, body: bytes) -> bytes:
        try:
            found = await asyncio.to_thread(gzip.compress, body, 9, mtime=0)
        finally:
            del self._making[key]
        self._kept[key] = found
        self._size += len(found)
        while self._size > KEPT_BYTES:
            self._size -= len(self._kept.popitem(last=False)[1])
        return found


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding takes gzip.

    >>> takes_gzip("br, gzip;q=0.5"), takes_gzip("gzip;q=0, br"), takes_gzip("")
    (True, False, False)
    """
    for part in accepted.split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        if name.lower() == "gzip":
            return weight.strip("0.") != "" or not weight
    return False


def _varying(send: Send) -> Send:
    """An answer as it is, which says that another one is given to those that take gzip."""

    async def varying(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            headers.add_vary_header("Accept-Encoding")
            message = {**message, "headers": headers.raw}
        await send(message)

    return varying
