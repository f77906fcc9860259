"""One sender for each kind of channel, and what is asked of a new channel of that kind."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from engine.errors import SettingsError
from services.delivery.addresses import checked_host, is_named, refuse_inside, target_of
from services.delivery.channels import Channel
from services.delivery.mail import PORTS, MailSender
from services.delivery.message import Message, Outcome
from services.delivery.network import Network
from services.delivery.push import SERVICES, PushSender, plugin_of
from services.delivery.shapes import OPTIONS, checked_options
from services.delivery.webhook import WebhookSender

KINDS = ("webhook", "email", *SERVICES)
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+\.?[A-Za-z0-9]")
_WEBHOOK = {"shape", "authorization"}
_MAIL = {"host", "port", "tls", "user", "sender"}

_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}")  # of ntfy, as its app takes them


class Sender(Protocol):
    """Sends a message to a channel of its kind; never raises what a receiver can cause."""

    async def send(self, channel: Channel, message: Message) -> Outcome:
        """See Outcome."""


class Senders:
    """Every sender over one network."""

    def __init__(self, network: Network, clock_s: Callable[[], float] = time.time) -> None:
        self.network = network
        push = PushSender(network)
        self._senders: dict[str, Sender] = {
            **dict.fromkeys(SERVICES, push),
            "webhook": WebhookSender(network, clock_s),
            "email": MailSender(network),
        }

    async def send(self, channel: Channel, message: Message) -> Outcome:
        """See Outcome."""
        return await self._senders[channel.kind].send(channel, message)

    def checked(self, channel: Channel) -> Channel:
        """A channel that can be kept; a webhook without a secret gets one. Raises SettingsError, without addresses."""
        if not channel.name.strip() or len(channel.name) > 80:
            raise SettingsError(f"the name of the channel has {len(channel.name.strip())} characters; expected 1 to 80")
        if channel.kind == "webhook":
            return _webhook(channel, self.network.allowed)
        if channel.kind == "email":
            return _mail(channel, self.network.allowed)
        if channel.kind not in SERVICES:
            raise SettingsError(f"the kind is {channel.kind!r}; expected one of {', '.join(KINDS)}")
        _refuse_unknown(channel.options, set())
        is_topic = channel.kind == "ntfy" and _TOPIC.fullmatch(channel.address) is not None
        address = f"ntfy://{channel.address}" if is_topic else channel.address
        plugin_of(channel.kind, address)
        return replace(channel, address=address, secret="")


def _webhook(channel: Channel, allowed: frozenset[str]) -> Channel:
    target_of(channel.address, allowed)
    shape = channel.options.get("shape", "plain")
    checked_options(shape, channel.options)
    _refuse_unknown(channel.options, _WEBHOOK | set(OPTIONS[shape]))
    authorization = channel.options.get("authorization", "")
    if not authorization.isascii() or any(ord(each) < 32 or ord(each) == 127 for each in authorization):
        raise SettingsError("authorization has characters that no header has; expected one line of ASCII")
    if channel.secret and not 16 <= len(channel.secret) <= 256:
        raise SettingsError("the secret is short or long; expected 16 to 256 characters, or none to get one")
    return replace(channel, secret=channel.secret or secrets.token_hex(32))


def _mail(channel: Channel, allowed: frozenset[str]) -> Channel:
    _refuse_unknown(channel.options, _MAIL)
    tls = channel.options.get("tls", "tls")
    if tls not in PORTS:
        raise SettingsError(f"tls is {tls!r}; expected one of {', '.join(PORTS)}")
    text = channel.options.get("port") or str(PORTS[tls])
    if not (text.isdigit() and len(text) < 6 and 0 < int(text) < 65_536):
        raise SettingsError("the port of the mail server is no number from 1 to 65535")
    host = checked_host(channel.options.get("host", ""))
    refuse_inside(host, is_named(host, int(text), allowed))
    receivers = [each.strip() for each in channel.address.split(",")]
    sender = channel.options.get("sender", "")
    if len(receivers) > 10 or not all(_MAILBOX.fullmatch(each) for each in [*receivers, sender]):
        raise SettingsError(
            "sender or receivers are no mail addresses; expected name@example.org, at most 10 receivers"
        )
    options = {**channel.options, "host": host, "port": text, "tls": tls}
    return replace(channel, address=", ".join(receivers), options=options)


def _refuse_unknown(options: Mapping[str, str], known: set[str]) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise SettingsError(f"options {', '.join(unknown)}; expected {', '.join(sorted(known)) or 'none'}")
