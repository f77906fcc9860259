"""What a bridge in Python answers when the server asks for candles, funding or volumes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from engine.intake.history_messages import MAX_FUNDING_ROWS, BarSpan
from engine.market.funding import MARK
from feeds.rate_limit import HistoryError

log = logging.getLogger("pairbridge.feed")

ASKED_HISTORY = ("fetch_bars", "fetch_funding", "fetch_tickers")  # what ``answers`` takes

Message = dict[str, Any]


class HistorySource(Protocol):
    """See ``feeds.candles.CandleFetcher``."""

    can: list[str]

    async def bars(self, span: BarSpan, urgent: bool) -> list[list[Any]]:
        """Every candle of a span."""

    async def marks(self, symbols: Sequence[str]) -> list[list[Any]]:
        """How funding stands."""

    async def settled(self, symbol: str, since_ms: int) -> list[list[Any]]:
        """Rates that were paid."""

    async def tickers(self) -> tuple[int, list[list[Any]]]:
        """The exchange's clock, and every symbol's volume of a day."""


async def answers(source: HistorySource, asked: Message) -> AsyncIterator[Message]:
    """What to send for ``fetch_bars``, ``fetch_funding`` or ``fetch_tickers``. Funding that cannot be had is asked for
    again anyway."""
    if asked["type"] == "fetch_tickers":
        yield await _tickers(source)
        return
    if asked["type"] == "fetch_bars":
        span = BarSpan(*(asked[key] for key in BarSpan._fields))
        try:
            rows = await source.bars(span, asked.get("urgent") is True)
        except HistoryError as error:
            yield {"type": "unfetchable_bars", **span._asdict(), "reason": str(error)[:500]}
        else:
            yield {"type": "bars", **span._asdict(), "rows": rows}
        return
    try:
        for rows in await _funding(source, asked):
            yield {"type": "funding", "rows": rows}
    except HistoryError as error:
        log.info("no funding of %s: %s", ", ".join(asked["symbols"][:5]), error)


async def _tickers(source: HistorySource) -> Message:
    try:
        time_ms, rows = await source.tickers()
    except HistoryError as error:
        return {"type": "unfetchable_tickers", "reason": str(error)[:500]}
    return {"type": "tickers", "time_ms": time_ms, "rows": rows}


async def _funding(source: HistorySource, asked: Message) -> list[list[list[Any]]]:
    symbols = asked["symbols"]
    if asked["kind"] == MARK:
        rows = await source.marks(symbols)
    else:
        rows = [row for symbol in symbols for row in await source.settled(symbol, asked["since_ms"])]
    return [rows[at : at + MAX_FUNDING_ROWS] for at in range(0, len(rows), MAX_FUNDING_ROWS)]
