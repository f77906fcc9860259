"""Messages about what is not ticks: bars that somebody wants or brings, readings of funding, and symbols."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from engine.errors import MessageRefused, RowRefused
from engine.intake.fields import message_symbol, read_text, read_whole
from engine.intake.symbol_messages import READERS as SYMBOL_READERS
from engine.intake.symbol_messages import SymbolMessage
from engine.market.intervals import bar_open
from engine.market.sourced import KLINE, check_width
from engine.market.sourced_columns import SourcedColumns, columns_of
from engine.market.ticks import read_symbol

MAX_BARS = 1_000  # of one message, and of one request
MAX_WANTED = 1_024
MAX_FUNDING_ROWS = 500
MAX_TICKERS = 5_000  # symbols of one message

_QUOTE = re.compile(r"[A-Z0-9]{1,12}", re.ASCII).fullmatch
_VOLUME = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII).fullmatch


class BarSpan(NamedTuple):
    """Bars of one symbol and width that open in ``[from_ms, to_ms)``; both are multiples of the width."""

    symbol: str
    width_ms: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Want:
    """Bars that a client wants to be stored; replaces its earlier list. ``urgent``: the user waits for a scan;
    ``tell``: the client is to be told how far it is."""

    spans: tuple[BarSpan, ...]
    urgent: bool
    tell: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """Every bar that there is of a span, not validated yet: ``rows`` of a text, or ``columns`` of a binary frame."""

    span: BarSpan
    rows: list[Any]
    source: str
    columns: SourcedColumns | None = None


@dataclass(frozen=True, slots=True)
class UnfetchableBars:
    """Bars that a bridge could not fetch, and why."""

    span: BarSpan
    reason: str


@dataclass(frozen=True, slots=True)
class FundingRows:
    """Readings of funding; not validated yet."""

    rows: list[Any]


@dataclass(frozen=True, slots=True)
class WantTickers:
    """A client asks for the ``count`` symbols of one quote currency that traded most in the last 24 hours."""

    quote: str
    count: int


@dataclass(frozen=True, slots=True)
class Tickers:
    """Every symbol's volume of the last 24 hours, in quote currency; ``time_ms``: by the exchange's clock."""

    time_ms: int
    volumes: dict[str, float]

    def most_liquid(self, wish: WantTickers) -> list[tuple[str, float]]:
        """Symbols with their volume, the greatest first; of equal ones in the order of the alphabet."""
        found = [
            (symbol, volume)
            for symbol, volume in self.volumes.items()
            if symbol.endswith(wish.quote) and symbol != wish.quote and volume > 0.0
        ]
        return sorted(found, key=lambda row: (-row[1], row[0]))[: wish.count]


@dataclass(frozen=True, slots=True)
class UnfetchableTickers:
    """Volumes that a bridge could not fetch, and why."""

    reason: str


def _want(message: dict[str, Any]) -> Want:
    wanted = message.get("bars")
    if not isinstance(wanted, list) or len(wanted) > MAX_WANTED:
        raise MessageRefused("malformed", f"bars is {repr(wanted)[:40]}; expected a list of at most {MAX_WANTED}")
    spans = []
    for each in wanted:
        if not isinstance(each, list) or len(each) != 4:
            raise MessageRefused("malformed", f"bars has {repr(each)[:60]}; expected [symbol, width, from, to]")
        spans.append(_checked(dict(zip(("symbol", "width_ms", "from_ms", "to_ms"), each, strict=True))))
    return Want(tuple(spans), message.get("urgent") is True, message.get("tell") is True)


def _bars(message: dict[str, Any]) -> Bars:
    source = _source(message)
    rows = message.get("rows")
    if not isinstance(rows, list) or len(rows) > MAX_BARS:
        raise MessageRefused("malformed", f"rows is {repr(rows)[:40]}; expected a list of at most {MAX_BARS} rows")
    return Bars(_checked(message), rows, source)


def read_bar_frame(frame: bytes) -> Bars:
    """A message of bars by the column: the fields of ``bars`` but the rows as JSON, a line feed, and the columns as
    ``engine.market.sourced_columns`` writes them. Raises MessageRefused."""
    head, _, data = frame.partition(b"\n")
    try:
        message = msgspec.json.decode(head)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageRefused("binary", f"found a binary frame that begins with {head[:40]!r}: {error}") from None
    if not isinstance(message, dict) or message.get("type") != "bars":
        raise MessageRefused("binary", f"found a binary frame that begins with {head[:40]!r}; expected bars")
    span, source = _checked(message), _source(message)
    try:
        columns = columns_of(span.symbol, span.width_ms, data, source)
    except ValueError as error:
        raise MessageRefused("malformed", str(error)) from None
    if len(columns) > MAX_BARS:
        raise MessageRefused("malformed", f"found {len(columns)} bars; expected at most {MAX_BARS}")
    return Bars(span, [], source, columns)


def _source(message: dict[str, Any]) -> str:
    return read_text(message, "source", 32) if "source" in message else KLINE


def _unfetchable_bars(message: dict[str, Any]) -> UnfetchableBars:
    return UnfetchableBars(_checked(message), read_text(message, "reason", 500))


def _funding(message: dict[str, Any]) -> FundingRows:
    rows = message.get("rows")
    if not isinstance(rows, list) or len(rows) > MAX_FUNDING_ROWS:
        raise MessageRefused(
            "malformed", f"rows is {repr(rows)[:40]}; expected a list of at most {MAX_FUNDING_ROWS} rows"
        )
    return FundingRows(rows)


def _want_tickers(message: dict[str, Any]) -> WantTickers:
    quote, count = message.get("quote"), read_whole(message, "count", 1)
    if not isinstance(quote, str) or not _QUOTE(quote):
        raise MessageRefused("malformed", f"quote is {repr(quote)[:40]}; expected a currency such as 'USDT'")
    if count > MAX_WANTED:
        raise MessageRefused("malformed", f"count is {count}; expected at most {MAX_WANTED}")
    return WantTickers(quote, count)


def read_tickers(message: dict[str, Any]) -> Tickers:
    """The volumes of a message. Raises MessageRefused.

    A symbol that nothing could be stored of is left out: exchanges list some with spaces or signs in them.
    """
    rows = message.get("rows")
    if not isinstance(rows, list) or len(rows) > MAX_TICKERS:
        raise MessageRefused("malformed", f"rows is {repr(rows)[:40]}; expected a list of at most {MAX_TICKERS} rows")
    volumes: dict[str, float] = {}
    for row in rows:
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[1], str) or not _VOLUME(row[1]):
            raise MessageRefused("malformed", f"rows has {repr(row)[:60]}; expected [symbol, volume as decimal text]")
        try:
            volumes[read_symbol(row[0])] = float(row[1])
        except RowRefused:
            continue
    return Tickers(read_whole(message, "time_ms", 0), volumes)


def _unfetchable_tickers(message: dict[str, Any]) -> UnfetchableTickers:
    return UnfetchableTickers(read_text(message, "reason", 500))


def _checked(message: dict[str, Any]) -> BarSpan:
    try:
        width_ms = check_width(message.get("width_ms"))
    except RowRefused as refused:
        raise MessageRefused("malformed", str(refused)) from None
    from_ms, to_ms = read_whole(message, "from_ms", 0), read_whole(message, "to_ms", 0)
    if not from_ms <= to_ms or any(bar_open(at, width_ms) != at for at in (from_ms, to_ms)):
        raise MessageRefused(
            "malformed", f"from {from_ms} to {to_ms}; expected rising multiples of the width, {width_ms} ms"
        )
    return BarSpan(message_symbol(message.get("symbol")), width_ms, from_ms, to_ms)


HistoryMessage = (
    Want | Bars | UnfetchableBars | FundingRows | WantTickers | Tickers | UnfetchableTickers | SymbolMessage
)

READERS: dict[str, Any] = {
    "want": _want,
    "bars": _bars,
    "unfetchable_bars": _unfetchable_bars,
    "funding": _funding,
    "want_tickers": _want_tickers,
    "tickers": read_tickers,
    "unfetchable_tickers": _unfetchable_tickers,
    **SYMBOL_READERS,
}
