"""The server's own fetching: ids that no bridge could bring, straight from the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from feeds.markets import ROUTES, Route
from feeds.rest import HistoryFetcher, HistorySink


class ServerBackfill:
    """Fetches one stretch of ids at a time, so that every market's request budget is kept over all of them."""

    def __init__(self, sink_of: Callable[[str], HistorySink], routes: Mapping[str, Route] = ROUTES) -> None:
        """``sink_of`` a market: where its trades go."""
        self._sink_of = sink_of
        self._histories = {market: HistoryFetcher(route) for market, route in routes.items()}
        self._turn = asyncio.Lock()

    async def fetch(self, market: str, symbol: str, first: int, last: int) -> str | None:
        """Have ``first..last`` stored; returns None, or why some could not be had."""
        async with self._turn:
            history = self._histories[market]
            history.sink = self._sink_of(market)
            return await history.fetch(symbol, first, last)
