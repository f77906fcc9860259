"""Batches with keys for one market, over one connection to the bridge server: each is answered by its own
acknowledgement, whatever else waits."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from engine.intake.messages import MAX_IN_FLIGHT, PROTO
from feeds.bridge_client import RefusedError

CONNECT_S = 3.0
ACK_S = 20.0

Ack = dict[str, Any]


class LinkLost(Exception):
    """The connection ended before the acknowledgement; what became of the batch is not known."""


async def greeted(url: str, token: str, market: str) -> ClientConnection:
    """A connection to the bridge server as a helper, which does not count as the market's live stream. Raises LinkLost
    where there is no server, RefusedError where it refuses."""
    hello = {"type": "hello", "proto": PROTO, "token": token, "market": market, "client": "api", "helper": True}
    try:
        socket = await connect(url, compression=None, ping_interval=None, open_timeout=CONNECT_S, max_size=2**20)
        await socket.send(json.dumps(hello | {"session": str(uuid.uuid4())}))
        answer = json.loads(await asyncio.wait_for(socket.recv(), CONNECT_S))
    except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError) as error:
        raise LinkLost(f"the bridge server does not answer: {error or type(error).__name__}") from None
    if answer["type"] != "welcome":
        await socket.close()
        raise RefusedError(str(answer.get("message", answer)))
    return socket


class TickLink:
    """One connection. Used by one event loop."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._seq = 0
        self._waiting: dict[int, asyncio.Future[Ack]] = {}
        self._room = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._sending = asyncio.Lock()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, token: str, market: str) -> TickLink:
        """Connect. Raises as ``greeted``."""
        return cls(await greeted(url, token, market))

    @property
    def is_open(self) -> bool:
        """Whether further batches may be sent."""
        return not self._task.done()

    async def send(self, rows: list[Any], key: str) -> Ack:
        """The acknowledgement, after the commit. Raises LinkLost, and RefusedError for what the server refuses."""
        async with self._room:
            answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
            async with self._sending:  # numbers go out in their order
                self._seq += 1
                seq = self._seq
                message = {"type": "ticks", "seq": seq, "rows": rows} | ({"key": key} if key else {})
                self._waiting[seq] = answer
                with contextlib.suppress(ConnectionClosed):  # the reader ends, and tells all who wait
                    await self._socket.send(json.dumps(message))
            try:
                if self._task.done():
                    raise LinkLost("the connection to the bridge server has ended")
                return await asyncio.wait_for(answer, ACK_S)
            except TimeoutError:
                raise LinkLost(f"the bridge server has not stored the rows within {ACK_S:g} s") from None
            finally:
                self._waiting.pop(seq, None)

    async def close(self) -> None:
        """Close the connection."""
        await self._socket.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        why: Exception = LinkLost("the connection to the bridge server has ended")
        try:
            async for text in self._socket:
                message = json.loads(text)
                if message["type"] == "ack" and message["seq"] in self._waiting:
                    future = self._waiting[message["seq"]]
                    if not future.done():
                        future.set_result(message)
                elif message["type"] == "refused":
                    why = RefusedError(str(message["message"]))
        except ConnectionClosed:
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(why)
