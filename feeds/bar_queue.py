"""Bars on their way to the server: sent, and sent again after a reconnect, until it says that they are stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.files.vectors import EncodedBars
from engine.intake.history_messages import BarSpan
from engine.market.sourced import KLINE
from engine.market.sourced_columns import columns_of

AT_ONCE = 24  # messages on their way

BarRow = list[Any]  # open time ms, open, high, low, close, volume


@dataclass(slots=True)
class BarTally:
    """What the server said of the bars so far. Of the refused ones it names the first of each message: ``unlisted``
    counts the others."""

    stored: int = 0
    known: int = 0
    conflicts: int = 0
    rejected: list[tuple[str, BarRow, str]] = field(default_factory=list)  # symbol, row, reason
    unlisted: int = 0

    @property
    def refused(self) -> int:
        """All that were refused."""
        return len(self.rejected) + self.unlisted


class BarQueue:
    """Messages leave in order; each is known by its span, which no other may have until it is confirmed."""

    def __init__(self) -> None:
        self._waiting: dict[BarSpan, str | bytes] = {}
        self._unsent: deque[BarSpan] = deque()
        self._sent: set[BarSpan] = set()  # on this connection
        self.tally = BarTally()

    def __len__(self) -> int:
        """Messages that are not confirmed."""
        return len(self._waiting)

    def has_room(self, span: BarSpan) -> bool:
        """Whether bars of this span may be added now."""
        return len(self._waiting) < 2 * AT_ONCE and span not in self._waiting

    def add(self, span: BarSpan, rows: Sequence[BarRow], source: str) -> None:
        """Queue the bars of a span; ``has_room`` must be true."""
        self._add(span, msgspec.json.encode(_head(span, source) | {"rows": list(rows)}).decode())

    def add_encoded(self, bars: EncodedBars, source: str) -> None:
        """The same for bars that are encoded already, by the column."""
        span = BarSpan(*bars[:4])
        self._add(span, msgspec.json.encode(_head(span, source)) + b"\n" + bars.data)

    def _add(self, span: BarSpan, message: str | bytes) -> None:
        self._waiting[span] = message
        self._unsent.append(span)

    def connected(self) -> None:
        """The server has welcomed us: what it did not confirm leaves again."""
        self._unsent = deque(self._waiting)
        self._sent.clear()

    def ready(self) -> list[str | bytes]:
        """The messages to send now."""
        messages = []
        while self._unsent and len(self._sent) < AT_ONCE:
            span = self._unsent.popleft()
            self._sent.add(span)
            messages.append(self._waiting[span])
        return messages

    def stored(self, message: dict[str, Any]) -> None:
        """The server has stored the bars of a span."""
        span = BarSpan(*(message[key] for key in BarSpan._fields))
        found = self._waiting.pop(span, None)
        self._sent.discard(span)
        if found is None:
            return
        self.tally.stored += message["stored"]
        self.tally.known += message["known"]
        self.tally.conflicts += message["conflicts"]
        self.tally.unlisted += message.get("unlisted", 0)
        if message["rejected"]:
            rows = _rows_of(span, found)
            self.tally.rejected += [(span.symbol, rows[index], reason) for index, reason in message["rejected"]]


def _head(span: BarSpan, source: str) -> dict[str, Any]:
    return {"type": "bars", **span._asdict(), "source": source}


def _rows_of(span: BarSpan, message: str | bytes) -> list[BarRow]:
    if isinstance(message, str):
        rows: list[BarRow] = msgspec.json.decode(message)["rows"]
        return rows
    columns = columns_of(span.symbol, span.width_ms, message.partition(b"\n")[2], KLINE)
    return list(map(list, zip(*columns.values, strict=True)))
