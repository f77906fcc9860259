"""A bridge's outgoing queue: rows not sent yet, and batches not acknowledged yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.files.vectors import EncodedRows

Row = list[Any]


@dataclass(slots=True)
class Tally:
    """The server's counts of the rows so far."""

    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: list[tuple[Row, str]] = field(default_factory=list)
    gaps_opened: int = 0
    gaps_filled: int = 0


class BatchQueue:
    """Sends rows in order, in numbered batches; after a reconnect, unacknowledged ones are sent again first."""

    def __init__(self) -> None:
        self._rows: deque[Row | EncodedRows] = deque()
        self._unacked: dict[int, list[Row] | EncodedRows] = {}
        self._sent = 0  # rows, ever
        self._unsent: deque[int] = deque()  # unacknowledged numbers to be sent (again) on this connection
        self._next_number = 1
        self._max_rows = self._max_in_flight = 0
        self.added = self.acked = 0  # rows, ever; batches are acknowledged in order
        self.tally = Tally()

    def __len__(self) -> int:
        """Rows that are not acknowledged."""
        return self.added - self.acked

    @property
    def unacked(self) -> int:
        """Batches in flight."""
        return len(self._unacked)

    @property
    def queued(self) -> int:
        """Rows that were never sent."""
        return self.added - self._sent

    def add(self, rows: Iterable[Row]) -> int:
        """Queue rows; they are stored once ``acked`` has reached the number returned."""
        before = len(self._rows)
        self._rows.extend(rows)
        self.added += len(self._rows) - before
        return self.added

    def add_encoded(self, rows: EncodedRows) -> int:
        """The same for rows that are encoded already, which leave as one batch."""
        self._rows.append(rows)
        self.added += rows.rows
        return self.added

    def connected(self, max_rows: int, max_in_flight: int) -> None:
        """The server has sent its welcome, with its limits."""
        self._max_rows, self._max_in_flight = max_rows, max_in_flight
        self._unsent = deque(self._unacked)

    def ready(self) -> list[str]:
        """The messages to send now."""
        messages: list[str] = []
        while self._unsent:
            messages.append(self._message(self._unsent.popleft()))
        while self._rows and len(self._unacked) < self._max_in_flight:
            rows = self._next_rows()
            self._unacked[self._next_number] = rows
            self._sent += _count(rows)
            messages.append(self._message(self._next_number))
            self._next_number += 1
        return messages

    def acknowledged(self, message: dict[str, Any]) -> None:
        """The server has committed a batch."""
        rows = self._unacked.pop(message["seq"], None)
        if rows is None:
            return
        self.acked += _count(rows)
        self.tally.stored += message["stored"]
        self.tally.duplicates += message["duplicates"]
        self.tally.conflicts += message["conflicts"]
        if message["rejected"]:
            sent: list[Row] = msgspec.json.decode(rows.text) if isinstance(rows, EncodedRows) else rows
            self.tally.rejected += [(sent[index], reason) for index, reason in message["rejected"]]
        opened, filled = message.get("gaps", (0, 0))
        self.tally.gaps_opened += opened
        self.tally.gaps_filled += filled

    def _message(self, number: int) -> str:
        rows = self._unacked[number]
        if isinstance(rows, EncodedRows):
            return f'{{"type":"ticks","seq":{number},"rows":{rows.text}}}'
        return msgspec.json.encode({"type": "ticks", "seq": number, "rows": rows}).decode()

    def _next_rows(self) -> list[Row] | EncodedRows:
        """What fits into one batch."""
        first = self._rows[0]
        if isinstance(first, EncodedRows):
            self._rows.popleft()
            if first.rows <= self._max_rows:
                return first
            self._rows.extendleft(reversed(msgspec.json.decode(first.text)))
        rows: list[Row] = []
        while self._rows and len(rows) < self._max_rows:
            each = self._rows[0]
            if isinstance(each, EncodedRows):
                break
            rows.append(each)
            self._rows.popleft()
        return rows


def _count(rows: list[Row] | EncodedRows) -> int:
    return rows.rows if isinstance(rows, EncodedRows) else len(rows)
