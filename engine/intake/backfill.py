"""Warm starts: on a symbol's first trade, fetch the minutes before it, so that statistics start warm.

The first id of those minutes is unknown, so the request to the bridge is by time. Once an id older than the first trade
is stored, the ids between them form an ordinary gap; when that closes, the start is warm.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.market.ticks import Tick

ASK_AGAIN_MS = 60_000


@dataclass(slots=True)
class PendingBackfill:
    """One symbol with history still to fetch: all ids up to ``to``, from the time ``since_ms`` on."""

    since_ms: int
    to: int
    asked: int | None = None
    asked_ms: int = 0
    has_begun: bool = False


class WarmStart:
    """The symbols with history still to fetch."""

    def __init__(self, reach_ms: int = 0) -> None:
        """``reach_ms``: how far back; 0 disables warm starts."""
        self._reach_ms = reach_ms
        self._warming: dict[tuple[str, str], PendingBackfill] = {}

    def first_trade(self, market: str, tick: Tick) -> None:
        """Call when a symbol's first trade ever has been stored."""
        if self._reach_ms and tick.agg_id > 0:
            self._warming[market, tick.symbol] = PendingBackfill(tick.trade_time_ms - self._reach_ms, tick.agg_id - 1)

    def stored(self, market: str, symbol: str, first_id: int) -> None:
        """Call when trades have been stored; the symbol's oldest is ``first_id``."""
        warming = self._warming.get((market, symbol))
        if warming is not None and first_id <= warming.to:
            warming.has_begun = True

    def due(self, market: str, symbol: str, conn: int, now_ms: int) -> PendingBackfill | None:
        """The requests to send to ``conn`` now; marks them as sent."""
        warming = self._warming.get((market, symbol))
        if warming is None or warming.has_begun:
            return None
        if warming.asked == conn and now_ms - warming.asked_ms < ASK_AGAIN_MS:
            return None
        warming.asked, warming.asked_ms = conn, now_ms
        return warming

    def is_the_past_of(self, market: str, symbol: str, first: int, last: int) -> bool:
        """Whether ``first..last`` is the request of a warm start that could not start."""
        warming = self._warming.get((market, symbol))
        return warming is not None and not warming.has_begun and (first, last) == (0, warming.to)

    def begun(self) -> list[tuple[str, str, int]]:
        """(market, symbol, last id) of every start with history arriving."""
        return [(*key, warming.to) for key, warming in self._warming.items() if warming.has_begun]

    def waiting(self) -> list[tuple[str, str]]:
        """(market, symbol) of every start without any history yet."""
        return [key for key, warming in self._warming.items() if not warming.has_begun]

    def end(self, market: str, symbol: str) -> None:
        """Ends a start: it is warm, or cannot be warmed."""
        self._warming.pop((market, symbol), None)
