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


class HistoryFetcher:
    """Brings ids through a BridgeLink. One request at a time."""

    def __init__(self, route: Route, link: BridgeLink) -> None:
        self._route = route
        self._link = link
        self._spent: deque[tuple[float, int]] = deque()
        self._turn = asyncio.Lock()

    async def fetch(self, symbol: str, first: int, last: int) -> str | None:
        """Put the trades ``first..last`` into the link. Returns None, or why some could not be had."""
        place = came = 0
        async with httpx.AsyncClient(timeout=15) as client:
            following = first
            while following <= last:
                trades = await self._page(client, symbol, following, last)
                if isinstance(trades, str):
                    return trades
                rows = [[symbol, t["a"], t["p"], t["q"], t["T"], t["m"]] for t in trades if t["a"] <= last]
                place = await self._link.put(rows)
                came += len(rows)
                if len(rows) < len(trades) or len(trades) < PAGE:
                    break
                following = rows[-1][1] + 1
        await self._link.stored(place)  # before the server hears what does not exist
        return None if came == last - first + 1 else NO_SUCH_IDS

    async def _page(self, client: httpx.AsyncClient, symbol: str, first: int, last: int) -> list[dict[str, Any]] | str:
        async with self._turn:
            waited = 0.0
            while True:
                waited += await self._afford()
                params: dict[str, str | int] = {"symbol": symbol, "fromId": first, "limit": min(PAGE, last - first + 2)}
                try:
                    answer = await client.get(self._route.trades_url, params=params)
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
