"""Messages about history that is not ticks: bars that somebody wants or brings, and readings of funding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.errors import MessageRefused, RowRefused
from engine.intake.fields import message_symbol, read_text, read_whole
from engine.market.intervals import bar_open
from engine.market.sourced import KLINE, check_width

MAX_BARS = 1_000  # of one message, and of one request
MAX_WANTED = 1_024
MAX_FUNDING_ROWS = 500


class BarSpan(NamedTuple):
    """Bars of one symbol and width that open in ``[from_ms, to_ms)``; both are multiples of the width."""

    symbol: str
    width_ms: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Want:
    """Bars that a client wants to be stored; replaces its earlier list. ``urgent``: the user waits for a scan."""

    spans: tuple[BarSpan, ...]
    urgent: bool


@dataclass(frozen=True, slots=True)
class Bars:
    """Every bar that there is of a span; the rows are not validated yet."""

    span: BarSpan
    rows: list[Any]
    source: str


@dataclass(frozen=True, slots=True)
class UnfetchableBars:
    """Bars that a bridge could not fetch, and why."""

    span: BarSpan
    reason: str


@dataclass(frozen=True, slots=True)
class FundingRows:
    """Readings of funding; not validated yet."""

    rows: list[Any]


def _want(message: dict[str, Any]) -> Want:
    wanted = message.get("bars")
    if not isinstance(wanted, list) or len(wanted) > MAX_WANTED:
        raise MessageRefused("malformed", f"bars is {repr(wanted)[:40]}; expected a list of at most {MAX_WANTED}")
    spans = []
    for each in wanted:
        if not isinstance(each, list) or len(each) != 4:
            raise MessageRefused("malformed", f"bars has {repr(each)[:60]}; expected [symbol, width, from, to]")
        spans.append(_checked(dict(zip(("symbol", "width_ms", "from_ms", "to_ms"), each, strict=True))))
    return Want(tuple(spans), message.get("urgent") is True)


def _bars(message: dict[str, Any]) -> Bars:
    rows = message.get("rows")
    if not isinstance(rows, list) or len(rows) > MAX_BARS:
        raise MessageRefused("malformed", f"rows is {repr(rows)[:40]}; expected a list of at most {MAX_BARS} rows")
    return Bars(_checked(message), rows, read_text(message, "source", 32) if "source" in message else KLINE)


def _unfetchable_bars(message: dict[str, Any]) -> UnfetchableBars:
    return UnfetchableBars(_checked(message), read_text(message, "reason", 500))


def _funding(message: dict[str, Any]) -> FundingRows:
    rows = message.get("rows")
    if not isinstance(rows, list) or len(rows) > MAX_FUNDING_ROWS:
        raise MessageRefused(
            "malformed", f"rows is {repr(rows)[:40]}; expected a list of at most {MAX_FUNDING_ROWS} rows"
        )
    return FundingRows(rows)


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


READERS: dict[str, Any] = {
    "want": _want,
    "bars": _bars,
    "unfetchable_bars": _unfetchable_bars,
    "funding": _funding,
}
