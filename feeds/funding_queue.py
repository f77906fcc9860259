"""Funding on its way to the server: one message at a time, sent again after a reconnect until it is stored."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.intake.history_messages import MAX_FUNDING_ROWS

FundingRow = list[Any]  # as ``engine.market.funding.read_funding`` takes it


@dataclass(slots=True)
class FundingTally:
    """What the server said of the rows so far. ``known``: stored before, whatever they said; ``unlisted``: as in
    BarTally."""

    stored: int = 0
    known: int = 0
    rejected: list[tuple[FundingRow, str]] = field(default_factory=list)
    unlisted: int = 0

    @property
    def refused(self) -> int:
        """All that were refused."""
        return len(self.rejected) + self.unlisted


class FundingQueue:
    """The server answers in order and names no message: so one is on its way, and the others wait."""

    def __init__(self) -> None:
        self._waiting: deque[list[FundingRow]] = deque()
        self._is_sent = False
        self.tally = FundingTally()

    def __len__(self) -> int:
        """Messages that are not confirmed."""
        return len(self._waiting)

    def add(self, rows: list[FundingRow]) -> None:
        """Queue rows, however many."""
        self._waiting.extend(rows[at : at + MAX_FUNDING_ROWS] for at in range(0, len(rows), MAX_FUNDING_ROWS))

    def connected(self) -> None:
        """The server has welcomed us: what it did not confirm leaves again."""
        self._is_sent = False

    def ready(self) -> list[str]:
        """The messages to send now."""
        if self._is_sent or not self._waiting:
            return []
        self._is_sent = True
        return [msgspec.json.encode({"type": "funding", "rows": self._waiting[0]}).decode()]

    def stored(self, message: dict[str, Any]) -> None:
        """The server has stored what is on its way; an answer to something else changes nothing."""
        if not self._is_sent:
            return
        self._is_sent = False
        rows, unlisted = self._waiting.popleft(), message.get("unlisted", 0)
        self.tally.stored += message["stored"]
        self.tally.known += len(rows) - message["stored"] - len(message["rejected"]) - unlisted
        self.tally.unlisted += unlisted
        self.tally.rejected += [(rows[index], reason) for index, reason in message["rejected"]]
