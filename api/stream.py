"""``/api/stream``: what is stored and how things stand, for programs; each client as fast as it reads.

A client names its topics. Trades, bars, decisions, closed trades and alerts come from the store: of each message it
gets the cursor, with which it goes on after a lost connection. Nothing waits in memory for a client: the next page is
read when its socket has taken the one before, so one that does not read holds one page, and its place is in the store.
Clients at the same place share one read and one encoding. Of snapshots and the status a client gets the newest, and
``left_out``, how many it has missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.live import MIN_GAP_S, PULSE_S, Refusal, session_ends
from engine.errors import PairbridgeError, SettingsError, StoreError
from services.stream import NEWEST, StreamService, Subscription, cursor_of, place_of, subscriptions_of
from services.stream_sources import Place, Row, Source

log = logging.getLogger("pairbridge.dashboard")

PATH = "/api/stream"
MOST_STREAMS = 200
MOST_CHANNELS = 64  # topics with different filters
MOST_TEXT = 64_000  # characters of what a client sends
HELLO_S = 10.0  # in which it has to say what it wants
KEPT_PAGES = 4  # of one channel, for clients that come to the same place a little later
LOOK_S = 0.1  # that one look may take before the others go on without it


class Sent(NamedTuple):
    """One page as the end of a message, the same for all clients; empty where there is nothing to send."""

    text: str
    place: Place
    is_more: bool


class Channel:
    """One topic with one filter, for every client that wants it."""

    users = 0
    looking: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """See what is new. Raises StoreError."""
        raise NotImplementedError

    def follow(self, wanted: Subscription) -> Follower:
        """For one client."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nobody uses it any more."""


class Follower:
    """One client's subscription."""

    def __init__(self, wanted: Subscription) -> None:
        self.head = f'{{"name":{json.dumps(wanted.name)},"topic":"{wanted.topic}",'

    async def next(self) -> tuple[str, bool]:
        """The next message, empty if there is nothing new, and whether there is more. Raises StoreError."""
        raise NotImplementedError


class StoredChannel(Channel):
    """A topic that is resumed: its head, and the pages that were read last."""

    def __init__(self, topic: str, source: Source) -> None:
        self.topic, self._source = topic, source
        self.head: Place | None = None
        self._turn = asyncio.Lock()  # a source is read by one at a time
        self._pages: OrderedDict[Hashable, asyncio.Task[Sent]] = OrderedDict()

    async def look(self) -> None:
        """See Channel."""
        async with self._turn:
            self.head = await asyncio.to_thread(self._source.head)

    def follow(self, wanted: Subscription) -> Follower:
        """See Channel."""
        return StoredFollower(self, wanted)

    async def page(self, after: Place, head: Place) -> Sent:
        """What follows a place, read once for all that are there."""
        key = after, head
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = asyncio.create_task(self._read(after, head))
            page.add_done_callback(lambda done: self._forget_failed(key, done))
            if len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)
        return await asyncio.shield(page)

    async def close(self) -> None:
        """See Channel."""
        async with self._turn:
            await asyncio.to_thread(self._source.close)

    def _forget_failed(self, key: Hashable, done: asyncio.Task[Sent]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._pages.pop(key, None)

    async def _read(self, after: Place, head: Place) -> Sent:
        async with self._turn:
            return await asyncio.to_thread(self._encoded, after, head)

    def _encoded(self, after: Place, head: Place) -> Sent:
        page = self._source.page(after.at, head.at)
        place = Place(head.store, page.at)
        is_news = page.rows or page.left_out
        return Sent(self.text(page.rows, place, page.left_out) if is_news else "", place, page.is_more)

    def text(self, rows: list[Row], place: Place, left_out: int = 0, is_reset: bool = False) -> str:
        """The end of a message."""
        body = {"items": rows, "cursor": cursor_of(self.topic, place), "left_out": left_out, "reset": is_reset}
        return msgspec.json.encode(body).decode()[1:]


class StoredFollower(Follower):
    """Where one client is."""

    def __init__(self, channel: StoredChannel, wanted: Subscription) -> None:
        super().__init__(wanted)
        self._channel = channel
        self._place = place_of(wanted)
        self._is_told = self._place is not None  # where it begins

    async def next(self) -> tuple[str, bool]:
        """See Follower."""
        head = self._channel.head
        if head is None:
            return "", False
        if self._place is None or not self._is_told:
            self._place, self._is_told = self._place or head, True
            return self.head + self._channel.text([], self._place), True
        if self._place.store != head.store or self._place.at > head.at:
            is_other = bool(self._place.store)  # it was in another store; empty: it asked for the start
            self._place = Place(head.store, 0)
            if is_other:
                return self.head + self._channel.text([], self._place, is_reset=True), True
        if self._place.at >= head.at:
            return "", False
        sent = await self._channel.page(self._place, head)
        self._place = sent.place
        return self.head + sent.text if sent.text else "", sent.is_more


class StateChannel(Channel):
    """A topic of which the newest counts: its text, and how often it has changed."""

    def __init__(self, service: StreamService, wanted: Subscription) -> None:
        self._state = service.state(wanted)
        self.version, self.items = 0, ""

    async def look(self) -> None:
        """See Channel."""
        items = await asyncio.to_thread(lambda: msgspec.json.encode(self._state()).decode())
        if items != self.items:
            self.version, self.items = self.version + 1, items

    def follow(self, wanted: Subscription) -> Follower:
        """See Channel."""
        return StateFollower(self, wanted)


class StateFollower(Follower):
    """Which version one client has got."""

    def __init__(self, channel: StateChannel, wanted: Subscription) -> None:
        super().__init__(wanted)
        self._channel = channel
        self._seen: int | None = None

    async def next(self) -> tuple[str, bool]:
        """See Follower."""
        version = self._channel.version
        if not version or version == self._seen:
            return "", False
        left_out = 0 if self._seen is None else version - self._seen - 1
        self._seen = version
        return f'{self.head}"items":{self._channel.items},"cursor":null,"left_out":{left_out},"reset":false}}', False


@dataclass(eq=False, slots=True)
class Stream:
    """One client."""

    socket: WebSocket
    followers: list[Follower] = field(default_factory=list)
    keys: list[Hashable] = field(default_factory=list)


class StreamHub:
    """All streams of one process. ``changed`` may be called from any thread."""

    def __init__(self, service: StreamService) -> None:
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._round = asyncio.Event()  # set, and replaced, when there may be news
        self.channels: dict[Hashable, Channel] = {}
        self.streams: set[Stream] = set()

    def changed(self) -> None:
        """Call when something may be stored."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Look for news when woken, and once a second, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PULSE_S):
                    await self._wake.wait()
            self._wake.clear()
            for channel in self.channels.values():
                if channel.looking is None or channel.looking.done():
                    channel.looking = asyncio.create_task(self._look(channel))
            looks = [each.looking for each in self.channels.values() if each.looking is not None]
            late = (await asyncio.wait(looks, timeout=LOOK_S))[1] if looks else set()
            for look in late:
                look.add_done_callback(lambda _: self._wake.set())
            self._round.set()
            self._round = asyncio.Event()
            await asyncio.sleep(MIN_GAP_S)

    async def _look(self, channel: Channel) -> None:
        try:
            await channel.look()
        except StoreError as error:
            log.debug("a stream waits: %s", error)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it disconnects, says what it may not, or its session ends."""
        await socket.accept()
        if len(self.streams) >= MOST_STREAMS:
            await socket.close(4429, f"{MOST_STREAMS} streams are open; expected fewer")
            return
        stream = Stream(socket)
        self.streams.add(stream)
        jobs = [asyncio.create_task(job) for job in (self._converse(stream), session_ends())]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.streams.discard(stream)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await self._release(stream)
        for job in done:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has disconnected meanwhile
                refusal = job.result()
                if refusal is not None:
                    await socket.close(refusal[0], said(refusal[1]))

    async def _converse(self, stream: Stream) -> Refusal | None:
        """Returns why to close the socket, None where it is closed."""
        try:
            async with asyncio.timeout(HELLO_S):
                text = await _text_of(stream.socket)
        except TimeoutError:
            return 4408, f"nothing was asked within {HELLO_S:g} s"
        if not isinstance(text, str):
            return text
        try:
            for wanted in subscriptions_of(text):
                await self._subscribe(stream, wanted)
        except PairbridgeError as error:
            return 4400, str(error)
        jobs = {asyncio.create_task(self._send(stream)), asyncio.create_task(_until_it_speaks(stream.socket))}
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _subscribe(self, stream: Stream, wanted: Subscription) -> None:
        """Raises SettingsError, RowRefused."""
        channel = self.channels.get(wanted.key)
        if channel is None:
            if len(self.channels) >= MOST_CHANNELS:
                raise SettingsError(f"{MOST_CHANNELS} different subscriptions are open; expected fewer")
            channel = self._made(wanted)
            self.channels[wanted.key] = channel
        channel.users += 1
        stream.keys.append(wanted.key)
        await self._look(channel)
        stream.followers.append(channel.follow(wanted))

    def _made(self, wanted: Subscription) -> Channel:
        if wanted.topic in NEWEST:
            return StateChannel(self._service, wanted)
        return StoredChannel(wanted.topic, self._service.source(wanted))

    async def _release(self, stream: Stream) -> None:
        unused = []
        for key in stream.keys:
            channel = self.channels[key]
            channel.users -= 1
            if not channel.users:
                unused.append(self.channels.pop(key))
        for channel in unused:
            await channel.close()

    async def _send(self, stream: Stream) -> None:
        """A page of each subscription in turn; the socket's own flow control is what holds a slow client back."""
        while True:
            news = self._round
            has_more = False
            for follower in stream.followers:
                try:
                    text, is_more = await follower.next()
                except StoreError as error:  # tried again at the next change
                    log.debug("a stream waits: %s", error)
                    continue
                has_more = has_more or is_more
                if text:
                    await stream.socket.send_text(text)
            if not has_more:
                await news.wait()


async def _text_of(socket: WebSocket) -> str | Refusal | None:
    """What a client says; or why to close its socket, None where it is closed."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        return None
    text = message.get("text")
    if text is None:
        return 1003, "expected text"
    return text if len(text) <= MOST_TEXT else (1009, f"expected at most {MOST_TEXT} characters")


async def _until_it_speaks(socket: WebSocket) -> Refusal | None:
    """Return when a client disconnects, or says something more."""
    message = await socket.receive()
    is_gone = message["type"] == "websocket.disconnect"
    return None if is_gone else (4400, "expected one message; connect again for other topics")


def said(reason: str) -> str:
    """A reason that a closing frame can hold: at most 123 bytes."""
    return reason.encode("ascii", "replace")[:120].decode()


def add_stream_route(app: FastAPI, hub: StreamHub) -> None:
    """``/api/stream``. ``api.guard`` refuses other origins."""

    @app.websocket(PATH)
    async def stream(socket: WebSocket) -> None:
        await hub.serve(socket)
