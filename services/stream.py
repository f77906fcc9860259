"""What may be subscribed to on a stream, and the sources and states behind it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import msgspec

from engine.errors import SettingsError
from engine.market.ticks import read_symbol
from engine.store.interface import Backend
from services.export.request import BarRequest, Selection
from services.journal import SHOWN, read_filter
from services.stream_sources import (
    AlertSource,
    BarSource,
    DecisionSource,
    Place,
    Row,
    Source,
    TickSource,
    TradeSource,
)
from services.views import ViewService, WatchlistRow

Topic = Literal["ticks", "bars", "decisions", "trades", "alerts", "snapshots", "status"]
NEWEST = ("snapshots", "status")  # of which the newest counts; the others are resumed
START = "start"  # a cursor: from the first row that is stored
MOST_SUBSCRIPTIONS = 16
MOST_SYMBOLS = 100

_Text = Annotated[str, msgspec.Meta(max_length=120)]
_Name = Annotated[str, msgspec.Meta(max_length=40)]
_CURSOR = re.compile(r"([a-z]{4,9})\.([0-9a-f]{16})\.(0|[1-9][0-9]{0,17})", re.ASCII).fullmatch


class Subscription(msgspec.Struct, forbid_unknown_fields=True):
    """One topic with its filter. ``name``: of its messages (empty: the topic); ``cursor``: of the last message that was
    received, ``start`` for everything that is stored, null from now on. ``market``, ``symbols``: of trades; ``symbol``,
    ``interval``: of bars, with a market; ``pair`` (``market/Y~X``), ``show``: of decisions and closed trades."""

    topic: Topic
    name: _Name = ""
    cursor: _Text | None = None
    market: _Name = ""
    symbols: Annotated[list[_Name], msgspec.Meta(max_length=MOST_SYMBOLS)] = []
    symbol: _Name = ""
    interval: _Name = "1m"
    pair: _Text = ""
    show: _Name = "all"

    @property
    def key(self) -> tuple[Any, ...]:
        """What those that get the same have in common."""
        return self.topic, self.market, tuple(sorted(self.symbols)), self.symbol, self.interval, self.pair, self.show


class Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """The one message of a client."""

    subscribe: Annotated[list[Subscription], msgspec.Meta(min_length=1, max_length=MOST_SUBSCRIPTIONS)]


_decode = msgspec.json.Decoder(Subscribe).decode


def subscriptions_of(text: str) -> list[Subscription]:
    """A client's message. Raises SettingsError for what is none."""
    try:
        found = _decode(text).subscribe
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise SettingsError(f"expected {{subscribe: [{{topic, ...}}]}}: {error}") from None
    for each in found:
        each.name = each.name or each.topic
        place_of(each)
    if len({each.name for each in found}) < len(found):
        raise SettingsError("two subscriptions have the same name; expected a name of its own for each")
    return found


def place_of(wanted: Subscription) -> Place | None:
    """The place of its cursor; None from now on. Raises SettingsError."""
    if not wanted.cursor:
        return None
    if wanted.cursor == START:
        return Place("", 0)
    found = _CURSOR(wanted.cursor)
    if found is None or found[1] != wanted.topic or wanted.topic in NEWEST:
        raise SettingsError(f"cursor is {wanted.cursor[:40]!r}; expected that of a message of {wanted.topic}")
    return Place(found[2], int(found[3]))


def cursor_of(topic: str, place: Place) -> str:
    """A place as text.

    >>> cursor_of("ticks", Place("00112233aabbccdd", 7))
    'ticks.00112233aabbccdd.7'
    """
    return f"{topic}.{place.store}.{place.at}"


@dataclass(frozen=True, slots=True)
class StreamService:
    """Makes what streams read, on one data folder."""

    backend: Backend
    views: ViewService

    def source(self, wanted: Subscription) -> Source:
        """Where the rows of a topic that is resumed come from. Raises SettingsError, RowRefused."""
        if wanted.topic == "ticks":
            return TickSource(self.backend, wanted.market, frozenset(map(read_symbol, wanted.symbols)))
        if wanted.topic == "bars":
            if not wanted.market:
                raise SettingsError("bars have no market; expected a market, a symbol and an interval")
            selection = Selection(wanted.market, (read_symbol(wanted.symbol),))
            return BarSource(self.backend, BarRequest.of(selection, wanted.interval))
        if wanted.topic == "alerts":
            return AlertSource(self.backend)
        if wanted.show not in SHOWN:
            raise SettingsError(f"show is {wanted.show!r}; expected one of {', '.join(SHOWN)}")
        asked = read_filter(wanted.pair, wanted.show, "", "", "")
        return TradeSource(self.backend, asked) if wanted.topic == "trades" else DecisionSource(self.backend, asked)

    def state(self, wanted: Subscription) -> Callable[[], list[Row]]:
        """What gives the newest rows of the other topics."""
        if wanted.topic == "status":
            return lambda: [asdict(self.views.status(wanted.market or None))]
        return lambda: [pair_row(each) for each in self.views.watch_list() if wanted.pair in ("", _pair(each))]


def pair_row(each: WatchlistRow) -> Row:
    """A watched pair with its newest numbers, as plain values."""
    return {
        "watch": str(each.watch.watch_id), "market": each.watch.market, "y": each.watch.y, "x": each.watch.x,
        "settings": asdict(each.settings), "z": each.z, "gate": each.gate, "position": each.position,
        "bars": each.bars, "problem": each.problem,
    }  # fmt: skip


def _pair(each: WatchlistRow) -> str:
    return f"{each.watch.market}/{each.watch.y}~{each.watch.x}"
