"""Recovery of missing ids: first through the active bridge, then by the server, then recorded as unfetchable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.intake.actions import Action, FetchSelf, RecordEvent, Send
from engine.intake.backfill import WarmStart
from engine.intake.gaps import MAX_FETCH_IDS, OpenGaps
from engine.intake.leases import Leases
from engine.intake.messages import Unfetchable, encode
from engine.intake.refused_rows import RefusedRows
from engine.market.coverage import Gap
from engine.market.limits import NO_SUCH_IDS
from engine.market.records import UNUSABLE_ROW, Commit, Event, GapUpdate

MAX_TRIED = 10_000  # remembered ranges that the server has tried to fetch


class GapRecovery:
    """Gaps and warm starts of all markets."""

    def __init__(
        self,
        leases: Leases,
        gaps: Iterable[GapUpdate],
        warm_start_ms: int,
        own_markets: Iterable[str],
        fetch_limit_ids: int = MAX_FETCH_IDS,
    ) -> None:
        """``own_markets``: those that the server may fetch from the exchange when a bridge cannot. ``fetch_limit_ids``:
        a gap with more missing ids is recorded and not fetched."""
        self._leases = leases
        self.gaps = OpenGaps(gaps, fetch_limit_ids)
        self.warm_starts = WarmStart(warm_start_ms)
        self._own_markets = frozenset(own_markets)
        self._tried: dict[tuple[str, str, Gap], None] = {}  # ids that the server has tried to fetch, the newest last
        self._refused_rows = RefusedRows()
        self.not_asked = 0  # answers without a request

    def committed(self, commit: Commit, now_ms: int) -> list[Action]:
        """Call after a commit; gaps may have opened, shrunk or closed."""
        actions: list[Action] = []
        for extent in commit.extents:
            if extent.opened is not None:
                self.warm_starts.first_trade(extent.market, extent.opened)
            self.warm_starts.stored(extent.market, extent.symbol, extent.first_id)
        for news in commit.gaps:
            self.gaps.update(news, now_ms)
            too_large = self.gaps.too_large(news)
            if too_large:
                actions.append(_record(news.market, news.symbol, news.missing[:1], too_large))
        actions += self._record_refused(commit.gaps)
        touched = [(news.market, news.symbol) for news in commit.gaps if news.missing]
        for market, symbol in dict.fromkeys([*touched, *self.warm_starts.waiting()]):
            actions += self.ask(market, symbol, now_ms)
        return actions + self._end_warm_starts()

    def ask(self, market: str, symbol: str, now_ms: int) -> list[Action]:
        """Request what is due from the active bridge; without one, nothing."""
        conn = self._leases.holder(market, symbol)
        if conn is None:
            return []
        actions: list[Action] = []
        warming = self.warm_starts.due(market, symbol, conn, now_ms)
        if warming is not None:
            asked = {"type": "fetch", "symbol": symbol, "since_ms": warming.since_ms, "to": warming.to}
            actions.append(Send(conn, encode(**asked)))
        runs = self.gaps.due(market, symbol, conn, now_ms)
        asked_for = ({"type": "fetch", "symbol": symbol, "from": run.first, "to": run.last} for run in runs)
        return actions + [Send(conn, encode(**message)) for message in asked_for]

    def ask_again(self, now_ms: int) -> list[Action]:
        """Call periodically: repeat requests without progress."""
        symbols = {*self.gaps.wanted_symbols(), *self.warm_starts.waiting()}
        return [action for market, symbol in sorted(symbols) for action in self.ask(market, symbol, now_ms)]

    def left(self, conn: int) -> None:
        """A bridge has disconnected: reassign its requests."""
        self.gaps.left(conn)

    def refused(self, market: str, rows: dict[tuple[str, int], str]) -> list[Action]:
        """Records unusable rows, by symbol and id; a gap of only such ids would otherwise be requested forever."""
        touched: dict[Gap, GapUpdate] = {}
        for (symbol, agg_id), reason in rows.items():
            self._refused_rows.add(market, symbol, agg_id, reason)
            news = self.gaps.at(market, symbol, agg_id)
            if news is not None:
                touched[news.gap] = news
        return self._record_refused(touched.values())

    def unfetchable(self, conn: int, market: str, message: Unfetchable) -> list[Action]:
        """A bridge could not fetch these ids. Ignored unless they were requested from it and are unanswered."""
        first, last = message.ids
        if self.warm_starts.is_the_past_of(market, message.symbol, first, last):
            self.warm_starts.end(market, message.symbol)
            return [
                RecordEvent(Event("warm-start", market, message.symbol, {"state": "cold", "reason": message.reason}))
            ]
        if not self.gaps.is_asked(market, message.symbol, first, last, conn):
            self.not_asked += 1
            return []
        key = (market, message.symbol, message.ids)
        if message.reason != NO_SUCH_IDS and market in self._own_markets and key not in self._tried:
            self._tried[key] = None
            if len(self._tried) > MAX_TRIED:
                del self._tried[next(iter(self._tried))]
            return [FetchSelf(market, message.symbol, message.ids, message.reason)]
        return [self._recorded(market, message.symbol, message.ids, message.reason)]

    def fetched_self(self, asked: FetchSelf, problem: str | None) -> list[Action]:
        """The server's own fetch has ended; ``problem`` is why some ids are missing, None when all arrived."""
        if problem is None:
            return []
        reason = problem if problem == NO_SUCH_IDS else f"the bridge: {asked.reason}; the server: {problem}"
        return [self._recorded(asked.market, asked.symbol, asked.ids, reason[:500])]

    def _record_refused(self, gaps: Iterable[GapUpdate]) -> list[Action]:
        """For gaps in which every missing id arrived as an unusable row: the reason, once for all of them."""
        found: dict[tuple[str, str, str], list[Gap]] = {}
        for news in gaps:
            reason = None if news.given_up else self._refused_rows.reason(news)
            if reason is not None:
                found.setdefault((news.market, news.symbol, reason), []).extend(news.missing)
        actions: list[Action] = []
        for (market, symbol, reason), runs in found.items():
            said = f"{UNUSABLE_ROW}: {reason}"[:500]
            for run in runs:
                self.gaps.give_up(market, symbol, run.first, run.last, said)
            actions.append(_record(market, symbol, runs, said))
        return actions

    def _recorded(self, market: str, symbol: str, ids: Gap, reason: str) -> RecordEvent:
        if reason == NO_SUCH_IDS:
            self.gaps.account_for(market, symbol, ids.first, ids.last)
        else:
            self.gaps.give_up(market, symbol, ids.first, ids.last, reason)
        return _record(market, symbol, [ids], reason)

    def _end_warm_starts(self) -> list[Action]:
        actions: list[Action] = []
        for market, symbol, last in self.warm_starts.begun():
            if not self.gaps.is_filling(market, symbol, last):
                self.warm_starts.end(market, symbol)
                actions.append(RecordEvent(Event("warm-start", market, symbol, {"state": "warm"})))
        return actions


def _record(market: str, symbol: str, runs: Sequence[Gap], reason: str) -> RecordEvent:
    """``runs``: listed in the event if there are several."""
    kind = "absent" if reason == NO_SUCH_IDS else "unfetchable"
    detail: dict[str, Any] = {"first": runs[0].first, "last": runs[-1].last, "reason": reason}
    if len(runs) > 1:
        detail["runs"] = [list(run) for run in runs]
    return RecordEvent(Event(kind, market, symbol, detail))
