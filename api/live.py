"""The live push: one WebSocket per screen, which gets the newest state of what it shows, without a backlog.

A screen names its topics and its pair. One loop serves all screens. In each round, screens that show the same and have
got the same form a group: its message is computed once, reduced to what has changed since their last message, encoded
once, and sent to all of them. A screen that has not received the last message yet skips the round; it gets the
difference when it is ready, so no queue grows and no stale data is painted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.documents import documented
from api.permissions import is_signed_in
from api.wake import Wake

log = logging.getLogger("pairbridge.dashboard")

MIN_GAP_S = 0.012  # between two rounds of messages: below live.thread.TURN_S, so that a round follows each step at once
LEAST_REST_S = 0.002  # after a round that took longer
READ_GAP_S = 0.25  # to one that shows no pair, but tables: faster than that nobody reads
PULSE_S = 1.0  # each screen gets a message at least this often

PATHS = ("/api/live/state",)
EVENTS = frozenset({"type", "watch", "reset", "first", "columns", "log"})  # news by themselves, sent as they are
MERGED = frozenset({"text", "tone", "notes"})  # of which only changed entries are sent

Refusal = tuple[int, str]  # close code and reason
Message = dict[str, Any]
# (topics, pair shown, the screen's state or None) -> (the whole message, the new state). Called from a thread.
Compose = Callable[[frozenset[str], int | None, Hashable], tuple[Message, Hashable]]
_Topic = Annotated[str, msgspec.Meta(pattern="^[a-z-]{1,20}$")]


class Follow(msgspec.Struct):
    """A screen's message: what it shows from now on."""

    follow: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None = None
    topics: Annotated[list[_Topic], msgspec.Meta(max_length=8)] = []


@dataclass(frozen=True, slots=True)
class Shown:
    """What a screen shows: topics, and for the pair's the number of its watch (None: the first)."""

    topics: frozenset[str] = frozenset()
    follow: int | None = None

    @property
    def gap_s(self) -> float:
        """The least time between two messages."""
        return 0.0 if "pair" in self.topics else READ_GAP_S  # rounds are ``MIN_GAP_S`` apart


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """The last message of a group of screens, whole, what they have got with it, and the text that they were sent."""

    message: Message
    seen: Hashable
    text: str = ""
    is_news: bool = True


@dataclass(eq=False, slots=True)
class Screen:
    """One connected screen: what it shows, what it has been told and when, and the message in flight."""

    socket: WebSocket
    shown: Shown = Shown()
    told: Told | None = None
    told_s: float = 0.0  # by the loop's clock
    sending: asyncio.Task[None] | None = None

    def show(self, wanted: Shown) -> None:
        """From now on it shows this, and has been told nothing of it; unless it only names the pair that it was shown
        as the first one."""
        shown, told = self.shown, self.told
        is_named = shown.follow is None and told is not None and told.message.get("watch", -1) == wanted.follow
        self.told = told if is_named and shown.topics == wanted.topics else None
        self.shown = wanted

    def ready_in(self, now_s: float) -> float:
        """Seconds until the next message may be sent; 0: now. None may while the last one has not been received."""
        if self.sending is not None and not self.sending.done():
            return MIN_GAP_S
        return max(self.told_s + self.shown.gap_s - now_s, 0.0) if self.told else 0.0


class LiveHub:
    """Pushes changes to every screen. ``changed`` may be called from any thread."""

    def __init__(self, compose: Compose, took: Callable[[float], None] = lambda _: None) -> None:
        """``took`` is called with the seconds that each message took to make."""
        self._compose = compose
        self._took = took
        self._wake = Wake()
        self.screens: set[Screen] = set()
        self.listeners: list[Callable[[], None]] = []  # called with each change

    def changed(self) -> None:
        """Call when displayed data may have changed."""
        self._wake.set()
        for listener in self.listeners:
            listener()

    def whole(self, topics: frozenset[str], follow: int | None) -> Message:
        """The whole message, as a new screen would get it."""
        return self._compose(topics, follow, None)[0]

    async def run(self) -> None:
        """Serve the screens until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait(PULSE_S)
            began_s = loop.time()
            try:
                await self._round(began_s)
            except Exception:
                log.exception("the push to the screens failed; retrying")
            await asyncio.sleep(max(began_s + MIN_GAP_S - loop.time(), LEAST_REST_S))

    async def _round(self, now_s: float) -> None:
        groups: dict[tuple[Shown, Told | None], list[Screen]] = {}
        waits_s = []
        for screen in self.screens:
            ready_s = screen.ready_in(now_s)
            if ready_s:
                waits_s.append(ready_s)
            else:
                groups.setdefault((screen.shown, screen.told), []).append(screen)
        if waits_s:
            asyncio.get_running_loop().call_later(min(waits_s), self._wake.set)
        made = await asyncio.to_thread(lambda: [self._made(shown, before) for shown, before in groups])
        for (key, group), told in zip(groups.items(), made, strict=True):
            if told is None:
                continue
            for screen in group:
                is_due = told.is_news or now_s - screen.told_s >= PULSE_S
                if (screen.shown, screen.told) == key and is_due:
                    screen.told, screen.told_s = told, now_s
                    screen.sending = asyncio.create_task(_send(screen.socket, told.text))

    def _made(self, shown: Shown, before: Told | None) -> Told | None:
        """The next message of a group; None if it cannot be made, for which the others do not wait. Called from a
        thread: it may wait for a long step of the monitor."""
        began_s = time.perf_counter()
        try:
            whole, known = self._compose(shown.topics, shown.follow, before.seen if before else None)
        except Exception:
            log.exception("the message to the screens of %s failed; retrying", shown)
            return None
        self._took(time.perf_counter() - began_s)
        news = whole if before is None else difference(before.message, whole)
        return Told(whole, known, msgspec.json.encode(news or {"type": "pulse"}).decode(), bool(news))

    async def serve(self, socket: WebSocket) -> None:
        """Serve one screen until it disconnects."""
        await socket.accept()
        screen = Screen(socket)
        self.screens.add(screen)
        self._wake.set()
        jobs = {asyncio.create_task(self._listen(screen)), asyncio.create_task(session_ends())}
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
                wish = msgspec.json.decode(text, type=Follow)
            except (msgspec.MsgspecError, RecursionError) as error:
                return 4400, f"expected {{topics: [name], follow: number or null}}: {error}"[:120]
            screen.show(Shown(frozenset(wish.topics), wish.follow))
            self._wake.set()


def difference(before: Message, after: Message) -> Message:
    """What of a message a screen that has got ``before`` lacks; empty if nothing."""
    if after.get("reset"):
        return after
    is_event = bool(after.get("log") or any(after.get("columns", {}).values()))
    news: Message = {name: after[name] for name in EVENTS & after.keys()} if is_event else {}
    for name, value in after.items():
        if name in EVENTS or value == before.get(name):
            continue
        known = before.get(name, {}) if name in MERGED else {}
        merged = {key: each for key, each in value.items() if known.get(key) != each} if name in MERGED else value
        news[name] = merged
    if news and not is_event:
        news |= {name: after[name] for name in ("type", "watch") if name in after}
    return news


async def _send(socket: WebSocket, text: str) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has disconnected meanwhile
        await socket.send_text(text)


async def session_ends() -> Refusal:
    """Return when the session that opened the socket has ended."""
    lasts = is_signed_in.get()
    while await asyncio.to_thread(lasts):  # noqa: ASYNC110 - a file, perhaps; expiry has no event to wait for
        await asyncio.sleep(PULSE_S)
    return 4401, "the session has ended"


def add_live_route(app: FastAPI, hub: LiveHub) -> None:
    """``/api/live``, and ``/api/live/state``: the whole message, for polling where no WebSocket gets through.
    ``api.guard`` refuses other origins."""

    @app.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        await hub.serve(socket)

    @app.get("/api/live/state", **documented("pairs", "What a screen shows, whole", {"type": "state"}))
    async def state(
        topics: Annotated[str, Query(max_length=160)] = "", follow: Annotated[int | None, Query(ge=0, lt=2**53)] = None
    ) -> Response:
        message = await asyncio.to_thread(hub.whole, frozenset(topics.split()), follow)
        return Response(msgspec.json.encode(message), media_type="application/json")
