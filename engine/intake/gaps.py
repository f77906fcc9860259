"""The open gaps, the outstanding requests that should close them, and the next requests.

A market may have a hundred thousand open gaps. So lookup by id is O(log n), counts are updated incrementally, and only
a few requests are outstanding at a time: the newest gaps first, neighbours in one request.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engine.market.coverage import Gap
from engine.market.records import GapUpdate

ASK_AGAIN_MS = 30_000  # without progress
MAX_FETCH_IDS = 200_000  # of one gap, by default
MAX_OUTSTANDING = 8  # requests to one connection
MERGE_IDS = 500  # ids between two gaps that are fetched with them: a REST request brings 1,000
MAX_REQUEST_IDS = 20_000  # of a request over several gaps
SHOWN_GAPS = 50  # in /health

Key = tuple[str, str]  # market, symbol


@dataclass(slots=True)
class Request:
    """One outstanding request to a connection: ids ``first..last``. ``asked_ms``: its last progress."""

    conn: int
    first: int
    last: int
    asked_ms: int


@dataclass(slots=True)
class GapCount:
    """Counts of one market: open gaps, unfetchable ones among them, and the ids missing from the others."""

    gaps: int = 0
    given_up: int = 0
    missing_ids: int = 0


@dataclass(slots=True)
class _Symbol:
    """The open gaps of one symbol, by their first id; ``wanted``: the first ids of the fetchable ones."""

    news: dict[int, GapUpdate] = field(default_factory=dict)
    firsts: list[int] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def at(self, agg_id: int) -> GapUpdate | None:
        """The gap that contained this id when it opened."""
        place = bisect_right(self.firsts, agg_id) - 1
        news = self.news[self.firsts[place]] if place >= 0 else None
        return news if news is not None and news.gap.last >= agg_id else None

    def wants(self, first: int, last: int) -> bool:
        """Whether any of ``first..last`` is missing and fetchable."""
        place = bisect_right(self.wanted, last) - 1
        while place >= 0 and (news := self.news[self.wanted[place]]).gap.last >= first:
            if any(run.first <= last and run.last >= first for run in news.missing):
                return True
            place -= 1
        return False


class OpenGaps:
    """The open gaps of all symbols."""

    def __init__(self, known: Iterable[GapUpdate] = (), max_ids: int = MAX_FETCH_IDS) -> None:
        self._max_ids = max_ids
        self._symbols: dict[Key, _Symbol] = {}
        self._counts: dict[str, GapCount] = {}
        self._outstanding: Counter[int] = Counter()  # requests by connection
        for news in sorted(known, key=lambda each: each.gap.first):
            self.update(news, 0)

    def update(self, news: GapUpdate, now_ms: int) -> None:
        """A commit changed this gap."""
        of = self._symbols.setdefault((news.market, news.symbol), _Symbol())
        first = news.gap.first
        old = of.news.get(first)
        self._count(old, -1)
        if old is not None and self._is_wanted(old):
            del of.wanted[bisect_left(of.wanted, first)]
        if not news.missing:
            if old is not None:
                del of.news[first], of.firsts[bisect_left(of.firsts, first)]
        else:
            of.news[first] = news
            if old is None:
                insort(of.firsts, first)
            if self._is_wanted(news):
                insort(of.wanted, first)
            self._count(news, 1)
        for request in list(of.requests):
            if request.first <= news.gap.last and request.last >= first:
                request.asked_ms = now_ms
                if not of.wants(request.first, request.last):  # answered: allows another request, of any symbol
                    of.requests.remove(request)
                    self._outstanding[request.conn] -= 1
        if not of.news and not of.requests:
            del self._symbols[news.market, news.symbol]

    def due(self, market: str, symbol: str, conn: int, now_ms: int) -> list[Gap]:
        """The id ranges to request from ``conn`` now; marks them as requested."""
        of = self._symbols.get((market, symbol))
        if of is None:
            return []
        self._drop_ended(of, conn, now_ms)
        asked = []
        while self._outstanding[conn] < MAX_OUTSTANDING and (found := self._next(of)) is not None:
            of.requests.append(Request(conn, found.first, found.last, now_ms))
            self._outstanding[conn] += 1
            asked.append(found)
        return asked

    def left(self, conn: int) -> None:
        """A connection has closed; drops its outstanding requests."""
        if self._outstanding.pop(conn, 0):
            for of in self._symbols.values():
                of.requests = [request for request in of.requests if request.conn != conn]

    def is_asked(self, market: str, symbol: str, first: int, last: int, conn: int) -> bool:
        """Whether a request to ``conn`` covers any fetchable id of ``first..last``."""
        of = self._symbols.get((market, symbol))
        if of is None or not of.wants(first, last):
            return False
        return any(each.conn == conn and each.first <= last and each.last >= first for each in of.requests)

    def give_up(self, market: str, symbol: str, first: int, last: int, reason: str) -> None:
        """Marks ids as unfetchable; effective before the commit that records it."""
        of = self._symbols.get((market, symbol))
        if of is None:
            return
        low, high = max(bisect_right(of.wanted, first) - 1, 0), bisect_right(of.wanted, last)
        for at in of.wanted[low:high]:
            news = of.news[at]
            if news.gap.last >= first:
                self.update(GapUpdate(market, symbol, news.gap, news.missing, reason), 0)

    def account_for(self, market: str, symbol: str, first: int, last: int) -> None:
        """Marks ids that the exchange does not have as not missing; effective before the commit that records it."""
        of = self._symbols.get((market, symbol))
        if of is None:
            return
        low, high = max(bisect_right(of.firsts, first) - 1, 0), bisect_right(of.firsts, last)
        for news in [of.news[at] for at in of.firsts[low:high]]:
            left = tuple(piece for run in news.missing for piece in _without(run, first, last))
            if left != news.missing:
                self.update(GapUpdate(market, symbol, news.gap, left, news.given_up), 0)

    def too_large(self, news: GapUpdate) -> str | None:
        """Why a new gap will not be fetched: it has more missing ids than the limit."""
        if news.given_up is None and self._too_large(news):
            return (
                f"{_ids(news)} ids are more than the limit of {self._max_ids}; fill it from the exchange's dump files"
            )
        return None

    def is_filling(self, market: str, symbol: str, last: int) -> bool:
        """Whether the gap that ends at ``last`` is still fetchable."""
        of = self._symbols.get((market, symbol))
        news = of.at(last) if of else None
        return news is not None and news.gap.last == last and news.given_up is None

    def at(self, market: str, symbol: str, agg_id: int) -> GapUpdate | None:
        """The open gap of this id, if the id is missing and fetchable."""
        of = self._symbols.get((market, symbol))
        news = of.at(agg_id) if of else None
        if news is None or news.given_up is not None:
            return None
        return news if any(run.first <= agg_id <= run.last for run in news.missing) else None

    def wanted_symbols(self) -> list[Key]:
        """(market, symbol) of those with a fetchable gap."""
        return [key for key, of in self._symbols.items() if of.wanted]

    def is_fetching(self, market: str) -> bool:
        """Whether a request of this market is outstanding."""
        return any(of.requests and of.wanted for (name, _), of in self._symbols.items() if name == market)

    def count(self, market: str) -> GapCount:
        """Counts of a market's open gaps."""
        return self._counts.get(market, GapCount())

    def newest(self, market: str, limit: int = SHOWN_GAPS) -> list[GapUpdate]:
        """Some open gaps of a market: the newest of each symbol."""
        found: list[GapUpdate] = []
        for (name, _), of in self._symbols.items():
            if name == market:
                found += [of.news[first] for first in of.firsts[-limit:][::-1]]
        return found[:limit]

    def given_up(self, market: str, limit: int) -> list[GapUpdate]:
        """Some unfetchable gaps, the newest of each symbol first."""
        return list(_first(self._given_up(market), limit)) if self.count(market).given_up else []

    def all(self) -> list[GapUpdate]:
        """Every open gap."""
        return [news for of in self._symbols.values() for news in of.news.values()]

    def _given_up(self, market: str) -> Iterator[GapUpdate]:
        for (name, _), of in self._symbols.items():
            if name == market and len(of.wanted) < len(of.firsts):
                for first in reversed(of.firsts):
                    if of.news[first].given_up is not None:
                        yield of.news[first]

    def _drop_ended(self, of: _Symbol, conn: int, now_ms: int) -> None:
        """Drop requests that are answered, made no progress, or belong to another connection."""
        kept = []
        for request in of.requests:
            is_open = of.wants(request.first, request.last)
            if is_open and request.conn == conn and now_ms - request.asked_ms < ASK_AGAIN_MS:
                kept.append(request)
            else:
                self._outstanding[request.conn] -= 1
        of.requests = kept

    def _next(self, of: _Symbol) -> Gap | None:
        """The newest gap without a request, with its older neighbours, as one range of ids."""
        place = len(of.wanted) - 1
        while place >= 0:
            news = of.news[of.wanted[place]]
            covering = next((r for r in of.requests if r.first <= news.gap.last and r.last >= news.gap.first), None)
            if covering is None:
                return self._merged(of, place)
            place = min(bisect_left(of.wanted, covering.first), place) - 1
        return None

    def _merged(self, of: _Symbol, place: int) -> Gap:
        newest = of.news[of.wanted[place]]
        first, last = newest.missing[0].first, newest.missing[-1].last
        oldest_asked = max((r.last for r in of.requests if r.last < first), default=-1)
        while place > 0:
            before = of.news[of.wanted[place - 1]]
            start, end = before.missing[0].first, before.missing[-1].last
            if first - end > MERGE_IDS or last - start >= MAX_REQUEST_IDS or start <= oldest_asked:
                break
            first, place = start, place - 1
        return Gap(first, last)

    def _is_wanted(self, news: GapUpdate) -> bool:
        return news.given_up is None and not self._too_large(news)

    def _too_large(self, news: GapUpdate) -> bool:
        return _ids(news) > self._max_ids

    def _count(self, news: GapUpdate | None, sign: int) -> None:
        if news is None:
            return
        count = self._counts.setdefault(news.market, GapCount())
        count.gaps += sign
        if news.given_up is not None:
            count.given_up += sign
        else:
            count.missing_ids += sign * _ids(news)


def _without(run: Gap, first: int, last: int) -> list[Gap]:
    """A run of ids without ``first..last``."""
    before, after = Gap(run.first, min(run.last, first - 1)), Gap(max(run.first, last + 1), run.last)
    return [piece for piece in (before, after) if piece.first <= piece.last]


def _first(found: Iterator[GapUpdate], limit: int) -> Iterator[GapUpdate]:
    for _, news in zip(range(limit), found, strict=False):
        yield news


def _ids(news: GapUpdate) -> int:
    return sum(run.last - run.first + 1 for run in news.missing)
