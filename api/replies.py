"""Answers of the API: JSON with an ETag, cursors of lists, and writes that may be repeated."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from fastapi import Request
from starlette.responses import Response

from api.permissions import caller
from engine.errors import SettingsError
from services.requests import KeptAnswer, RequestService

JSON = "application/json"
KEY = "idempotency-key"
MOST_KEY = 200  # characters
_MOST_CURSOR = 200


def reply(request: Request, payload: Any, status: int = 200) -> Response:
    """A read as JSON with its ETag; 304 without a body where the client has it already."""
    body = msgspec.json.encode(payload)
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if status == 200 and (tag in known or known == ["*"]):
        return Response(None, 304, headers)
    return Response(body, status, headers, JSON)


def shown_once(payload: Any, status: int) -> Response:
    """An answer with a secret, which nothing on its way may keep."""
    return Response(msgspec.json.encode(payload), status, {"Cache-Control": "no-store"}, JSON)


class Place(NamedTuple):
    """Where a page begins: ``numbers`` of the list, and the ``market`` that the first page was of; empty for lists of
    all markets."""

    numbers: tuple[int, ...]
    market: str = ""


def whole(rows: Any, **more: Any) -> dict[str, Any]:
    """A list that is one page."""
    return {**more, "items": rows, "next": None}


def paged(
    request: Request, rows: Any, following: tuple[int, ...] | None, market: str = "", **more: Any
) -> dict[str, Any]:
    """A page of a list: ``next`` is the cursor of the page that follows, null on the last one. ``market``: the one that
    was found where the request named none, so that the pages that follow are of the same."""
    after = None if following is None else cursor(list_of(request.url.path, request.query_params), following, market)
    return {**more, "items": rows, "next": after}


def list_of(path: str, params: Mapping[str, str]) -> str:
    """What tells one list from another: its path and filter, whatever the length of its pages.

    >>> list_of("/api/ticks", {"symbol": "A", "limit": "5"}) == list_of("/api/ticks", {"symbol": "A", "market": ""})
    True
    """
    filters = sorted((name, value) for name, value in params.items() if value and name not in ("cursor", "limit"))
    return blake2b(json.dumps([path, filters]).encode(), digest_size=6).hexdigest()


def cursor(of: str, numbers: tuple[int, ...], market: str = "") -> str:
    """A place in a list as opaque text."""
    text = json.dumps([of, market, *numbers], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(request: Request, length: int) -> Place | None:
    """The place of the request's cursor, of so many whole numbers; None without one. Raises SettingsError for a cursor
    of another list or filter."""
    text = request.query_params.get("cursor", "")
    if not text:
        return None
    try:
        of, market, *numbers = json.loads(base64.urlsafe_b64decode(text[:_MOST_CURSOR].encode("ascii") + b"=="))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        of, market, numbers = None, None, []
    are_numbers = all(type(each) is int and -1 <= each < 2**63 for each in numbers)
    if len(numbers) != length or not are_numbers or not isinstance(market, str):
        raise SettingsError(f"cursor is {text[:40]!r}; expected the `next` of the page before")
    if of != list_of(request.url.path, request.query_params):
        raise SettingsError(f"cursor is {text[:40]!r}, of another list or filter; expected the same parameters with it")
    return Place(tuple(numbers), market)


def id_text(number: int | None) -> str | None:
    """A 64-bit number as text: JavaScript would round it."""
    return None if number is None else str(number)


def read_number(text: str, name: str) -> int:
    """An id as it came in an address. Raises SettingsError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < 2**63):
        raise SettingsError(f"{name} is {text[:40]!r}; expected a whole number")
    return int(text)


@dataclass(slots=True)
class _Turn:
    """One key's lock. ``users``: requests that hold it or wait for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Writes:
    """Runs each write once for its ``Idempotency-Key``: a repeat within a day gets the first answer."""

    def __init__(self, requests: RequestService) -> None:
        self._requests = requests
        self._turns: dict[tuple[str, str], _Turn] = {}

    async def once(self, request: Request, do: Callable[[], Any], status: int = 200) -> Response:
        """The answer of ``do()``, which runs in a thread, as JSON. Raises what it raises, and OtherRequest."""
        key, who = request.headers.get(KEY, ""), caller.get().name
        if not key:
            return Response(msgspec.json.encode(await asyncio.to_thread(do)), status, media_type=JSON)
        if len(key) > MOST_KEY:
            raise SettingsError(f"the Idempotency-Key has {len(key)} characters; expected at most {MOST_KEY}")
        body = await request.body()
        digest = blake2b(b"\n".join([request.method.encode(), str(request.url).encode(), body])).hexdigest()
        turn = self._turns.setdefault((who, key), _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                kept = await asyncio.to_thread(self._requests.answer, who, key, digest)
                if kept is not None:
                    return Response(kept.body, kept.status, {"Idempotency-Replayed": "true"}, kept.media_type)
                done = msgspec.json.encode(await asyncio.to_thread(do))
                await asyncio.to_thread(self._requests.keep, who, key, KeptAnswer(digest, status, JSON, done))
                return Response(done, status, media_type=JSON)
        finally:
            turn.users -= 1
            if not turn.users:  # a lock that somebody waits for is free for a moment, too
                del self._turns[who, key]
