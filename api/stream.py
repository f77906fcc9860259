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
import logging
from collections.abc import Hashable
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.live import PULSE_S, Refusal, session_ends
from api.stream_channels import Channel, Follower, channel_of
from api.wake import Wake
from engine.errors import PairbridgeError, SettingsError, StoreError
from services.stream import StreamService, Subscription, subscriptions_of

log = logging.getLogger("pairbridge.dashboard")

PATH = "/api/stream"
MOST_STREAMS = 200
MOST_CHANNELS = 64  # topics with different filters
MOST_TEXT = 64_000  # characters of what a client sends
HELLO_S = 10.0  # in which it has to say what it wants
ROUND_S = 0.016  # from the end of a round of looks to the next
LOOK_S = 0.1  # that one look may take before the others go on without it


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
        self._wake = Wake()
        self._round = asyncio.Event()  # set, and replaced, when there may be news
        self.channels: dict[Hashable, Channel] = {}
        self.streams: set[Stream] = set()

    def changed(self) -> None:
        """Call when something may be stored."""
        if self.channels:
            self._wake.set()

    async def run(self) -> None:
        """Look for news when woken, and once a second, until cancelled."""
        while True:
            await self._wake.wait(PULSE_S)
            for channel in self.channels.values():
                if channel.looking is None or channel.looking.done():
                    channel.looking = asyncio.create_task(self._look(channel))
            looks = [each.looking for each in self.channels.values() if each.looking is not None]
            late = (await asyncio.wait(looks, timeout=LOOK_S))[1] if looks else set()
            for look in late:
                look.add_done_callback(lambda _: self._wake.set())
            self._round.set()
            self._round = asyncio.Event()
            await asyncio.sleep(ROUND_S)

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
            channel = channel_of(self._service, wanted)
            self.channels[wanted.key] = channel
        channel.users += 1
        stream.keys.append(wanted.key)
        await self._look(channel)
        stream.followers.append(channel.follow(wanted))

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
