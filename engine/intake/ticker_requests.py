"""The day's volumes of a market: a client asks which symbols are the most liquid, and whoever can fetch them is asked.

One bridge that can fetch them is asked, then the next, then the server itself; when nobody could, the client is told
why. Where there is nobody yet, a bridge is waited for a while. Nothing is stored: volumes are asked for when they are
used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.intake.actions import Action, FetchTickers, Send
from engine.intake.history_messages import Tickers, WantTickers
from engine.intake.messages import encode

ASK_AGAIN_MS = 30_000  # for an answer; then another bridge is asked
BRIDGE_WITHIN_MS = 15_000  # may the first bridge take to come
SELF = -1  # the server itself, among the connections
NOBODY = "no bridge that can fetch volumes is connected; open the bridge page or start a feed for this market"


@dataclass(slots=True)
class _Waiting:
    """A client that has not been answered. ``asked``: of whom it was asked last, and when."""

    market: str
    wish: WantTickers
    since_ms: int
    asked: tuple[int, int] | None = None
    failed: set[int] = field(default_factory=set)
    problem: str = NOBODY


class TickerRequests:
    """Of all markets. A client has one wish at a time; a later one replaces it."""

    def __init__(self, own_markets: Iterable[str]) -> None:
        """``own_markets``: those whose exchange the server may ask itself."""
        self._own_markets = frozenset(own_markets)
        self._bridges: dict[int, str] = {}
        self._waiting: dict[int, _Waiting] = {}

    def joined(self, conn: int, market: str) -> None:
        """A bridge that can fetch volumes has come."""
        self._bridges[conn] = market

    def left(self, conn: int) -> None:
        """A connection is gone; what it was asked for is asked of another at the next ``ask``."""
        self._bridges.pop(conn, None)
        self._waiting.pop(conn, None)
        for waiting in self._waiting.values():
            if waiting.asked is not None and waiting.asked[0] == conn:
                waiting.asked = None

    def want(self, conn: int, market: str, wish: WantTickers, now_ms: int) -> list[Action]:
        """A client asks for the most liquid symbols of its market."""
        self._waiting[conn] = _Waiting(market, wish, now_ms)
        return self.ask(now_ms)

    def brought(self, conn: int, market: str, tickers: Tickers) -> list[Action]:
        """Volumes have come, of every symbol: whoever waits for those of this bridge is answered."""
        actions: list[Action] = []
        for client, waiting in list(self._waiting.items()):
            if waiting.market == market and waiting.asked is not None and waiting.asked[0] == conn:
                del self._waiting[client]
                rows = [list(row) for row in tickers.most_liquid(waiting.wish)]
                actions.append(Send(client, encode(type="tickers", time_ms=tickers.time_ms, rows=rows)))
        return actions

    def failed(self, conn: int, market: str, reason: str, now_ms: int) -> list[Action]:
        """Somebody could not fetch them."""
        who = "the server" if conn == SELF else "the bridge"
        for waiting in self._waiting.values():
            if waiting.market == market and waiting.asked is not None and waiting.asked[0] == conn:
                waiting.asked, waiting.problem = None, f"{who}: {reason}"[:500]
                waiting.failed.add(conn)
        return self.ask(now_ms)

    def ask(self, now_ms: int) -> list[Action]:
        """Ask for what is not on its way, and tell those for whom nobody is left to be asked."""
        actions: list[Action] = []
        for client, waiting in list(self._waiting.items()):
            if waiting.asked is not None and now_ms - waiting.asked[1] < ASK_AGAIN_MS:
                continue
            if waiting.asked is not None:
                waiting.failed.add(waiting.asked[0])
                waiting.problem = f"no answer within {ASK_AGAIN_MS // 1_000} s"
            asked = self._next(waiting)
            if asked is None and not waiting.failed and now_ms - waiting.since_ms < BRIDGE_WITHIN_MS:
                continue
            if asked is None:
                del self._waiting[client]
                actions.append(Send(client, encode(type="unfetchable_tickers", reason=waiting.problem)))
                continue
            waiting.asked = (asked, now_ms)
            if asked == SELF:
                actions.append(FetchTickers(waiting.market))
            else:
                actions.append(Send(asked, encode(type="fetch_tickers")))
        return actions

    def _next(self, waiting: _Waiting) -> int | None:
        able = (conn for conn, market in self._bridges.items() if market == waiting.market)
        found = next((conn for conn in able if conn not in waiting.failed), None)
        if found is None and waiting.market in self._own_markets and SELF not in waiting.failed:
            return SELF
        return found
