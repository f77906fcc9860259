"""Permission to make changes: for signed-in users, and for clients with the key that only the owner of the data folder
can read.

The guard sets it for each request; code that makes changes calls ``require_owner``. A request's worker thread inherits
it (``asyncio.to_thread`` copies the context).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from contextvars import ContextVar

from engine.errors import NotAllowed

KEY_HEADER = "x-pairbridge-key"

is_owner: ContextVar[bool] = ContextVar("is_owner", default=False)


is_signed_in: ContextVar[Callable[[], bool]] = ContextVar("is_signed_in", default=lambda: True)  # now, and later


def shows_key(given: str | None, key: str) -> bool:
    """Whether a header's value is the key, compared in constant time."""
    return given is not None and hmac.compare_digest(given.encode(), key.encode())


def require_owner(open_file: str) -> None:
    """Raises NotAllowed unless the current request comes from the owner; ``open_file`` contains the key."""
    if not is_owner.get():
        raise NotAllowed(f"this window may only look; open {open_file} in this browser to change things")
