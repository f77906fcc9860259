"""The open WebSocket connections: subscriptions, unread bytes and age of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode
from websockets.protocol import State

from simulator.connection_policy import ConnectionPolicy
from simulator.frames import MARK_STREAM, Frame, shutdown_frame, wrapped
from simulator.streams import Session

MAX_BACKLOG_BYTES = 16 << 20


@dataclass(eq=False, slots=True)
class Client:
    """One connection; ``since_s`` is monotonic."""

    connection: ServerConnection
    session: Session
    since_s: float = field(default_factory=time.monotonic)
    noticed: bool = False


class Clients:
    """Every open connection."""

    def __init__(self) -> None:
        self._clients: set[Client] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, client: Client) -> None:
        """A connection was opened."""
        self._clients.add(client)

    def remove(self, client: Client) -> None:
        """A connection was closed."""
        self._clients.discard(client)

    def readers(self) -> list[Client]:
        """The clients with a subscription that can deliver."""
        return [client for client in self._clients if client.session.reads]

    def wanted(self) -> set[str]:
        """The symbols with a subscriber."""
        return {symbol for client in self._clients for symbol in client.session.symbols}

    def backlog_bytes(self) -> int:
        """The unread bytes of the slowest reader."""
        return max((_backlog(client) for client in self.readers()), default=0)

    def send(self, frames: Sequence[Frame]) -> None:
        """Send every reader its frames."""
        if not frames:
            return
        raw: list[bytes] = []
        combined: list[bytes] = []
        for client in self.readers():
            if client.session.combined:
                texts = combined = combined or [wrapped(frame).encode() for frame in frames]
            else:
                texts = raw = raw or [frame.text.encode() for frame in frames]
            wanted = client.session.symbols | {None}
            mine = [text for frame, text in zip(frames, texts, strict=True) if frame.symbol in wanted]
            _write(client.connection, mine)

    def marked(self) -> set[str]:
        """The symbols whose marks somebody reads."""
        return {symbol for client in self._clients for symbol in client.session.marked}

    def send_marks(self, frames: Sequence[Frame]) -> None:
        """Give every reader the marks that it wants."""
        for client in self.readers():
            mine = [frame for frame in frames if frame.symbol in client.session.marked]
            texts = [wrapped(frame, MARK_STREAM) if client.session.combined else frame.text for frame in mine]
            _write(client.connection, [text.encode() for text in texts])

    def drop_the_slow(self) -> None:
        """Close clients that have fallen far behind, as the exchange does."""
        for client in self.readers():
            if _backlog(client) > MAX_BACKLOG_BYTES:
                client.connection.transport.abort()

    def retire(self, gate: ConnectionPolicy, now_ms: int) -> None:
        """Warn, then close, the connections that have reached their age."""
        now_s = time.monotonic()
        for client in self._clients:
            left_s = client.since_s + gate.rotation_s - now_s
            if left_s <= gate.notice_s and not client.noticed:
                client.noticed = True
                self._notice(client, now_ms)
            if left_s <= 0:
                self._close(client, CloseCode.NORMAL_CLOSURE)

    def notice_all(self, now_ms: int) -> None:
        """Notify every live connection of the server's shutdown."""
        for client in self._clients:
            self._notice(client, now_ms)

    def hang_up(self, code: int | None) -> int:
        """Close all with this code, or abort them; returns their number."""
        for client in self._clients:
            if code is None:
                client.connection.transport.abort()
            else:
                self._close(client, code)
        return len(self._clients)

    def renew(self) -> None:
        """Count every connection's age from now."""
        for client in self._clients:
            client.since_s, client.noticed = time.monotonic(), False

    def _notice(self, client: Client, now_ms: int) -> None:
        if client.session.live:
            _write(client.connection, [shutdown_frame(now_ms, client.session.combined).encode()])

    def _close(self, client: Client, code: int) -> None:
        if client.connection.state is State.OPEN:
            task = asyncio.create_task(client.connection.close(code))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _backlog(client: Client) -> int:
    return client.connection.transport.get_write_buffer_size()


def _write(connection: ServerConnection, messages: Iterable[bytes]) -> None:
    """All messages in one write: a system call for each would halve the speed of catching up."""
    if connection.state is not State.OPEN or connection.transport.is_closing():
        return
    for message in messages:
        connection.protocol.send_text(message)
    connection.transport.write(b"".join(connection.protocol.data_to_send()))
