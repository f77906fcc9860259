"""Fetching missing trades by id, within a quarter of the exchange's request weight."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Any

import httpx

from engine.intake.messages import NO_SUCH_IDS
from feeds.link import BridgeLink
from feeds.markets import Route

log = logging.getLogger("pairbridge.feed")

PAGE = 1_000
_WEIGHT = 20  # of one request, whatever its limit
_BUDGET = 600  # a quarter of the 2,400 a minute that the exchange allows one address
_LONGEST_WAIT_S = 120.0
_HOUR_MS = 3_600_000

Params = dict[str, int]


class HistoryFetcher:
    """Brings ids through a BridgeLink. One request at a time."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self.link: BridgeLink | None = None
        self._spent: deque[tuple[float, int]] = deque()
        self._turn = asyncio.Lock()

    async def fetch(self, symbol: str, first: int | None, last: int, since_ms: int | None = None) -> str | None:
        """Put the trades ``first..last`` into the link; without a first id, from ``since_ms`` on.

        Returns None, or why some could not be had.
        """
        assert self.link is not None
        place = came = 0
        async with httpx.AsyncClient(timeout=15) as client:
            if first is None:
                found = await self._first_since(client, symbol, since_ms or 0)
                if not isinstance(found, int) or found > last:
                    return NO_SUCH_IDS if isinstance(found, int) else found
                first = found
            following = first
            while following <= last:
                params: Params = {"fromId": following, "limit": min(PAGE, last - following + 2)}
                trades = await self._page(client, symbol, params)
                if isinstance(trades, str):
                    return trades
                rows = [[symbol, t["a"], t["p"], t["q"], t["T"], t["m"]] for t in trades if t["a"] <= last]
                place = await self.link.put(rows)
                came += len(rows)
                if len(rows) < len(trades) or len(trades) < params["limit"]:
                    break
                following = rows[-1][1] + 1
        await self.link.stored(place)  # before the server hears what does not exist
        return None if came == last - first + 1 else NO_SUCH_IDS

    async def _first_since(self, client: httpx.AsyncClient, symbol: str, since_ms: int) -> int | str:
        """The id of the first trade at or after a time; the exchange takes windows of an hour."""
        while since_ms < time.time() * 1_000:
            window: Params = {"startTime": since_ms, "endTime": since_ms + _HOUR_MS - 1, "limit": 1}
            trades = await self._page(client, symbol, window)
            if isinstance(trades, str):
                return trades
            if trades:
                return int(trades[0]["a"])
            since_ms += _HOUR_MS
        return "the exchange has no trade since then"

    async def _page(self, client: httpx.AsyncClient, symbol: str, params: Params) -> list[dict[str, Any]] | str:
        async with self._turn:
            waited = 0.0
            while True:
                waited += await self._afford()
                try:
                    answer = await client.get(self._route.trades_url, params={"symbol": symbol, **params})
                except httpx.HTTPError as error:
                    return f"{self._route.rest} could not be reached: {error or type(error).__name__}"
                if answer.status_code not in (418, 429):
                    break
                pause_s = float(answer.headers.get("Retry-After", 30))
                waited += pause_s
                log.warning("the exchange asks for a pause of %.0f s", pause_s)
                if waited > _LONGEST_WAIT_S:
                    return f"the exchange asked for a pause of {pause_s:.0f} s (HTTP {answer.status_code})"
                await asyncio.sleep(pause_s)
        if answer.status_code == 451:
            return "geo-blocked: the exchange does not serve this country (HTTP 451)"
        if answer.status_code != 200:
            return f"the exchange answered HTTP {answer.status_code}: {answer.text[:100]}"
        trades: list[dict[str, Any]] = answer.json()
        return trades

    async def _afford(self) -> float:
        """Wait until the budget has room for one request; returns the seconds waited."""
        waited = 0.0
        while True:
            now = time.monotonic()
            while self._spent and self._spent[0][0] < now - 60:
                self._spent.popleft()
            if sum(weight for _, weight in self._spent) + _WEIGHT <= _BUDGET:
                self._spent.append((now, _WEIGHT))
                return waited
            pause = self._spent[0][0] + 60 - now
            waited += pause
            await asyncio.sleep(pause)
