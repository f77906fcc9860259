"""Messages of the bridge protocol, version 1: text in, records out, and back.

docs/protocol.md describes each. Any other message is refused with an error code, except raw exchange frames: they are
accepted, so that any forwarder works.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.errors import MessageRefused, RowRefused
from engine.market.coverage import Gap
from engine.market.ticks import MAX_ID, read_symbol, row_of_frame

PROTO = 1
MAX_BYTES = 256 * 1024
MAX_ROWS = 500
MAX_IN_FLIGHT = 32
MAX_SYMBOLS = 1_024

_MARKET = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message: identifies and authenticates the client. A ``helper`` sends history only."""

    token: str
    market: str
    client: str
    session: str
    helper: bool = False


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The symbols that a bridge offers to forward; replaces an earlier list."""

    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ticks:
    """A numbered batch; its rows are not validated yet."""

    seq: int
    rows: list[Any]


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat, every 500 ms. ``age_ms``: since the last frame of the exchange; None before any.

    Optional: ``lag_ms`` (delay of trades), ``skew_ms`` (its clock minus the exchange's) and ``permission`` (the
    permission its browser denies).
    """

    upstream: str
    age_ms: float | None
    queued: int
    unacked: int
    visible: bool
    clock_ms: float
    lag_ms: float | None = None
    skew_ms: float | None = None
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Unfetchable:
    """Ids that the bridge could not fetch, and why."""

    symbol: str
    ids: Gap
    reason: str


@dataclass(frozen=True, slots=True)
class Bye:
    """A planned disconnect."""

    reason: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A raw frame of the exchange. ``row`` is None when it is not an aggregate trade."""

    row: list[Any] | None


Message = Hello | Subscribe | Ticks | Beat | Unfetchable | Bye | Frame


def decode(text: str | bytes) -> Message:
    """Parses one message. Raises MessageRefused; its code is sent to the client."""
    if isinstance(text, bytes):
        raise MessageRefused("binary", "found a binary frame; expected JSON text")
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise MessageRefused("too-large", f"found more than {MAX_BYTES} bytes; expected at most that in one message")
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageRefused("malformed", f"found {text[:60]!r}, which is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise MessageRefused("malformed", f"found {text[:60]!r}; expected a JSON object")
    kind = message.get("type")
    if kind is None and _is_exchange_frame(message):
        return Frame(row_of_frame(message))
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise MessageRefused("unknown-type", f"type is {repr(kind)[:40]}; expected one of {', '.join(_READERS)}")
    found: Message = reader(message)
    return found


def encode(**message: Any) -> str:
    """A message as JSON text."""
    return msgspec.json.encode(message).decode()


def _is_exchange_frame(message: dict[str, Any]) -> bool:
    return not message.keys().isdisjoint(("e", "stream", "result", "error", "code"))


def _hello(message: dict[str, Any]) -> Hello:
    proto = message.get("proto")
    if proto != PROTO or isinstance(proto, bool):
        raise MessageRefused("protocol-version", f"proto is {repr(proto)[:20]}; this server speaks {PROTO}")
    market = _text(message, "market", 32)
    if not _MARKET.fullmatch(market):
        raise MessageRefused("malformed", f"market is {market!r}; expected lower-case letters, digits or -")
    return Hello(
        token=_text(message, "token", 256),
        market=market,
        client=_text(message, "client", 64),
        session=_text(message, "session", 64),
        helper=message.get("helper") is True,
    )


def _subscribe(message: dict[str, Any]) -> Subscribe:
    symbols = message.get("symbols")
    if not isinstance(symbols, list):
        raise MessageRefused("malformed", f"symbols is {repr(symbols)[:40]}; expected a list")
    if len(symbols) > MAX_SYMBOLS:
        raise MessageRefused("malformed", f"found {len(symbols)} symbols; expected at most {MAX_SYMBOLS}")
    return Subscribe(tuple(dict.fromkeys(_symbol(symbol) for symbol in symbols)))


def _ticks(message: dict[str, Any]) -> Ticks:
    rows = message.get("rows")
    if not isinstance(rows, list) or not rows:
        raise MessageRefused("malformed", f"rows is {repr(rows)[:40]}; expected a list of at least one row")
    if len(rows) > MAX_ROWS:
        raise MessageRefused("malformed", f"found {len(rows)} rows; expected at most {MAX_ROWS} in one batch")
    return Ticks(_whole(message, "seq", 0), rows)


def _beat(message: dict[str, Any]) -> Beat:
    visible = message.get("visible")
    if not isinstance(visible, bool):
        raise MessageRefused("malformed", f"visible is {repr(visible)[:40]}; expected true or false")
    return Beat(
        upstream=_text(message, "upstream", 32),
        age_ms=_number_or_none(message, "age_ms"),
        queued=_whole(message, "queued", 0),
        unacked=_whole(message, "unacked", 0),
        visible=visible,
        clock_ms=_number(message, "clock_ms"),
        lag_ms=_number_or_none(message, "lag_ms"),
        skew_ms=_number_or_none(message, "skew_ms"),
        permission=_text(message, "permission", 200) if message.get("permission") else "",
    )


def _unfetchable(message: dict[str, Any]) -> Unfetchable:
    first, last = _whole(message, "from", 0), _whole(message, "to", 0)
    if last < first:
        raise MessageRefused("malformed", f"from {first} is after to {last}; expected rising ids")
    return Unfetchable(_symbol(message.get("symbol")), Gap(first, last), _text(message, "reason", 500))


def _bye(message: dict[str, Any]) -> Bye:
    return Bye(_text(message, "reason", 500))


def _symbol(value: Any) -> str:
    try:
        return read_symbol(value)
    except RowRefused as refused:
        raise MessageRefused("malformed", str(refused)) from None


def _text(message: dict[str, Any], key: str, longest: int) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        shown = "hidden" if key == "token" else repr(value)[:40]
        raise MessageRefused("malformed", f"{key} is {shown}; expected text of 1 to {longest} characters")
    return value


def _whole(message: dict[str, Any], key: str, least: int) -> int:
    value = message.get(key)
    if type(value) is not int or not least <= value < MAX_ID:
        raise MessageRefused("malformed", f"{key} is {repr(value)[:40]}; expected a whole number from {least}")
    return value


def _number(message: dict[str, Any], key: str) -> float:
    value = message.get(key)
    if type(value) not in (int, float) or not -MAX_ID < value < MAX_ID:  # type: ignore[operator]
        raise MessageRefused("malformed", f"{key} is {repr(value)[:40]}; expected a number below 2^53")
    return float(value)  # type: ignore[arg-type]


def _number_or_none(message: dict[str, Any], key: str) -> float | None:
    return None if message.get(key) is None else _number(message, key)


_READERS: dict[str, Any] = {
    "hello": _hello,
    "subscribe": _subscribe,
    "ticks": _ticks,
    "beat": _beat,
    "unfetchable": _unfetchable,
    "bye": _bye,
}
