"""What is missing, and who is asked for it: first the active bridge, then the server itself, then it is recorded."""

from __future__ import annotations

from collections.abc import Iterable

from engine.errors import RowRefused
from engine.intake.actions import Action, FetchSelf, Note, Send
from engine.intake.holes import MAX_FETCH_IDS, OpenHoles
from engine.intake.leases import Leases
from engine.intake.messages import NO_SUCH_IDS, Unfetchable, encode
from engine.intake.warmth import WarmStarts
from engine.market.coverage import Hole
from engine.market.records import Commit, Event, HoleNews
from engine.market.ticks import read_id, read_symbol


class Asking:
    """Holes and warm starts of all markets."""

    def __init__(
        self,
        leases: Leases,
        holes: Iterable[HoleNews],
        warm_start_ms: int,
        own_markets: Iterable[str],
        fetch_limit_ids: int = MAX_FETCH_IDS,
    ) -> None:
        """``own_markets``: those whose exchange the server may ask itself when a bridge cannot.
        ``fetch_limit_ids``: a hole that misses more is recorded and not fetched."""
        self._leases = leases
        self.holes = OpenHoles(holes, fetch_limit_ids)
        self.warm_starts = WarmStarts(warm_start_ms)
        self._own_markets = frozenset(own_markets)
        self._tried: set[tuple[str, str, Hole]] = set()  # the server has tried these ids itself

    def committed(self, commit: Commit, now_ms: int) -> list[Action]:
        """Trades are stored; holes have opened, shrunk or closed."""
        actions: list[Action] = []
        for extent in commit.extents:
            if extent.opened is not None:
                self.warm_starts.first_trade(extent.market, extent.opened)
            self.warm_starts.stored(extent.market, extent.symbol, extent.first_id)
        for news in commit.holes:
            self.holes.update(news, now_ms)
            too_large = self.holes.too_large(news)
            if too_large:
                actions.append(_record(news.market, news.symbol, news.missing[0], too_large))
        touched = [(news.market, news.symbol) for news in commit.holes if news.missing]
        for market, symbol in dict.fromkeys([*touched, *self.warm_starts.waiting()]):
            actions += self.ask(market, symbol, now_ms)
        return actions + self._end_warm_starts()

    def ask(self, market: str, symbol: str, now_ms: int) -> list[Action]:
        """Ask the active bridge for what is due; nobody active, nothing asked."""
        conn = self._leases.holder(market, symbol)
        if conn is None:
            return []
        actions: list[Action] = []
        warming = self.warm_starts.due(market, symbol, conn, now_ms)
        if warming is not None:
            asked = {"type": "fetch", "symbol": symbol, "since_ms": warming.since_ms, "to": warming.to}
            actions.append(Send(conn, encode(**asked)))
        runs = self.holes.due(market, symbol, conn, now_ms)
        asked_for = ({"type": "fetch", "symbol": symbol, "from": run.first, "to": run.last} for run in runs)
        return actions + [Send(conn, encode(**message)) for message in asked_for]

    def ask_again(self, now_ms: int) -> list[Action]:
        """Time has passed: ask whatever has been waiting without progress."""
        symbols = {(news.market, news.symbol) for news in self.holes.all()} | set(self.warm_starts.waiting())
        return [action for market, symbol in sorted(symbols) for action in self.ask(market, symbol, now_ms)]

    def refused(self, market: str, row: object, reason: str) -> list[Action]:
        """A row that came in cannot be used. If a hole waits for it, it would be asked for without end."""
        if not isinstance(row, list) or len(row) < 2:
            return []
        try:
            symbol, agg_id = read_symbol(row[0]), read_id(row[1])
        except RowRefused:
            return []
        if not self.holes.misses(market, symbol, agg_id):
            return []
        return [_record(market, symbol, Hole(agg_id, agg_id), f"the exchange's row cannot be used: {reason}"[:500])]

    def unfetchable(self, market: str, message: Unfetchable) -> list[Action]:
        """A bridge could not bring these ids."""
        first, last = message.ids
        if self.warm_starts.is_the_past_of(market, message.symbol, first, last):
            self.warm_starts.end(market, message.symbol)
            return [Note(Event("warm-start", market, message.symbol, {"state": "cold", "reason": message.reason}))]
        key = (market, message.symbol, message.ids)
        may_try = market in self._own_markets and key not in self._tried
        if message.reason != NO_SUCH_IDS and may_try:
            self._tried.add(key)
            return [FetchSelf(market, message.symbol, message.ids, message.reason)]
        return [_record(market, message.symbol, message.ids, message.reason)]

    def fetched_self(self, asked: FetchSelf, problem: str | None) -> list[Action]:
        """The server has tried itself; ``problem`` says why some ids could not be had, None when all came."""
        if problem is None:
            return []
        reason = problem if problem == NO_SUCH_IDS else f"the bridge: {asked.reason}; the server: {problem}"
        return [_record(asked.market, asked.symbol, asked.ids, reason[:500])]

    def _end_warm_starts(self) -> list[Action]:
        actions: list[Action] = []
        for market, symbol, last in self.warm_starts.begun():
            if not self.holes.is_filling(market, symbol, last):
                self.warm_starts.end(market, symbol)
                actions.append(Note(Event("warm-start", market, symbol, {"state": "warm"})))
        return actions


def _record(market: str, symbol: str, ids: tuple[int, int], reason: str) -> Note:
    kind = "absent" if reason == NO_SUCH_IDS else "unfetchable"
    return Note(Event(kind, market, symbol, {"first": ids[0], "last": ids[1], "reason": reason}))
