"""The live push: one WebSocket per screen, always told the newest state, never a backlog.

A viewer that reads slowly gets fewer frames, each made when it is about to be sent; so no queue can grow
and nothing old is painted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Annotated, Any, Protocol

import msgspec
from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.rights import is_signed_in

MIN_GAP_S = 0.03  # at most some 30 frames a second to one screen
PULSE_S = 1.0  # a screen hears from us at least this often


Refusal = tuple[int, str]  # close code and reason


class Follow(msgspec.Struct):
    """What a screen says: the pair that it shows from now on."""

    follow: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None = None


class Viewer(Protocol):
    """What one screen has been told so far; makes its next message. Called from worker threads."""

    def follow(self, watch_id: int | None) -> None:
        """Show this pair from now on."""

    def next_message(self) -> dict[str, Any]:
        """What is new for this screen."""


class LiveHub:
    """Wakes every viewer when something changed. ``changed`` may be called from any thread."""

    def __init__(self, make_viewer: Callable[[], Viewer]) -> None:
        self.make_viewer = make_viewer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._events: set[asyncio.Event] = set()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use this loop; before, changes are not pushed."""
        self._loop = loop

    def changed(self) -> None:
        """Something that screens show may have changed."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    @contextlib.contextmanager
    def listen(self) -> Any:
        """An event that is set at every change."""
        event = asyncio.Event()
        self._events.add(event)
        try:
            yield event
        finally:
            self._events.discard(event)

    @property
    def viewers(self) -> int:
        """How many screens are connected."""
        return len(self._events)

    def _wake(self) -> None:
        for event in self._events:
            event.set()


def add_live_route(app: FastAPI, hub: LiveHub) -> None:
    """``/api/live``. Behind ``api.guard``, which lets no other origin near it."""

    @app.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        viewer = hub.make_viewer()
        with hub.listen() as wake:
            jobs = {
                asyncio.create_task(_listen(socket, viewer, wake)),
                asyncio.create_task(_tell(socket, viewer, wake)),
            }
            try:
                done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)
            for job in done:
                with contextlib.suppress(WebSocketDisconnect):
                    refusal = job.result()
                    if refusal is not None:  # told by us alone: both jobs have ended
                        await socket.close(*refusal)


async def _listen(socket: WebSocket, viewer: Viewer, wake: asyncio.Event) -> Refusal | None:
    """Until the screen goes, or says what it must not: then why the socket is to be closed."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        if text is None:
            return 1003, "expected text"
        try:
            follow = msgspec.json.decode(text, type=Follow).follow
        except (msgspec.MsgspecError, RecursionError) as error:
            return 4400, f"expected {{follow: number or null}}: {error}"[:120]
        viewer.follow(follow)
        wake.set()


async def _tell(socket: WebSocket, viewer: Viewer, wake: asyncio.Event) -> Refusal | None:
    """Until the session ends: then why the socket is to be closed."""
    lasts = is_signed_in.get()
    while lasts():
        wake.clear()
        message = await asyncio.to_thread(viewer.next_message)
        await socket.send_text(msgspec.json.encode(message).decode())
        await asyncio.sleep(MIN_GAP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PULSE_S):
                await wake.wait()
    return 4401, "the session has ended"
