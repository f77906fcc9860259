"""The server's own backfill: fetches ids that no bridge could fetch directly from the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from feeds.markets import ROUTES, Route
from feeds.rest import HistoryFetcher, HistorySink


class ServerBackfill:
    """Fetches one range of ids at a time, so that all fetches share each market's request budget."""

    def __init__(self, sink_of: Callable[[str], HistorySink], routes: Mapping[str, Route] = ROUTES) -> None:
        """``sink_of``: the sink of a market's trades."""
        self._sink_of = sink_of
        self._histories = {market: HistoryFetcher(route) for market, route in routes.items()}
        self._turn = asyncio.Lock()

    async def fetch(self, market: str, symbol: str, first: int, last: int) -> str | None:
        """Fetch and store ``first..last``; returns None, or why some are missing."""
        async with self._turn:
            history = self._histories[market]
            history.sink = self._sink_of(market)
            return await history.fetch(symbol, first, last)
