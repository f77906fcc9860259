"""The live push: one WebSocket per screen, which gets the newest state, without a backlog.

One loop serves all screens. In each round, screens with the same pair and the same state form a group: its message is
computed once, encoded once, and sent to all of them. A screen that has not received the last message yet skips the
round; it gets the difference when it is ready, so no queue grows and no stale data is painted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.permissions import is_signed_in

log = logging.getLogger("pairbridge.dashboard")

MIN_GAP_S = 0.03  # at most some 30 messages a second to one screen
PULSE_S = 1.0  # each screen gets a message at least this often

Refusal = tuple[int, str]  # close code and reason
# (pair shown, the screen's state or None) -> (message, the new state). Called from a thread.
Compose = Callable[[int | None, Hashable], tuple[dict[str, Any], Hashable]]


class Follow(msgspec.Struct):
    """A screen's message: the pair that it shows from now on."""

    follow: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None = None


@dataclass(eq=False, slots=True)
class Screen:
    """One connected screen: its pair, its state, and the message in flight."""

    socket: WebSocket
    follow: int | None = None
    seen: Hashable = None
    told: str = ""  # the last message, and when it was sent by the loop's clock
    told_s: float = 0.0
    sending: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the last message has been received."""
        return self.sending is None or self.sending.done()


class LiveHub:
    """Pushes changes to every screen. ``changed`` may be called from any thread."""

    def __init__(self, compose: Compose) -> None:
        self._compose = compose
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self.screens: set[Screen] = set()

    def changed(self) -> None:
        """Call when displayed data may have changed."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Serve the screens until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PULSE_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._round(self._loop.time())
            except Exception:
                log.exception("the push to the screens failed; retrying")
            await asyncio.sleep(MIN_GAP_S)

    async def _round(self, now_s: float) -> None:
        groups: dict[tuple[int | None, Hashable], list[Screen]] = {}
        for screen in self.screens:
            if screen.is_ready:
                groups.setdefault((screen.follow, screen.seen), []).append(screen)
            elif self._loop is not None:
                self._loop.call_later(MIN_GAP_S, self._wake.set)
        for (follow, seen), group in groups.items():
            message, known = await asyncio.to_thread(self._compose, follow, seen)
            text = msgspec.json.encode(message).decode()
            for screen in group:
                is_news = text != screen.told or now_s - screen.told_s >= PULSE_S
                if (screen.follow, screen.seen) == (follow, seen) and is_news:
                    screen.seen, screen.told, screen.told_s = known, text, now_s
                    screen.sending = asyncio.create_task(_send(screen.socket, text))

    async def serve(self, socket: WebSocket) -> None:
        """Serve one screen until it disconnects."""
        await socket.accept()
        screen = Screen(socket)
        self.screens.add(screen)
        self._wake.set()
        jobs = {asyncio.create_task(self._listen(screen)), asyncio.create_task(_session_ends())}
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.screens.discard(screen)
            ending = [*jobs, *([screen.sending] if screen.sending else [])]
            for job in ending:
                job.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
        for job in done:
            with contextlib.suppress(WebSocketDisconnect):
                refusal = job.result()
                if refusal is not None:  # cancelled only by this server, after everything else has ended
                    await socket.close(*refusal)

    async def _listen(self, screen: Screen) -> Refusal | None:
        """Read until the screen disconnects, or sends an invalid message: then returns why to close the socket."""
        while True:
            message = await screen.socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            if text is None:
                return 1003, "expected text"
            try:
                screen.follow = msgspec.json.decode(text, type=Follow).follow
            except (msgspec.MsgspecError, RecursionError) as error:
                return 4400, f"expected {{follow: number or null}}: {error}"[:120]
            screen.seen, screen.told = None, ""
            self._wake.set()


async def _send(socket: WebSocket, text: str) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has disconnected meanwhile
        await socket.send_text(text)


async def _session_ends() -> Refusal:
    """Return when the session that opened the socket has ended."""
    lasts = is_signed_in.get()
    while lasts():  # noqa: ASYNC110 - expiry and sign-out have no event to wait for
        await asyncio.sleep(PULSE_S)
    return 4401, "the session has ended"


def add_live_route(app: FastAPI, hub: LiveHub) -> None:
    """``/api/live``. ``api.guard`` refuses other origins."""

    @app.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        await hub.serve(socket)
