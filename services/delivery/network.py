"""How our own senders reach the network: one look-up, checked and pinned, within a limit of time."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import httpx

from services.delivery.addresses import Lookup, pinned
from services.delivery.threads import Threads


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, as the machine resolves it. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Network:
    """``allowed``: receivers by name, see ``addresses.is_named``; ``tls``: whom we trust, certifi's or SSL_CERT_FILE's
    authorities."""

    allowed: frozenset[str] = frozenset()
    lookup: Lookup = look_up
    tls: Callable[[], ssl.SSLContext] = httpx.create_ssl_context
    threads: Threads = field(default_factory=Threads)

    async def addresses(self, key: str, host: str, port: int, is_allowed: bool) -> list[str]:
        """See ``addresses.pinned``; ``key``: for whom a look-up that hangs counts."""
        return await self.threads.run(key, partial(pinned, host, port, is_allowed, self.lookup))
