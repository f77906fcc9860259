"""The server's own fetching: ids that no bridge could bring, straight from the exchange."""

from __future__ import annotations

from feeds.link import BridgeLink, RefusedError
from feeds.markets import ROUTES
from feeds.rest import HistoryFetcher


async def fetch_ourselves(url: str, token: str, market: str, symbol: str, first: int, last: int) -> str | None:
    """Bring ``first..last`` to the server at ``url``; returns None, or why some could not be had."""
    history = HistoryFetcher(ROUTES[market])
    async with BridgeLink(url, token, market, "the server itself", helper=True) as link:
        history.link = link
        try:
            return await history.fetch(symbol, first, last)
        except RefusedError as refused:
            return str(refused)
