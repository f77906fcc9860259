"""The stream of the API, resumed after each lost connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

from client.calls import ApiProblem, Json

PATH = "/api/stream"
FIRST_S, LONGEST_S = 0.2, 10.0  # between two tries to connect
MOST_BYTES = 16 * 1024 * 1024  # of one message
_LOST = (OSError, TimeoutError, EOFError, InvalidHandshake, ConnectionClosed)


class Wanted:
    """What a stream asks for, and up to where its messages were taken."""

    def __init__(self, topics: tuple[str | Json, ...]) -> None:
        """Raises ValueError without a topic."""
        if not topics:
            raise ValueError("no topic is named; expected at least one of ticks, bars, decisions, trades, alerts,"
                             " snapshots, status")  # fmt: skip
        each = [{"topic": topic} if isinstance(topic, str) else dict(topic) for topic in topics]
        self._topics = {topic.get("name") or topic["topic"]: topic for topic in each}
        self._pause_s = FIRST_S

    def hello(self) -> str:
        """The first message of a connection."""
        return json.dumps({"subscribe": list(self._topics.values())})

    def taken(self, message: Json) -> None:
        """The next connection goes on after it."""
        self._pause_s = FIRST_S
        if message["cursor"] is not None:
            self._topics[message["name"]]["cursor"] = message["cursor"]

    def pause_s(self, lost: Exception | None) -> float:
        """How long to wait after a lost connection. Raises ApiProblem where another one would be refused too."""
        if isinstance(lost, InvalidStatus) and lost.response.status_code < 500:
            status = lost.response.status_code
            raise ApiProblem(status, "stream", f"the stream was refused with {status}") from lost
        closed = lost.rcvd if isinstance(lost, ConnectionClosed) else None
        if closed is not None and (4400 <= closed.code < 4500 or closed.code in (1003, 1008, 1009)):
            raise ApiProblem(closed.code % 4_000, "stream", closed.reason) from lost
        pause_s, self._pause_s = self._pause_s, min(2.0 * self._pause_s, LONGEST_S)
        return pause_s


def messages(url: str, headers: Mapping[str, str], wanted: Wanted) -> Generator[Json]:
    """Without end. Raises ApiProblem."""
    while True:
        lost: Exception | None = None
        try:
            with connect(**_address(url, headers)) as socket:
                socket.send(wanted.hello())
                for text in socket:
                    message: Json = json.loads(text)
                    yield message
                    wanted.taken(message)
        except _LOST as error:
            lost = error
        time.sleep(wanted.pause_s(lost))


async def async_messages(url: str, headers: Mapping[str, str], wanted: Wanted) -> AsyncGenerator[Json]:
    """Without end. Raises ApiProblem."""
    while True:
        lost: Exception | None = None
        try:
            async with connect_async(**_address(url, headers)) as socket:
                await socket.send(wanted.hello())
                async for text in socket:
                    message: Json = json.loads(text)
                    yield message
                    wanted.taken(message)
        except _LOST as error:
            lost = error
        await asyncio.sleep(wanted.pause_s(lost))


def _address(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of both ways to connect."""
    of = urlsplit(url)
    scheme = "wss" if of.scheme == "https" else "ws"
    origin = f"{of.scheme}://{of.netloc}"
    return {
        "uri": f"{scheme}://{of.netloc}{PATH}", "origin": origin, "additional_headers": headers,
        "max_size": MOST_BYTES, "compression": None,
    }  # fmt: skip
