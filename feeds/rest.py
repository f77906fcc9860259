"""Fetching missing trades by id.

An id between two ids that the exchange gave does not exist. Before the first id given that is only sure if the
history is seen to reach further back: so a stretch is asked for from the id before it. A real exchange's first
answer that is younger than its reach shows the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from engine.market.limits import HOURS, NO_PAST, NO_SUCH_IDS, OUT_OF_REACH, PAGE, REACH_MS
from feeds.candles import CandleFetcher
from feeds.markets import Route
from feeds.rate_limit import HistoryError, RateLimitedClient, Trade

BEHIND_S = 1.0  # REST runs a little behind the stream: a page without news is asked for again, later each time
HISTORY_ENDS = "the exchange's history ends before these ids"
_LOOKS = 4  # at a page that may still bring something
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class Stretch:
    """Ids ``following..last`` that are not settled yet. ``is_anchored``: the id before them was seen to exist."""

    following: int
    last: int
    is_anchored: bool
    is_out_of_reach: bool = False
    is_absent: bool = False

    @property
    def from_id(self) -> int:
        """Where the next page has to begin."""
        return self.following if self.is_anchored else self.following - 1

    @property
    def reason(self) -> str | None:
        """Why some ids did not come; None when all did."""
        if self.is_out_of_reach:
            return OUT_OF_REACH
        return NO_SUCH_IDS if self.is_absent else None

    def take(self, page: Sequence[Trade], is_young: bool) -> list[Trade] | None:
        """The trades of a page, in id order, that belong here; None when it settles nothing.

        ``is_young``: the page is younger than the exchange's reach.
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
        """Take rows, once there is room; returns their place."""

    async def when_stored(self, place: int) -> None:
        """Return when every row up to ``place`` is stored."""


class HistoryFetcher:
    """Brings ids into a sink."""

    def __init__(self, route: Route) -> None:
        self._client = RateLimitedClient(route)
        self.candles = CandleFetcher(self._client, route)  # within the same budget
        self._is_real = route.market != "sim"
        self.sink: HistorySink | None = None

    async def fetch(self, symbol: str, first: int | None, last: int, since_ms: int | None = None) -> str | None:
        """Put the trades ``first..last`` into the sink; without a first id, from ``since_ms`` on.

        Returns when they are stored: None, or why some could not be had. Raises what the sink raises.
        """
        assert self.sink is not None
        place = 0
        async with httpx.AsyncClient(timeout=None) as http:  # RateLimitedClient has its own
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
        await self.sink.when_stored(place)  # before the server hears what could not be had
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
        """The id of the first trade at or after a time, sought in windows of an hour, the longest there are."""
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
                if looks == _LOOKS:  # the present hour may still show one
                    raise HistoryError(NO_PAST)
                await asyncio.sleep(BEHIND_S * looks)
            since_ms += _HOUR_MS
        raise HistoryError(NO_PAST)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
