"""The server's own backfill: fetches ids that no bridge could fetch directly from the exchange."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from engine.errors import MessageRefused, RowRefused
from engine.intake.history_messages import BarSpan, Tickers, read_tickers
from engine.market.sourced import KLINE, SourcedBar, read_bar
from feeds.known_symbols import wrong_symbols
from feeds.markets import ROUTES, Route
from feeds.rate_limit import HistoryError
from feeds.rest import HistoryFetcher, HistorySink

log = logging.getLogger("pairbridge.server")


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

    async def bars(self, market: str, span: BarSpan, urgent: bool) -> list[SourcedBar]:
        """The candles of a span; those that cannot be used are left out. Raises HistoryError."""
        found = []
        for row in await self._histories[market].candles.bars(span, urgent):
            try:
                found.append(read_bar(span.symbol, span.width_ms, row, KLINE))
            except RowRefused as refused:
                log.warning("a candle of %s %s cannot be used: %s", market, span.symbol, refused)
        return found

    async def wrong_symbols(self, market: str, symbols: Sequence[str]) -> str:
        """Which of the symbols the exchange does not trade; empty where it trades all."""
        return await wrong_symbols(self._histories[market].candles, symbols)

    async def tickers(self, market: str) -> Tickers:
        """Every symbol's volume of a day. Raises HistoryError."""
        time_ms, rows = await self._histories[market].candles.tickers()
        try:
            return read_tickers({"time_ms": time_ms, "rows": rows})
        except MessageRefused as refused:
            raise HistoryError(f"the exchange's volumes cannot be used: {refused}") from None
