"""Our own sender: signed webhooks. One request, no redirects, no proxy, at most 5 s from the look-up to the answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

import h11

from services.delivery.addresses import AddressRefused, Target, target_of
from services.delivery.channels import Channel
from services.delivery.message import SENT, Message, Outcome
from services.delivery.network import Network
from services.delivery.shapes import CannotShape, body_of

LIMIT_S = 5.0
MOST_HEAD_BYTES = 16_384  # of an answer; its body is not read
MOST_INFORMATIONAL = 8
LATER = (408, 425, 429)  # of the 4xx, those that say: try again

Headers = list[tuple[str, str]]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the time stamp, a full stop, and the body.

    >>> signature("key", "1700000000", b"{}")[:19]
    'v1=9d713ed406bb7076'
    """
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"


class WebhookSender:
    """Sends messages to channels of the kind ``webhook``."""

    def __init__(self, network: Network, clock_s: Callable[[], float], limit_s: float = LIMIT_S) -> None:
        """``clock_s``: the machine's, for time stamps."""
        self._network = network
        self._clock_s = clock_s
        self._limit_s = limit_s

    async def send(self, channel: Channel, message: Message) -> Outcome:
        """See Outcome."""
        try:
            target = target_of(channel.address, self._network.allowed)
            body = body_of(channel, message)
            async with asyncio.timeout(self._limit_s):
                status, headers = await self._post(channel, target, body, self._headers(channel, message, body))
        except (AddressRefused, CannotShape) as error:
            return Outcome("refused", str(error))
        except TimeoutError:
            return Outcome("retry", f"no answer within {self._limit_s:g} s")
        except ssl.SSLCertVerificationError:
            return Outcome("retry", "its certificate is not trusted")
        except (OSError, EOFError, h11.RemoteProtocolError) as error:  # their texts may hold the address
            return Outcome("retry", f"no connection, or no answer in HTTP ({type(error).__name__})")
        return outcome_of(status, headers.get(b"retry-after"), self._clock_s())

    def _headers(self, channel: Channel, message: Message, body: bytes) -> Headers:
        timestamp = str(int(self._clock_s()))
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("User-Agent", "Pairbridge"),
            ("Connection", "close"),
            ("Idempotency-Key", message.key),
            ("Pairbridge-Timestamp", timestamp),
            ("Pairbridge-Signature", signature(channel.secret, timestamp, body)),
        ]
        authorization = channel.options.get("authorization")
        return [*headers, ("Authorization", authorization)] if authorization else headers

    async def _post(
        self, channel: Channel, target: Target, body: bytes, headers: Headers
    ) -> tuple[int, dict[bytes, bytes]]:  # fmt: skip
        found = await self._network.addresses(channel.channel_id, target.host, target.port, target.is_allowed)
        reader, writer = await self._connect(target, found)
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
            request = h11.Request(method="POST", target=target.path, headers=[("Host", target.authority), *headers])
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                writer.write(connection.send(event) or b"")
            await writer.drain()
            return await _answer(connection, reader)
        finally:
            writer.transport.abort()  # a receiver cannot hold the end up

    async def _connect(self, target: Target, addresses: list[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tls = self._network.tls() if target.is_tls else None
        name = target.host if target.is_tls else None
        for number, address in enumerate(addresses, 1):
            try:
                return await asyncio.open_connection(address, target.port, ssl=tls, server_hostname=name)
            except OSError:
                if number == len(addresses):
                    raise
        raise OSError("no address")


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers. Raises EOFError, RemoteProtocolError."""
    informational = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            received = await reader.read(4_096)
            if not received:
                raise EOFError
            connection.receive_data(received)
        elif isinstance(event, h11.InformationalResponse) and informational < MOST_INFORMATIONAL:
            informational += 1
        elif isinstance(event, h11.Response):
            return event.status_code, dict(event.headers)
        else:
            raise EOFError


def outcome_of(status: int, retry_after: bytes | None, now_s: float) -> Outcome:
    """What an HTTP status says of a message.

    >>> outcome_of(429, b"30", 0.0)
    Outcome(state='retry', error='answered 429', retry_after_s=30.0)
    """
    if 200 <= status < 300:
        return SENT
    if 300 <= status < 400:
        return Outcome("refused", f"answered {status}: redirects are not followed")
    if status < 500 and status not in LATER:
        return Outcome("refused", f"answered {status}")
    return Outcome("retry", f"answered {status}", _seconds(retry_after, now_s))


def _seconds(retry_after: bytes | None, now_s: float) -> float | None:
    """``Retry-After``: seconds, or a date."""
    text = (retry_after or b"").decode("ascii", "replace").strip()
    if text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() - now_s if text else None
