"""Limits on incomplete HTTP requests, which uvicorn lacks.

A request's head must arrive within ``HEAD_S`` and its body within ``BODY_S``. At most ``MAX_UNFINISHED`` incomplete
requests are kept; a further one drops the oldest, since honest clients send at once.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 5.0
BODY_S = 30.0
MAX_UNFINISHED = 256


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, with limits on incomplete requests."""

    unfinished: dict[BoundedHttp, None]  # of one server, the oldest first; see ``bounded_http``
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._expect(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._finished()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request's first byte has arrived."""
        super().on_message_begin()
        self._expect(HEAD_S)

    def on_headers_complete(self) -> None:
        """Its head has arrived."""
        self._expect(BODY_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it has arrived."""
        self._finished()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection has become a WebSocket."""
        self._finished()
        super().handle_websocket_upgrade()

    def _expect(self, within_s: float) -> None:
        self._finished()
        self.unfinished[self] = None
        self._timer = self.loop.call_later(within_s, self._drop)
        if len(self.unfinished) > MAX_UNFINISHED:
            next(iter(self.unfinished))._drop()

    def _finished(self) -> None:
        self.unfinished.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop(self) -> None:
        self._finished()
        self.transport.abort()


def bounded_http() -> type[BoundedHttp]:
    """The protocol of one server: its connections share one limit."""
    shared: dict[str, Any] = {"unfinished": {}}
    return type("BoundedHttp", (BoundedHttp,), shared)


class Server(uvicorn.Server):
    """Exits with code 0 on SIGTERM and Ctrl-C, from its creation on: uvicorn handles signals only while serving, and
    raises them again after its shutdown."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self.handle_exit)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn.Server."""
        yield
