"""Where our own sender may connect to: public addresses, and names that the owner of the machine allowed.

A name is looked up once, every address found is checked, and the connection goes to a checked address: a name that
means something else a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.errors import SettingsError

MOST_CHARACTERS = 2_048
MOST_ADDRESSES = 8  # of a name that are tried

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], list[str]]

_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)$")  # the last label of every notation of an IPv4 address
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TUNNELS = [ipaddress.IPv6Network(each) for each in ("2002::/16", "2001::/32", "64:ff9b:1::/48", "fec0::/10")]


class AddressRefused(SettingsError):
    """An address to which nothing is sent. The message does not hold it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver: ``host`` in lower-case ASCII, without brackets; ``path`` with its query."""

    host: str
    port: int
    path: str
    is_tls: bool
    is_allowed: bool

    @property
    def authority(self) -> str:
        """Of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet; an IPv6 address that holds an IPv4 address counts as that one.

    >>> [is_public(each) for each in ("8.8.8.8", "100.64.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "224.0.0.1")]
    [True, False, False, False, False]
    """
    try:
        found: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None or any(found in each for each in _TUNNELS):
            return False
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found in _NAT64:
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def target_of(url: str, allowed: Collection[str]) -> Target:
    """The receiver that a URL names: ``https``, and ``http`` for one of ``allowed``, names with or without a port.

    Raises AddressRefused.
    """
    if len(url) > MOST_CHARACTERS or "\\" in url or any(ord(each) <= 32 or ord(each) == 127 for each in url):
        raise AddressRefused(f"the address has spaces, control characters or more than {MOST_CHARACTERS} characters")
    try:
        parts = urlsplit(url)
        host, port = checked_host(parts.hostname or ""), parts.port
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        path.encode("ascii")
    except ValueError as error:
        raise AddressRefused("the address cannot be read; expected https://name/path in ASCII") from error
    is_tls = parts.scheme == "https"
    port = (443 if is_tls else 80) if port is None else port
    is_allowed = is_named(host, port, allowed)
    if parts.scheme not in ("https", "http") or not (is_tls or is_allowed):
        raise AddressRefused("the address does not begin with https://")
    if "@" in parts.netloc or parts.fragment or port == 0:
        raise AddressRefused("the address has a user, a password, a fragment or port 0; expected https://name/path")
    refuse_inside(host, is_allowed)
    return Target(host, port, path, is_tls, is_allowed)


def checked_host(host: str) -> str:
    """A host name or address as it is used: one notation of each. Raises AddressRefused."""
    try:
        text = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise AddressRefused("the host name cannot be read") from error
    text = text.lower().strip("[]")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not _NAME.fullmatch(text) or _NUMERIC.fullmatch(text.rstrip(".").rpartition(".")[2]):
        raise AddressRefused("the host is no name, and no address as four numbers or in IPv6's own notation")
    return text.rstrip(".")


def is_named(host: str, port: int, allowed: Collection[str]) -> bool:
    """Whether the owner allowed this receiver by name, on every port or on this one."""
    name = f"[{host}]" if ":" in host else host
    return name in allowed or f"{name}:{port}" in allowed


def refuse_inside(host: str, is_allowed: bool) -> None:
    """Raises AddressRefused for what is not public without any look-up."""
    is_literal = ":" in host or bool(_NUMERIC.fullmatch(host.rpartition(".")[2]))
    is_inside = not is_public(host) if is_literal else host == "localhost" or host.endswith(".localhost")
    if is_inside and not is_allowed:
        raise AddressRefused("the address is not public; PAIRBRIDGE_ALLOWED_RECEIVERS can allow it by name")


def pinned(host: str, port: int, is_allowed: bool, lookup: Lookup) -> list[str]:
    """The addresses to connect to, looked up once; all have to be public unless the name is allowed.

    Raises AddressRefused, and OSError where there are none.
    """
    found = list(dict.fromkeys(lookup(host, port)))
    if not found:
        raise OSError("no address")
    if not is_allowed and not all(is_public(each) for each in found):
        raise AddressRefused("the name means an address that is not public")
    return found[:MOST_ADDRESSES]
