"""Fetching missing trades by id.

An id between two ids that the exchange returned does not exist. Before the first returned id this is certain only if
the history demonstrably goes further back: so each request starts at the previous id. A first response from a real
exchange that is younger than its history limit proves the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from engine.market.limits import HOURS, NO_PAST, NO_SUCH_IDS, OUT_OF_REACH, PAGE, REACH_MS
from feeds.agg_trades import Trade
from feeds.candles import CandleFetcher
from feeds.markets import Route
from feeds.rate_limit import HistoryError, RateLimitedClient

BEHIND_S = 1.0  # REST lags the stream slightly: a page without new trades is requested again, with growing delays
HISTORY_ENDS = "the exchange's history ends before these ids"
_LOOKS = 4  # at a page that may still contain trades
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class Stretch:
    """Ids ``following..last`` that are not resolved yet. ``is_anchored``: the id before them exists."""

    following: int
    last: int
    is_anchored: bool
    is_out_of_reach: bool = False
    is_absent: bool = False

    @property
    def from_id(self) -> int:
        """The first id of the next page."""
        return self.following if self.is_anchored else self.following - 1

    @property
    def reason(self) -> str | None:
        """Why some ids are missing; None when all arrived."""
        if self.is_out_of_reach:
            return OUT_OF_REACH
        return NO_SUCH_IDS if self.is_absent else None

    def take(self, page: Sequence[Trade], is_young: bool) -> list[Trade] | None:
        """The trades of a page in this range, in id order; None when it resolves nothing.

        ``is_young``: the page is younger than the exchange's history limit.
        """
        end = min(page[-1].a, self.last) if page else -1
        if end < self.following:
            return None
        rows = [trade for trade in page if self.following <= trade.a <= end]
        is_sure = self.is_anchored or page[0].a < self.following or is_young
        before = (rows[0].a if rows else end + 1) - self.following
        self.is_out_of_reach |= before > 0 and not is_sure
        self.is_absent |= len({trade.a for trade in rows}) < end - self.following + 1
        self.following, self.is_anchored = end + 1, True
        return rows


class HistorySink(Protocol):
    """Takes rows of history: a connection to the server, or the server itself."""

    async def put(self, rows: Iterable[list[Any]]) -> int:
        """Take rows, once there is capacity; returns their position."""

    async def when_stored(self, place: int) -> None:
        """Return when every row up to position ``place`` is stored."""


class HistoryFetcher:
    """Fetches ids into a sink."""

    def __init__(self, route: Route) -> None:
        self._client = RateLimitedClient(route)
        self.candles = CandleFetcher(self._client, route)  # within the same budget
        self._is_real = route.market != "sim"
        self.sink: HistorySink | None = None

    async def fetch(self, symbol: str, first: int | None, last: int, since_ms: int | None = None) -> str | None:
        """Put the trades ``first..last`` into the sink; without a first id, from ``since_ms`` on.

        Returns when they are stored: None, or why some are missing. Raises the errors of the sink.
        """
        assert self.sink is not None
        place = 0
        async with httpx.AsyncClient(timeout=None) as http:  # RateLimitedClient has its own timeout
            try:
                if first is None:
                    first = await self._first_since(http, symbol, since_ms or 0, last)
                    stretch = Stretch(first, last, is_anchored=True)
                else:
                    stretch = Stretch(first, last, is_anchored=first == 0)
                while stretch.following <= last:
                    rows = await self._next_rows(http, symbol, stretch)
                    place = await self.sink.put([symbol, t.a, t.p, t.q, t.T, t.m] for t in rows)
                reason = stretch.reason
            except HistoryError as error:
                reason = str(error)
        await self.sink.when_stored(place)  # before reporting missing ids to the server
        return reason

    async def _next_rows(self, http: httpx.AsyncClient, symbol: str, stretch: Stretch) -> list[Trade]:
        for look in range(_LOOKS):
            await asyncio.sleep(BEHIND_S * look)
            page = await self._client.trades(http, symbol, {"fromId": stretch.from_id, "limit": PAGE})
            is_young = self._is_real and bool(page) and _wall_ms() - page[0].T < REACH_MS
            rows = stretch.take(page, is_young)
            if rows is not None:
                return rows
        raise HistoryError(HISTORY_ENDS)

    async def _first_since(self, http: httpx.AsyncClient, symbol: str, since_ms: int, last: int) -> int:
        """The id of the first trade at or after a time, searched in windows of an hour, the longest allowed."""
        looks = 0
        for _ in range(HOURS):
            while True:
                window = {"startTime": since_ms, "endTime": since_ms + _HOUR_MS - 1, "limit": 1}
                page = await self._client.trades(http, symbol, window)
                if page and page[0].a > last:
                    raise HistoryError(NO_PAST)
                if page:
                    return page[0].a
                if since_ms + _HOUR_MS <= _wall_ms():
                    break
                looks += 1
                if looks == _LOOKS:  # the current hour may still have one
                    raise HistoryError(NO_PAST)
                await asyncio.sleep(BEHIND_S * looks)
            since_ms += _HOUR_MS
        raise HistoryError(NO_PAST)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
