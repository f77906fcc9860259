"""Changes with their audit log, and answers to repeated requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import PairbridgeError
from engine.store.requests import KeptAnswer, RequestStore

PAGE = 100
MOST_TEXT = 4_000  # characters of what was there before or after
Changed = Callable[[str, Any, Any], None]
"""(what, before, after) of a change, logged with who makes it."""

_HIDDEN = ("secret", "token", "password", "key")


__all__ = ["ChangePage", "Changed", "KeptAnswer", "LoggedChange", "OtherRequest", "RequestService", "not_logged"]


class OtherRequest(PairbridgeError):
    """The key of this request was used for another one."""


def not_logged(what: str, before: Any, after: Any) -> None:
    """Logs nothing: where there is no audit log."""


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One change: ``who`` did ``what``; ``before`` and ``after`` as plain JSON values, None where there is nothing."""

    change_id: int
    at_ms: int
    who: str
    what: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes, the newest first. ``older``: where the next page begins; None on the last one."""

    rows: tuple[LoggedChange, ...]
    older: int | None


class RequestService:
    """One data folder's audit log and kept answers. Any thread may call; every method raises StoreError."""

    def __init__(self, store: RequestStore) -> None:
        self._store = store

    def changed(self, who: str, what: str, before: Any, after: Any) -> None:
        """Log a change. Values whose name says that they are secret are left out."""
        self._store.log(_now_ms(), who, what, _text(before), _text(after))

    def logger(self, who: Callable[[], str]) -> Changed:
        """Logs changes of whoever asks at that time."""
        return lambda what, before, after: self.changed(who(), what, before, after)

    def page(self, before: int | None = None) -> ChangePage:
        """The next changes."""
        found = self._store.changes(before, PAGE + 1)
        rows = tuple(LoggedChange(*each[:4], *map(_value, each[4:])) for each in found[:PAGE])
        return ChangePage(rows, rows[-1].change_id if len(found) > PAGE else None)

    def answer(self, who: str, key: str, digest: str) -> KeptAnswer | None:
        """The answer that this request had before. Raises OtherRequest for a key of another request."""
        kept = self._store.answer(who, key)
        if kept is not None and kept.digest != digest:
            raise OtherRequest(f"the Idempotency-Key {key[:40]!r} belongs to another request; expected a new key")
        return kept

    def keep(self, who: str, key: str, answer: KeptAnswer) -> None:
        """Keep an answer for a day."""
        self._store.keep(_now_ms(), who, key, answer)


def without_secrets(value: Any) -> Any:
    """A plain JSON value with what its names say is secret hidden.

    >>> without_secrets({"name": "a", "bridge_token": "123", "rows": [{"password": "x"}]})
    {'name': 'a', 'bridge_token': '(hidden)', 'rows': [{'password': '(hidden)'}]}
    """
    if isinstance(value, dict):
        return {
            name: "(hidden)" if any(word in name.lower() for word in _HIDDEN) else without_secrets(each)
            for name, each in value.items()
        }
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(without_secrets(value), sort_keys=True, default=str)
    return text if len(text) <= MOST_TEXT else json.dumps(text[:MOST_TEXT])


def _value(text: str) -> Any:
    return json.loads(text) if text else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
