"""Messages of the bridge protocol, version 1: text in, records out, and back.

docs/protocol.md describes each. Any other message is refused with an error code, except raw exchange frames: they are
accepted, so that any forwarder works.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.errors import MessageRefused
from engine.intake.fields import message_symbol, read_number, read_number_or_none, read_text, read_whole
from engine.intake.history_messages import READERS as HISTORY_READERS
from engine.intake.history_messages import HistoryMessage, read_bar_frame
from engine.intake.symbol_messages import read_symbols
from engine.market.coverage import Gap
from engine.market.limits import COIN_M_MARKETS, NO_COIN_M
from engine.market.ticks import row_of_frame

PROTO = 1
MAX_BYTES = 256 * 1024
MAX_ROWS = 500
MAX_IN_FLIGHT = 32
MAX_KEY = 200  # characters of a batch's key
ABILITIES = frozenset({"klines", "funding", "tickers", "subscribe"})

_MARKET = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message: identifies and authenticates the client. A ``helper`` sends history only; what
    the server may ask for besides missing trades ``can`` says: ``klines``, ``funding``, ``tickers``, and with
    ``subscribe`` more symbols."""

    token: str
    market: str
    client: str
    session: str
    helper: bool = False
    can: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The symbols that a bridge offers to forward; replaces an earlier list."""

    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ticks:
    """A numbered batch; its rows are not validated yet. ``key``: under which its sender may repeat it."""

    seq: int
    rows: list[Any]
    key: str = ""


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


Message = Hello | Subscribe | Ticks | Beat | Unfetchable | Bye | Frame | HistoryMessage


def decode(text: str | bytes) -> Message:
    """Parses one message. Raises MessageRefused; its code is sent to the client."""
    if len(text) > MAX_BYTES or (isinstance(text, str) and len(text.encode()) > MAX_BYTES):
        raise MessageRefused("too-large", f"found more than {MAX_BYTES} bytes; expected at most that in one message")
    if isinstance(text, bytes):
        return read_bar_frame(text)
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
    market = read_text(message, "market", 32)
    if not _MARKET.fullmatch(market):
        raise MessageRefused("malformed", f"market is {market!r}; expected lower-case letters, digits or -")
    if market in COIN_M_MARKETS:
        raise MessageRefused("malformed", f"market is {market!r}; {NO_COIN_M}")
    return Hello(
        token=read_text(message, "token", 256),
        market=market,
        client=read_text(message, "client", 64),
        session=read_text(message, "session", 64),
        helper=message.get("helper") is True,
        can=_abilities(message.get("can", [])),
    )


def _abilities(value: Any) -> frozenset[str]:
    """What a later version may know besides is left aside."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise MessageRefused("malformed", f"can is {repr(value)[:40]}; expected a list of names")
    return frozenset(value) & ABILITIES


def _subscribe(message: dict[str, Any]) -> Subscribe:
    return Subscribe(read_symbols(message))


def _ticks(message: dict[str, Any]) -> Ticks:
    rows = message.get("rows")
    if not isinstance(rows, list) or not rows:
        raise MessageRefused("malformed", f"rows is {repr(rows)[:40]}; expected a list of at least one row")
    if len(rows) > MAX_ROWS:
        raise MessageRefused("malformed", f"found {len(rows)} rows; expected at most {MAX_ROWS} in one batch")
    key = read_text(message, "key", MAX_KEY) if "key" in message else ""
    return Ticks(read_whole(message, "seq", 0), rows, key)


def _beat(message: dict[str, Any]) -> Beat:
    visible = message.get("visible")
    if not isinstance(visible, bool):
        raise MessageRefused("malformed", f"visible is {repr(visible)[:40]}; expected true or false")
    return Beat(
        upstream=read_text(message, "upstream", 32),
        age_ms=read_number_or_none(message, "age_ms"),
        queued=read_whole(message, "queued", 0),
        unacked=read_whole(message, "unacked", 0),
        visible=visible,
        clock_ms=read_number(message, "clock_ms"),
        lag_ms=read_number_or_none(message, "lag_ms"),
        skew_ms=read_number_or_none(message, "skew_ms"),
        permission=read_text(message, "permission", 200) if message.get("permission") else "",
    )


def _unfetchable(message: dict[str, Any]) -> Unfetchable:
    first, last = read_whole(message, "from", 0), read_whole(message, "to", 0)
    if last < first:
        raise MessageRefused("malformed", f"from {first} is after to {last}; expected rising ids")
    return Unfetchable(message_symbol(message.get("symbol")), Gap(first, last), read_text(message, "reason", 500))


def _bye(message: dict[str, Any]) -> Bye:
    return Bye(read_text(message, "reason", 500))


_READERS: dict[str, Any] = {
    "hello": _hello,
    "subscribe": _subscribe,
    "ticks": _ticks,
    "beat": _beat,
    "unfetchable": _unfetchable,
    "bye": _bye,
    **HISTORY_READERS,
}
