"""A raw connection to the bridge port, to send data that client libraries do not allow."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

TEXT, BINARY, CLOSE, PING, CONTINUED = 1, 2, 8, 9, 0


@dataclass(frozen=True, slots=True)
class Target:
    """A server under attack."""

    port: int
    token: str

    def hello(self, **changes: Any) -> str:
        """A valid hello."""
        hello = {"type": "hello", "proto": 1, "token": self.token, "market": "hostile", "client": "x", "session": "x"}
        return json.dumps(hello | changes)


def frame(opcode: int, payload: bytes, last: bool = True, rsv: int = 0, declared: int | None = None) -> bytes:
    """One WebSocket frame as a client sends it. ``declared``: another length than there is."""
    size = len(payload) if declared is None else declared
    head = bytes([(last << 7) | (rsv << 4) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    return head + b"\0\0\0\0" + payload  # a mask of zeros changes nothing


class Wire:
    """One connection, as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def send(self, data: bytes) -> None:
        """Write as fast as possible; only reads detect a closed connection."""
        try:
            for at in range(0, len(data), 65_536):
                self.writer.write(data[at : at + 65_536])
                await self.writer.drain()
        except ConnectionError:
            pass  # closed while we were still sending, as expected

    async def say(self, text: str) -> None:
        """One text message."""
        await self.send(frame(TEXT, text.encode("utf-8", "surrogatepass")))

    async def shake_hands(self, port: int) -> None:
        """The opening handshake."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.write(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = await self.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101"), answer

    async def hear(self) -> tuple[int, bytes]:
        """(opcode, payload) of the next frame; a lost connection counts as a close without a code."""
        try:
            head = await self.reader.readexactly(2)
            size = head[1] & 0x7F
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return head[0] & 0x0F, await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return CLOSE, b""

    async def hear_json(self, kind: str) -> dict[str, Any]:
        """The next message of that type."""
        while True:
            opcode, payload = await self.hear()
            assert opcode == TEXT, f"expected {kind}, found frame {opcode} {payload[:80]!r}"
            message: dict[str, Any] = json.loads(payload)
            if message["type"] == kind:
                return message

    async def close_code(self) -> int:
        """Read to the end; returns the close code, 0 if the connection was aborted."""
        while True:
            opcode, payload = await self.hear()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big") if payload else 0


@asynccontextmanager
async def wire(port: int, receive_bytes: int | None = None) -> AsyncIterator[Wire]:
    """A connection, cut at the end whatever its state. ``receive_bytes``: what the system may take in for it."""
    sock = socket.socket()
    sock.setblocking(False)
    if receive_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def greeted(target: Target, receive_bytes: int | None = None) -> AsyncIterator[Wire]:
    """A connection that is past its hello."""
    async with wire(target.port, receive_bytes) as it:
        await it.shake_hands(target.port)
        await it.say(target.hello())
        await it.hear_json("welcome")
        yield it
