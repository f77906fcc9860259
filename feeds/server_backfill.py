"""The server's own fetching: ids that no bridge could bring, straight from the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from feeds.bridge_client import BridgeLink, RefusedError
from feeds.markets import ROUTES, Route
from feeds.rest import HistoryFetcher


class ServerBackfill:
    """Fetches one stretch of ids at a time, so that every market's request budget is kept over all of them."""

    def __init__(self, url: str, token: str, routes: Mapping[str, Route] = ROUTES) -> None:
        """``url`` and ``token`` of the bridge server that the trades go to."""
        self._url = url
        self._token = token
        self._histories = {market: HistoryFetcher(route) for market, route in routes.items()}
        self._turn = asyncio.Lock()

    async def fetch(self, market: str, symbol: str, first: int, last: int) -> str | None:
        """Bring ``first..last`` to the server; returns None, or why some could not be had."""
        async with self._turn, BridgeLink(self._url, self._token, market, "the server itself", helper=True) as link:
            history = self._histories[market]
            history.link = link
            try:
                return await history.fetch(symbol, first, last)
            except RefusedError as refused:
                return str(refused)
