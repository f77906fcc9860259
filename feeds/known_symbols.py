"""Whether an exchange has the symbols that a feed is to receive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from engine.market.similar import nearest
from feeds.candles import CandleFetcher
from feeds.rate_limit import HistoryError

log = logging.getLogger("pairbridge.feed")

TOLD = 10


async def wrong_symbols(candles: CandleFetcher, symbols: Sequence[str]) -> str:
    """Which of the symbols the exchange does not trade, each with the nearest one; empty where it trades all. Where it
    does not say what it trades, the symbols count as right: their first trades prove them."""
    try:
        _, rows = await candles.tickers()
    except HistoryError as error:
        log.warning("the symbols %s could not be checked: %s", ", ".join(symbols[:TOLD]), error)
        return ""
    known = {str(row[0]) for row in rows}
    return await asyncio.to_thread(_named, [symbol for symbol in symbols if symbol not in known], known)


def _named(wrong: Sequence[str], known: set[str]) -> str:
    found = []
    for symbol in wrong[:TOLD]:
        near = nearest(symbol, known)
        hint = f"did you mean {near}?" if near else "check its spelling and the market."
        found.append(f"{symbol} is not a symbol of this market; {hint}")
    more = len(wrong) - len(found)
    return " ".join([*found, f"... and {more} more symbols."] if more else found)
