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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        is_file = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(FILES)
        if not is_file or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self._app(scope, receive, send)
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
        kind = headers.get("content-type", "")
        is_text = kind.startswith("text/") or "javascript" in kind or "json" in kind or "svg" in kind
        if start["status"] == 200 and is_text and len(body) >= LEAST_BYTES and "content-encoding" not in headers:
            body = await self._compressed(f"{path} {len(body)} {hash(body)}", body)
            headers["content-encoding"] = "gzip"
            headers["content-length"] = str(len(body))
            headers.add_vary_header("Accept-Encoding")
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})

    async def _compressed(self, key: str, body: bytes) -> bytes:
        found = self._kept.pop(key, None)
        if found is None:
            found = await asyncio.to_thread(gzip.compress, body, 9, mtime=0)
            self._size += len(found)
        self._kept[key] = found
        while self._size > KEPT_BYTES:
            self._size -= len(self._kept.popitem(last=False)[1])
        return found
