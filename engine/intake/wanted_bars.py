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
    owed: dict[Stretch, set[int]] = field(default_factory=dict)  # who was asked and has not answered, however long ago
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

    def ask(self, piece: Stretch, conn: int, now_ms: int) -> None:
        """Somebody is asked for a piece, and for the time being nobody else."""
        self.asked[piece] = (conn, now_ms)
        self.owed.setdefault(piece, set()).add(conn)

    def is_asked(self, piece: Stretch, conn: int) -> bool:
        """Whether a piece is waited for from this connection."""
        return self.asked.get(piece, (None, 0))[0] == conn

    def answered(self, piece: Stretch, conn: int) -> bool:
        """A connection has answered about a piece; whether it had ever been asked."""
        owing = self.owed.get(piece, set())
        if conn not in owing:
            return False
        owing.remove(conn)
        if not owing:
            del self.owed[piece]
        return True

    def left(self, conn: int) -> None:
        """A connection is gone and will not answer."""
        self.asked = {piece: asked for piece, asked in self.asked.items() if asked[0] != conn}
        self.owed = {piece: owing - {conn} for piece, owing in self.owed.items() if owing != {conn}}

    def settle(self, stretches: Iterable[Stretch]) -> None:
        """These bars lack no more; a piece of which none does is not waited for."""
        self.missing = without(self.missing, stretches)
        waited = overlap(self.asked, self.missing)
        self.asked = {
            piece: asked
            for piece, asked in self.asked.items()
            if any(begin < piece[1] and piece[0] < end for begin, end in waited)
        }
        if not self.missing:
            self.hope()

    def hope(self) -> None:
        """Nothing stands in the way of what is missing any more."""
        self.problem, self.retry_ms, self.pause_ms = "", 0, FIRST_PAUSE_MS
