"""Candles, funding and day volumes from an exchange's REST interface, as rows of the bridge protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from engine.intake.history_messages import MAX_TICKERS, BarSpan
from engine.market.funding import MARK, SETTLED
from engine.market.intervals import CANDLE_WIDTHS_MS, interval_name
from feeds.markets import Route
from feeds.rate_limit import HistoryError, RateLimitedClient, Request

_ALL_AT_ONCE = 10  # symbols: from here on one request for all of them weighs less
_SETTLED_LIMIT = 1_000

Row = list[Any]


class _Mark(msgspec.Struct, frozen=True):
    symbol: str
    time: int
    markPrice: str  # noqa: N815 - the exchange's name
    indexPrice: str = ""  # noqa: N815
    lastFundingRate: str = ""  # noqa: N815
    nextFundingTime: int = 0  # noqa: N815


class _Settled(msgspec.Struct, frozen=True):
    fundingTime: int  # noqa: N815
    fundingRate: str  # noqa: N815
    markPrice: str = ""  # noqa: N815


class _Ticker(msgspec.Struct, frozen=True):
    symbol: str
    quoteVolume: str  # noqa: N815
    closeTime: int  # noqa: N815


class CandleFetcher:
    """Asks one exchange. Every method raises HistoryError when it cannot."""

    def __init__(self, client: RateLimitedClient, route: Route) -> None:
        self._client = client
        self._route = route
        self.can = ["klines", "tickers", "funding"] if route.is_futures else ["klines", "tickers"]
        self._http: httpx.AsyncClient | None = None
        self._users = 0  # of it

    async def bars(self, span: BarSpan, urgent: bool) -> list[Row]:
        """Every candle of a span of at most 1,000: open time, open, high, low, close, volume."""
        symbol, width_ms, from_ms, to_ms = span
        if width_ms not in CANDLE_WIDTHS_MS:
            raise HistoryError(f"the exchange has no candles of {interval_name(width_ms)}")
        limit = (to_ms - from_ms) // width_ms
        query: dict[str, str | int] = {"symbol": symbol, "interval": interval_name(width_ms)}
        query |= {"startTime": from_ms, "endTime": to_ms - 1, "limit": limit}
        weight = self._route.candles_weight(limit)
        found = await self._get(Request(self._route.url_of("klines"), query, weight, urgent), list[Row])
        return [row[:6] for row in found if from_ms <= row[0] < to_ms]

    async def marks(self, symbols: Sequence[str]) -> list[Row]:
        """Funding rows of kind ``mark``, one a symbol that has one."""
        url, wanted = self._route.url_of("premiumIndex"), set(symbols)
        if len(symbols) >= _ALL_AT_ONCE:
            found = await self._get(Request(url, {}, 10), list[_Mark])
        else:
            found = [await self._get(Request(url, {"symbol": symbol}, 1), _Mark) for symbol in symbols]
        return [
            [each.symbol, MARK, each.time, each.lastFundingRate or None, each.markPrice, each.indexPrice or None,
             each.nextFundingTime or None]
            for each in found if each.symbol in wanted
        ]  # fmt: skip

    async def settled(self, symbol: str, since_ms: int) -> list[Row]:
        """Funding rows of kind ``settled``, rising: those since a time, or where it is 0 the newest ones."""
        query: dict[str, str | int] = {"symbol": symbol, "limit": _SETTLED_LIMIT}
        if since_ms:
            query["startTime"] = since_ms
        found = await self._get(Request(self._route.url_of("fundingRate"), query, 1), list[_Settled])
        return [
            [symbol, SETTLED, each.fundingTime, each.fundingRate, each.markPrice or None, None, None] for each in found
        ]

    async def tickers(self) -> tuple[int, list[Row]]:
        """The exchange's clock, and each symbol with its volume of the last 24 hours in quote currency as decimal
        text, the greatest first."""
        request = Request(self._route.url_of("ticker/24hr"), {}, self._route.tickers_weight, urgent=True)
        found = await self._get(request, list[_Ticker])
        found.sort(key=lambda each: -float(each.quoteVolume))
        rows: list[Row] = [[each.symbol, each.quoteVolume] for each in found[:MAX_TICKERS]]
        return max((each.closeTime for each in found), default=0), rows

    async def _get(self, request: Request, kind: Any) -> Any:
        async with self._connections() as http:
            return await self._client.get(http, request, kind)

    @asynccontextmanager
    async def _connections(self) -> AsyncIterator[httpx.AsyncClient]:
        """One set of connections for all requests of a time, closed by the last: to make one takes 25 ms."""
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=None)  # RateLimitedClient has its own
        http, self._users = self._http, self._users + 1
        try:
            yield http
        finally:
            self._users -= 1
            if not self._users:
                self._http = None
                await http.aclose()
