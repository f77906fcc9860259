"""Who asks, and what they may do.

The login sets the caller of each request; code that makes changes calls ``require_owner``, code that takes data
``require_feeder``. A request's worker thread inherits it (``asyncio.to_thread`` copies the context).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from engine.errors import NotAllowed

KEY_HEADER = "x-pairbridge-key"

# Each role may do what the roles named beside it may.
NOBODY, ANYONE, VIEWER, FEEDER, TRADER, OWNER = "nobody", "anyone", "viewer", "feeder", "trader", "owner"
GRANTS: dict[str, frozenset[str]] = {
    NOBODY: frozenset(),
    VIEWER: frozenset({ANYONE, VIEWER}),
    FEEDER: frozenset({ANYONE, FEEDER}),
    TRADER: frozenset({ANYONE, VIEWER, FEEDER, TRADER}),
    OWNER: frozenset({ANYONE, VIEWER, FEEDER, TRADER, OWNER}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: ``name`` for the log, ``role``, and whether a token says so."""

    name: str = "nobody"
    role: str = NOBODY
    has_token: bool = False

    def may(self, least: str) -> bool:
        """Whether the caller's role includes another one."""
        return least in GRANTS[self.role]


caller: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 - frozen
is_owner: ContextVar[bool] = ContextVar("is_owner", default=False)  # may make changes

is_signed_in: ContextVar[Callable[[], bool]] = ContextVar("is_signed_in", default=lambda: True)  # now, and later


def become(name: str, role: str, has_token: bool = False) -> None:
    """The current request is from this caller."""
    found = Caller(name, role, has_token)
    caller.set(found)
    is_owner.set(found.may(TRADER))


def shows_key(given: str | None, key: str) -> bool:
    """Whether a header's value is the key, compared in constant time."""
    return given is not None and hmac.compare_digest(given.encode(), key.encode())


def require_owner(open_file: str) -> None:
    """Raises NotAllowed unless the current request may make changes; ``open_file`` contains the key."""
    if not is_owner.get():
        raise NotAllowed(f"this window may only look; open {open_file} in this browser to change things")


def require_feeder(open_file: str) -> None:
    """Raises NotAllowed unless the current request may send data."""
    if not is_owner.get() and not caller.get().may(FEEDER):
        require_owner(open_file)
