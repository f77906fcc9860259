"""What the clients of ``/api/stream`` share: each topic with one filter is read and encoded once for all of them."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

import msgspec

from services.stream import NEWEST, StreamService, Subscription, cursor_of, place_of
from services.stream_sources import Place, Row, Source

KEPT_PAGES = 4  # of one channel, for clients that come to the same place a little later


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


def channel_of(service: StreamService, wanted: Subscription) -> Channel:
    """A new one. Raises SettingsError, RowRefused."""
    if wanted.topic in NEWEST:
        return StateChannel(service, wanted)
    return StoredChannel(wanted.topic, service.source(wanted))
