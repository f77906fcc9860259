"""The day's volumes of a market: a client asks which symbols are the most liquid, and whoever can fetch them is asked.

One bridge that can fetch them is asked, then the next, then the server itself; when nobody could, the client is told
why. Clients of one market wait for the same answer, and nobody is asked again who has not answered. Where there is
nobody yet, a bridge is waited for a while. Nothing is stored: volumes are asked for when they are used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.intake.actions import Action, FetchTickers, Send
from engine.intake.history_messages import Tickers, WantTickers
from engine.intake.messages import encode

ASK_AGAIN_MS = 30_000  # for an answer; then another bridge is asked
FORGOTTEN_MS = 300_000  # then whoever has not answered may be asked again
BRIDGE_WITHIN_MS = 15_000  # may the first bridge take to come
SELF = -1  # the server itself, among the connections
NOBODY = "no bridge that can fetch volumes is connected; open the bridge page or start a feed for this market"


@dataclass(slots=True)
class _Request:
    """What the clients of a market wait for. ``asked``: of whom it was asked last, and when."""

    clients: dict[int, tuple[WantTickers, int]] = field(default_factory=dict)  # what each asked, and when
    asked: tuple[int, int] | None = None
    failed: set[int] = field(default_factory=set)
    problem: str = NOBODY


class TickerRequests:
    """Of all markets, one request each. A client has one wish at a time; a later one replaces it."""

    def __init__(self, own_markets: Iterable[str]) -> None:
        """``own_markets``: those whose exchange the server may ask itself."""
        self._own_markets = frozenset(own_markets)
        self._bridges: dict[int, str] = {}
        self._requests: dict[str, _Request] = {}  # by market
        self._owed: dict[tuple[str, int], int] = {}  # market and who has not answered, and since when

    def joined(self, conn: int, market: str) -> None:
        """A bridge that can fetch volumes has come."""
        self._bridges[conn] = market

    def left(self, conn: int) -> None:
        """A connection is gone; what it was asked for is asked of another at the next ``ask``."""
        self._bridges.pop(conn, None)
        self._owed = {key: since_ms for key, since_ms in self._owed.items() if key[1] != conn}
        for request in self._requests.values():
            request.clients.pop(conn, None)
            if request.asked is not None and request.asked[0] == conn:
                request.asked = None

    def want(self, conn: int, market: str, wish: WantTickers, now_ms: int) -> list[Action]:
        """A client asks for the most liquid symbols of its market."""
        self._requests.setdefault(market, _Request()).clients[conn] = (wish, now_ms)
        return self.ask(now_ms)

    def brought(self, conn: int, market: str, tickers: Tickers) -> list[Action]:
        """Volumes have come, of every symbol: if they had been asked for, however long ago, all who wait are
        answered."""
        if self._owed.pop((market, conn), None) is None or market not in self._requests:
            return []
        actions: list[Action] = []
        for client, (wish, _) in self._requests.pop(market).clients.items():
            rows = [list(row) for row in tickers.most_liquid(wish)]
            actions.append(Send(client, encode(type="tickers", time_ms=tickers.time_ms, rows=rows)))
        return actions

    def failed(self, conn: int, market: str, reason: str, now_ms: int) -> list[Action]:
        """Somebody could not fetch them."""
        self._owed.pop((market, conn), None)
        request = self._requests.get(market)
        if request is not None and request.asked is not None and request.asked[0] == conn:
            who = "the server" if conn == SELF else "the bridge"
            request.asked, request.problem = None, f"{who}: {reason}"[:500]
            request.failed.add(conn)
        return self.ask(now_ms)

    def ask(self, now_ms: int) -> list[Action]:
        """Ask for what is not on its way, and tell those for whom nobody is left to be asked."""
        actions: list[Action] = []
        for market, request in list(self._requests.items()):
            if request.asked is not None and now_ms - request.asked[1] < ASK_AGAIN_MS:
                continue
            if request.asked is not None:
                request.failed.add(request.asked[0])
                request.asked, request.problem = None, f"no answer within {ASK_AGAIN_MS // 1_000} s"
            chosen = self._next(market, request) if request.clients else None
            if chosen is None:
                actions += self._give_up(market, request, now_ms)
                continue
            request.asked = (chosen, now_ms)
            since_ms = self._owed.get((market, chosen))
            if since_ms is None or now_ms - since_ms >= FORGOTTEN_MS:
                self._owed[market, chosen] = now_ms
                actions.append(FetchTickers(market) if chosen == SELF else Send(chosen, encode(type="fetch_tickers")))
        return actions

    def _give_up(self, market: str, request: _Request, now_ms: int) -> list[Action]:
        """Nobody is left to be asked: tell the clients, except those that a first bridge may still come for."""
        told = [
            client
            for client, (_, since_ms) in request.clients.items()
            if request.failed or now_ms - since_ms >= BRIDGE_WITHIN_MS
        ]
        for client in told:
            del request.clients[client]
        if not request.clients:
            del self._requests[market]
        return [Send(client, encode(type="unfetchable_tickers", reason=request.problem)) for client in told]

    def _next(self, market: str, request: _Request) -> int | None:
        able = (conn for conn, of in self._bridges.items() if of == market)
        found = next((conn for conn in able if conn not in request.failed), None)
        if found is None and market in self._own_markets and SELF not in request.failed:
            return SELF
        return found
