"""Channels for screens and routes: add, list, change, remove, test; and what could not be delivered."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from engine.errors import SettingsError
from engine.store.alerts import Outbox, OutboxRow
from services.delivery.channels import Channel, ChannelFile, ChannelMissing
from services.delivery.message import Message, Outcome
from services.delivery.senders import KINDS, Senders
from services.requests import Changed, not_logged

MOST_CHANNELS = 100
FIELDS = ("name", "kind", "address", "secret", "options")
SECRET_OPTIONS = ("authorization", "bot_secret", "bot_uuid", "user")
HIDDEN = "\N{BULLET}" * 6


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as it may be shown: ``address`` and secret options are masked."""

    channel_id: str
    name: str
    kind: str
    address: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChannelMade:
    """A channel that was added or changed; ``secret`` is shown this once, if it signs webhooks and is new."""

    view: ChannelView
    secret: str


class ChannelService:
    """The channels of one dashboard. Any thread may call."""

    def __init__(
        self,
        channels: ChannelFile,
        senders: Senders,
        outbox: Outbox,
        require_owner: Callable[[], None],
        changed: Changed = not_logged,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only; ``changed`` logs changes, masked."""
        self._file = channels
        self._senders = senders
        self._outbox = outbox
        self._require_owner = require_owner
        self._changed = changed
        self._clock_ms = clock_ms
        self._change = threading.Lock()
        self._removed: Channel | None = None
        self._testing = threading.Lock()

    def channels(self) -> list[ChannelView]:
        """Every channel, masked, the oldest first."""
        return [view_of(channel) for channel in self._file.all()]

    def add(self, wanted: Mapping[str, Any]) -> ChannelMade:
        """Add a channel: ``name``, ``kind``, ``address``, and ``secret`` and ``options`` where its kind has them.

        Raises SettingsError, NotAllowed, StoreError.
        """
        self._require_owner()
        texts = _texts(wanted)
        with self._change:
            if len(self._file.all()) >= MOST_CHANNELS:
                raise SettingsError(f"{MOST_CHANNELS} channels; expected no more")
            fields = {"name": "", "kind": "", "address": "", **texts}
            channel = self._senders.checked(Channel(secrets.token_hex(6), **fields))
            self._file.keep(channel)
        self._changed(f"add the channel {channel.channel_id}", None, asdict(view_of(channel)))
        return ChannelMade(view_of(channel), channel.secret if channel.kind == "webhook" else "")

    def change(self, channel_id: str, changes: Mapping[str, Any]) -> ChannelMade:
        """Change some fields, not the kind; options are replaced one by one, an empty one is taken away. An empty
        ``secret`` of a webhook makes a new one. Raises ChannelMissing, SettingsError, NotAllowed, StoreError."""
        self._require_owner()
        texts = _texts(changes)
        with self._change:
            before = self._file.get(channel_id)
            if texts.get("kind", before.kind) != before.kind:
                raise SettingsError(f"the kind of a channel stays {before.kind}; expected a new channel for another")
            options = {**before.options, **texts.get("options", {})}
            texts["options"] = {name: value for name, value in options.items() if value}
            channel = self._senders.checked(replace(before, **texts))
            self._file.keep(channel)
        views = asdict(view_of(before)), asdict(view_of(channel))
        self._changed(f"change the channel {channel_id}", *views)
        is_new = channel.kind == "webhook" and channel.secret != before.secret
        return ChannelMade(view_of(channel), channel.secret if is_new else "")

    def remove(self, channel_id: str) -> None:
        """Remove a channel; what is pending for it is given up. Raises ChannelMissing, NotAllowed, StoreError."""
        self._require_owner()
        with self._change:
            before = self._file.get(channel_id)
            self._file.remove(channel_id)
            self._removed = before
        self._changed(f"remove the channel {channel_id}", asdict(view_of(before)), None)

    def put_back(self, channel_id: str) -> ChannelView:
        """Take back the newest removal of this process's time. Raises ChannelMissing, NotAllowed, StoreError."""
        self._require_owner()
        with self._change:
            channel = self._removed
            if channel is None or channel.channel_id != channel_id:
                raise ChannelMissing(f"the removed channel {channel_id!r} is not kept; expected the newest")
            self._file.keep(channel)
            self._removed = None
        self._changed(f"put back the channel {channel_id}", None, asdict(view_of(channel)))
        return view_of(channel)

    def test(self, channel_id: str) -> Outcome:
        """Send a test now, and wait for what comes of it, at most some 15 s. A channel with a bot's shape refuses: a
        test would be a signal. Raises ChannelMissing, SettingsError while another test runs, NotAllowed."""
        self._require_owner()
        channel = self._file.get(channel_id)
        if not self._testing.acquire(blocking=False):
            raise SettingsError("another test is under way; expected one at a time")
        try:
            message = _test_message(channel, self._clock_ms())
            with ThreadPoolExecutor(1) as pool:  # an event loop of its own, wherever this is called
                return pool.submit(asyncio.run, self._senders.send(channel, message)).result()
        finally:
            self._testing.release()

    def counts(self) -> dict[str, int]:
        """How many messages are pending, sent and dead. Raises StoreError."""
        return self._outbox.counts()

    def dead(self, limit: int = 100) -> list[OutboxRow]:
        """Messages that were given up, with the reason, the newest first. Raises StoreError."""
        return self._outbox.dead(limit)

    def revive(self, outbox_id: str) -> bool:
        """Try one of these again; False if it is not dead. Raises NotAllowed, StoreError."""
        self._require_owner()
        return self._outbox.revive(outbox_id, self._clock_ms())


def view_of(channel: Channel) -> ChannelView:
    """A channel without what is secret."""
    options = {name: HIDDEN if name in SECRET_OPTIONS else value for name, value in channel.options.items()}
    if "host" in options:
        options["host"] = masked_host(options["host"])
    if "sender" in options:
        options["sender"] = masked_mailbox(options["sender"])
    return ChannelView(channel.channel_id, channel.name, channel.kind, masked(channel), options)


def masked(channel: Channel) -> str:
    """An address as it is shown: enough to tell two apart, too little to send anything."""
    if channel.kind == "webhook":
        parts = urlsplit(channel.address)
        return f"{parts.scheme}://{masked_host(parts.hostname or '')}/{HIDDEN}"
    if channel.kind == "email":
        return ", ".join(masked_mailbox(each.strip()) for each in channel.address.split(","))
    if channel.kind == "ntfy":
        return masked_topics(channel.address)
    return f"{channel.kind} {HIDDEN}"


def masked_topics(address: str) -> str:
    """What is read from an address of ntfy: enough to tell a wrong topic, too little to read it.

    >>> masked_topics("ntfy://my-topic-7"), masked_topics("https://ntfy.sh/alerts-of-mine-31?priority=high")
    ('topic \N{HORIZONTAL ELLIPSIS}-7 at ntfy.sh', 'topic \N{HORIZONTAL ELLIPSIS}-31 at ntfy.sh')
    """
    names = address.partition("://")[2].partition("?")[0].removeprefix("ntfy.sh/").strip("/").split("/")
    shown = ", ".join("\N{HORIZONTAL ELLIPSIS}" + name[len(name) - min(len(name) // 5, 3) :] for name in names)
    return f"{'topics' if len(names) > 1 else 'topic'} {shown} at ntfy.sh"


def masked_host(host: str) -> str:
    """Some services put their key into the host's name.

    >>> masked_host("k3y.hooks.example.org"), masked_host("203.0.113.9")
    ('\N{HORIZONTAL ELLIPSIS}.example.org', '203.\N{HORIZONTAL ELLIPSIS}')
    """
    if ":" in host or host.replace(".", "").isdigit():
        return f"{host.replace(':', '.').partition('.')[0]}.\N{HORIZONTAL ELLIPSIS}"
    labels = host.split(".")
    return host if len(labels) <= 2 else "\N{HORIZONTAL ELLIPSIS}." + ".".join(labels[-2:])


def masked_mailbox(mailbox: str) -> str:
    """A mail address.

    >>> masked_mailbox("trader@example.org")
    't\N{HORIZONTAL ELLIPSIS}@example.org'
    """
    name, _, host = mailbox.rpartition("@")
    return f"{name[:1]}\N{HORIZONTAL ELLIPSIS}@{host}"


def _texts(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a channel, each of its type. Raises SettingsError, without their values."""
    unknown = sorted(str(name) for name in wanted if name not in FIELDS)
    if unknown:
        raise SettingsError(f"fields {', '.join(unknown)}; expected {', '.join(FIELDS)}")
    texts: dict[str, Any] = {}
    for name, value in wanted.items():
        if name == "options":
            is_right = isinstance(value, Mapping) and all(
                isinstance(each, str) for pair in value.items() for each in pair
            )
            texts[name] = dict(value) if is_right else {}
        else:
            is_right = isinstance(value, str) and len(value) <= 2_048
            texts[name] = value.strip() if isinstance(value, str) else ""
        if not is_right:
            raise SettingsError(f"{name} is no text, or too long; expected text, of options by name")
    if texts.get("kind", KINDS[0]) not in KINDS:
        raise SettingsError(f"the kind is {texts['kind']!r}; expected one of {', '.join(KINDS)}")
    return texts


def _test_message(channel: Channel, at_ms: int) -> Message:
    key, text = secrets.token_hex(16), "A test of this channel. Alerts of your rules come here."
    payload = {"id": key, "kind": "test", "name": channel.name, "text": text, "made_at_ms": at_ms}
    return Message(key, "info", "Pairbridge: test", text, payload)
