"""What all clients together want of one market, symbol and width, and how much of it is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.market.stretches import Stretch, overlap, united, without

FIRST_PAUSE_MS = 60_000  # after nobody could bring a piece


@dataclass(slots=True)
class WantedBars:
    """``spans``: what is wanted. What is ``unread`` of it the store has yet to say; of the rest ``missing`` lacks bars.

    What lies between two spans is nobody's wish: it is neither looked up nor asked for.
    """

    urgent: bool = False
    spans: list[Stretch] = field(default_factory=list)
    unread: list[Stretch] = field(default_factory=list)
    missing: list[Stretch] = field(default_factory=list)
    asked: dict[Stretch, tuple[int, int]] = field(default_factory=dict)  # of whom, and when
    failed: dict[Stretch, set[int]] = field(default_factory=dict)  # who could not
    problem: str = ""
    retry_ms: int = 0
    pause_ms: int = FIRST_PAUSE_MS

    def resize(self, spans: list[Stretch]) -> None:
        """Want exactly these. If anything is new in them, all is looked up: more may have been stored meanwhile."""
        if spans == self.spans:
            return
        is_new = bool(without(spans, self.spans))
        self.spans = spans
        self.unread = spans if is_new else overlap(self.unread, spans)
        self.missing = overlap(self.missing, spans)
        self.failed = {}
        self.hope()

    def known(self, read: Stretch, have: Iterable[Stretch]) -> None:
        """The store has, or nobody has, these bars of what was looked up."""
        lacking = without(overlap(self.spans, [read]), have)
        self.unread = without(self.unread, [read])
        self.missing = united([*without(self.missing, [read]), *lacking])

    def hope(self) -> None:
        """Nothing stands in the way of what is missing any more."""
        self.problem, self.retry_ms, self.pause_ms = "", 0, FIRST_PAUSE_MS
