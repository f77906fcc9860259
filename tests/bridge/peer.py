"""The base of both scripted peers of the bridge page: WebSocket and HTTP endpoints on loopback.

They follow the exchange's documentation and the bridge protocol, record all messages, and disconnect, fall silent or
send wrong data on request. Each runs an event loop in its own thread; a test calls them from the test's thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

BRIDGE = Path(__file__).parent.parent.parent / "bridge"
TOKEN = "0123456789abcdef" * 4
Row = tuple[str, int, str, str, int, bool]


def wait_until(holds: Callable[[], Any], what: str, timeout_s: float = 15.0) -> Any:
    """Wait for a state and return it."""
    deadline = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain for: {what}"
        time.sleep(0.02)
    return found


def respond(text: str, kind: str, status: HTTPStatus = HTTPStatus.OK, **extra: str) -> Response:
    """A whole HTTP answer; ``extra`` headers with ``_`` for ``-``."""
    body = text.encode()
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
    for name, value in extra.items():
        headers[name.replace("_", "-")] = value
    return Response(status.value, status.phrase, headers, body)


class Peer:
    """A WebSocket and HTTP endpoint in a thread, which can stop and restart on its port."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._sockets: set[ServerConnection] = set()
        self._server: Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Listen: on a free port at first, later on the same one."""
        self.run(self._start())

    def kill(self) -> None:
        """Stop like a killed process: reset connections, no listener."""
        self.run(self._kill())

    def cut(self) -> None:
        """Reset every connection, and go on listening."""
        self.run(self._cut())

    def close(self) -> None:
        """End the thread."""
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Do something in the peer's own thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> None:
        self._server = await serve(
            self._meet, "127.0.0.1", self.port, process_request=self._answer, compression=None, ping_interval=None
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def _kill(self) -> None:
        if self._server is not None:
            await self._cut()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _cut(self) -> None:
        for socket in list(self._sockets):
            socket.transport.abort()
        await asyncio.sleep(0)

    async def _meet(self, socket: ServerConnection) -> None:
        self.connections += 1
        self._sockets.add(socket)
        try:
            await self.converse(socket)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)
            await self.left(socket)

    async def converse(self, socket: ServerConnection) -> None:
        """Serve a client until it disconnects."""
        raise NotImplementedError

    async def left(self, socket: ServerConnection) -> None:
        """A client has disconnected."""

    def answer(self, path: str, query: dict[str, str], request: Request) -> Response | None:
        """An HTTP answer; None goes on to the WebSocket."""
        raise NotImplementedError

    def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return self.answer(parts.path, query, request)
