"""Connections to the bridge port: limited until they have sent hello, and counted when refused."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Iterable
from typing import Any

from websockets.asyncio.server import ServerConnection

from engine.intake.actions import Close, Send

MAX_UNAUTHENTICATED = 40  # concurrent connections without hello
HEAD_BYTES = 32_768  # of HTTP, including cookies of other servers on this machine
UNAUTHENTICATED_BYTES = 65_536  # the longest message before hello; a bridge may send its first batch with its hello
LAST_WORD_S = 1.0  # after a framing error, time for the client to read the reason; it may keep sending that long
OUTBOX_BYTES = 1 << 20  # the most queued for a client that does not read; then it is closed
TAKEN_AT_ONCE = 8  # connections accepted per loop iteration: many new ones must not delay established ones
BACKLOG = 1_024  # the system's accept queue; it drops new connections when full
_MESSAGE_BYTES = 256  # memory of a queued message besides its text

_FRAME_CODES = {1002, 1007, 1009}  # RFC 6455: broken framing, text that is not UTF-8, too much of it
_OBJECTIONS = {421: "host", 403: "origin"}


def queue_more(listening: Iterable[Any]) -> None:
    """Set the accept queues of listening sockets to BACKLOG: asyncio uses one number for the queue's length and the
    number accepted at once."""
    for each in listening:
        with socket.socket(fileno=os.dup(each.fileno())) as same:
            same.listen(BACKLOG)


class ConnectionLimiter:
    """The connections without hello. Above the limit the oldest is closed: clients with the token send hello at
    once."""

    def __init__(self, refused: Counter[str], message_bytes: int) -> None:
        """``refused`` is counted up by reason; ``message_bytes``: the longest message after hello."""
        self.refused = refused
        self.message_bytes = message_bytes
        self._unauthenticated: dict[BridgeConnection, None] = {}

    def receive(self, *arguments: Any, **options: Any) -> BridgeConnection:
        """Create a connection; a factory for ``serve(create_connection=...)``."""
        return BridgeConnection(self, *arguments, **options)

    def enter(self, visitor: BridgeConnection) -> None:
        """A connection was opened."""
        self._unauthenticated[visitor] = None
        if len(self._unauthenticated) > MAX_UNAUTHENTICATED:
            next(iter(self._unauthenticated)).cut_off("too-many")

    def leave(self, visitor: BridgeConnection) -> None:
        """A connection was closed, or has authenticated."""
        self._unauthenticated.pop(visitor, None)


class BridgeConnection(ServerConnection):
    """One connection to the bridge port."""

    def __init__(self, limiter: ConnectionLimiter, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limiter = limiter
        self._is_counted = False
        self._head_bytes = 0
        self.protocol.max_message_size = UNAUTHENTICATED_BYTES

    def let_in(self) -> None:
        """It has sent hello."""
        self._limiter.leave(self)
        self.protocol.max_message_size = self._limiter.message_bytes

    def cut_off(self, reason: str) -> None:
        """Abort it without a close frame: it does not read, or there are too many."""
        self._count(reason)
        self._limiter.leave(self)
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        super().connection_made(transport)
        self._limiter.enter(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self.request is None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.cut_off("handshake")
                return
        super().data_received(data)
        if self._broke_the_framing() and not self._is_counted:
            self._count("frame")
            self.loop.call_later(LAST_WORD_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        super().connection_lost(exc)
        self._limiter.leave(self)
        if self.response is None or self.protocol.handshake_exc is not None:
            self._count("handshake")  # not HTTP, not a WebSocket, or too slow
        elif self.response.status_code in _OBJECTIONS:
            self._count(_OBJECTIONS[self.response.status_code])
        elif self._broke_the_framing():  # invalid UTF-8 is detected only on reading
            self._count("frame")

    def _broke_the_framing(self) -> bool:
        sent = self.protocol.close_sent
        return sent is not None and sent.code in _FRAME_CODES and not self.protocol.close_rcvd_then_sent

    def _count(self, reason: str) -> None:
        """Once for each connection; the intake counts its own refusals."""
        if not self._is_counted:
            self._is_counted = True
            self._limiter.refused[reason] += 1


class SendQueue(asyncio.Queue[Send | Close]):
    """The send queue of one client: limited by bytes, since message sizes vary."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._bytes = 0

    def _put(self, item: Send | Close) -> None:
        self._bytes += _size(item)
        super()._put(item)

    def _get(self) -> Send | Close:
        item: Send | Close = super()._get()
        self._bytes -= _size(item)
        return item

    def full(self) -> bool:
        """Whether it holds more than a reading client would leave in it."""
        return self._bytes > OUTBOX_BYTES


def _size(item: Send | Close) -> int:
    return _MESSAGE_BYTES + (len(item.text) if isinstance(item, Send) else 0)
