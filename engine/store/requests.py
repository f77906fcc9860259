"""What was changed by whom, and answers kept for requests that are repeated: a part of ``engine.store.interface``."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Change(NamedTuple):
    """A change that somebody made. ``before`` and ``after``: JSON texts, empty where there is nothing; no secrets."""

    change_id: int
    at_ms: int
    who: str
    what: str
    before: str
    after: str


class KeptAnswer(NamedTuple):
    """The answer of a request with a key, and a ``digest`` of what was asked."""

    digest: str
    status: int
    media_type: str
    body: bytes


class RequestStore(Protocol):
    """The audit log and the kept answers. Any thread may call; every method raises StoreError."""

    def log(self, at_ms: int, who: str, what: str, before: str, after: str) -> None:
        """Add a change. Nothing changes or deletes it later."""

    def changes(self, before: int | None, limit: int) -> list[Change]:
        """Changes, the newest first; ``before``: those with a smaller number."""

    def answer(self, who: str, key: str) -> KeptAnswer | None:
        """The answer that was kept for this key of somebody."""

    def keep(self, at_ms: int, who: str, key: str, answer: KeptAnswer) -> None:
        """Keep an answer; those of more than a day ago go."""
