"""The exchange's side of one WebSocket client, without the socket: its route, requests and replies.

Only ``/market`` delivers. The routes from before 2026 (``/ws``, ``/stream``) and ``/public`` connect and acknowledge in
the same way, but send no data.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

MAX_STREAMS = 1_024
POLICY_VIOLATION = 1008


@dataclass(frozen=True, slots=True)
class Route:
    """The streams in a WebSocket address. ``live`` false: acknowledged, never served."""

    live: bool
    combined: bool
    streams: tuple[str, ...]


class Reply(NamedTuple):
    """Text to send back."""

    text: str


class Close(NamedTuple):
    """Close the connection with this code."""

    code: int
    reason: str


class _Refused(Exception):
    """A request with an error response; internal to this module."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def route_of(target: str) -> Route | None:
    """The route of a request target such as ``/market/stream?streams=btcusdt@aggTrade``; None if it has none."""
    address, _, query = target.partition("?")
    path = [unquote(piece) for piece in address.split("/") if piece]
    live = path[:1] == ["market"]
    if live or path[:1] == ["public"]:
        path = path[1:]
    if path[:1] == ["ws"]:
        return Route(live, False, tuple(path[1:]))
    if path == ["stream"]:
        named = parse_qs(query).get("streams", [])
        return Route(live, True, tuple(name for text in named for name in text.split("/") if name))
    return None


class Session:
    """The subscriptions of one connection. ``messages_per_s`` None is unlimited."""

    def __init__(self, route: Route, messages_per_s: int | None) -> None:
        self.live = route.live
        self.combined = route.combined
        self._streams: dict[str, None] = dict.fromkeys(route.streams)
        self._messages_per_s = messages_per_s
        self._received_s: deque[float] = deque()
        self.symbols: frozenset[str] = frozenset()
        self.marked: frozenset[str] = frozenset()
        self._renew_symbols()

    @property
    def reads(self) -> bool:
        """Whether it can receive frames: a live route with at least one stream."""
        return self.live and bool(self._streams)

    def received(self, message: str | bytes, now_s: float) -> Reply | Close:
        """Process one message of the client at a monotonic time in seconds."""
        if self._too_many(now_s):
            return Close(POLICY_VIOLATION, "Too many requests")
        try:
            request = json.loads(message)
        except (ValueError, RecursionError) as error:
            line, column = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else (1, 1)
            return Reply(_json({"code": 3, "msg": f"Invalid JSON: expected value at line {line} column {column}"}))
        request_id = request.get("id") if isinstance(request, dict) else None
        shown_id = request_id if _is_id(request_id) else None
        try:
            return Reply(_json({"result": self._perform(request), "id": shown_id}))
        except _Refused as refused:
            return Reply(_json({"error": {"code": refused.code, "msg": str(refused)}, "id": shown_id}))

    def _too_many(self, now_s: float) -> bool:
        if self._messages_per_s is None:
            return False
        self._received_s.append(now_s)
        while self._received_s[0] <= now_s - 1.0:
            self._received_s.popleft()
        return len(self._received_s) > self._messages_per_s

    def _perform(self, request: Any) -> Any:
        if not isinstance(request, dict):
            raise _Refused(2, "Invalid request: expected an object")
        if "method" not in request:
            raise _Refused(2, "Invalid request: missing field `method`")
        if not _is_id(request.get("id")):
            raise _Refused(2, "Invalid request: request ID must be an unsigned integer")
        performers: dict[str, Callable[[Any], Any]] = {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "LIST_SUBSCRIPTIONS": self._list,
            "SET_PROPERTY": self._set,
            "GET_PROPERTY": self._get,
        }
        method = request["method"]
        if not isinstance(method, str) or method not in performers:
            expected = ", ".join(f"`{name}`" for name in performers)
            raise _Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}")
        return performers[method](request.get("params", []))

    def _subscribe(self, params: Any) -> None:
        names = _stream_names(params)
        if len({*self._streams, *names}) > MAX_STREAMS:
            raise _Refused(4, "Too many subscriptions")
        self._streams.update(dict.fromkeys(names))
        self._renew_symbols()

    def _unsubscribe(self, params: Any) -> None:
        for name in _stream_names(params):
            self._streams.pop(name, None)
        self._renew_symbols()

    def _list(self, params: Any) -> list[str]:
        return list(self._streams)

    def _set(self, params: Any) -> None:
        _check_property(params, 2)
        if not isinstance(params[1], bool):
            raise _Refused(1, "Invalid value type: expected Boolean")
        self.combined = params[1]

    def _get(self, params: Any) -> bool:
        _check_property(params, 1)
        return self.combined

    def _renew_symbols(self) -> None:
        """Only a lower-case name with an exact ``@aggTrade`` or ``@markPrice@1s`` is served; any other stays silent."""
        self.symbols = self._served("aggTrade")
        self.marked = self._served("markPrice@1s")

    def _served(self, kind: str) -> frozenset[str]:
        names = [name.partition("@")[::2] for name in self._streams] if self.live else []
        return frozenset(symbol.upper() for symbol, of in names if of == kind and symbol == symbol.lower())


def _stream_names(params: Any) -> list[str]:
    if not isinstance(params, list) or not params:
        raise _Refused(2, "Invalid request: params must be a list of streams")
    for name in params:
        if not isinstance(name, str) or not name.partition("@")[2]:
            raise _Refused(2, "Invalid request: invalid stream")
    return params


def _check_property(params: Any, length: int) -> None:
    if not isinstance(params, list) or len(params) != length:
        raise _Refused(2, "Invalid request: too many parameters")
    if not isinstance(params[0], str):
        raise _Refused(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise _Refused(0, "Unknown property")


def _is_id(value: Any) -> bool:
    return type(value) is int and value >= 0


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
