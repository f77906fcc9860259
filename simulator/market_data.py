"""Candles, day statistics, marks and funding as the exchange's REST interface words them.

Funding is a function of symbol and time, so that history and marks agree: 0.01 % every 8 hours, give or take.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from simulator.candles import CANDLES, MINUTE_MS, Candles, grouped, without_gaps
from simulator.trade_history import decimal_text
from simulator.venue import Venue

INTERVALS_MS = {
    "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000, "2h": 7_200_000,
    "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000, "12h": 43_200_000, "1d": 86_400_000,
}  # fmt: skip
FUNDING_MS = 28_800_000
DAY_MS = 86_400_000

Json = dict[str, Any]


def klines(
    venue: Venue, symbol: str, width_ms: int, start_ms: int | None, end_ms: int | None, limit: int
) -> list[list[Any]]:
    """Rows of klines: from the start on, else the last ones up to the end; the newest is still forming."""
    newest_ms = venue.now_ms // width_ms * width_ms
    last_ms = newest_ms if end_ms is None else min(end_ms // width_ms * width_ms, newest_ms)
    if start_ms is None:
        first_ms = last_ms - (limit - 1) * width_ms
    else:
        first_ms = -(-start_ms // width_ms) * width_ms
        last_ms = min(last_ms, first_ms + (limit - 1) * width_ms)
    made_of = venue.at_least(symbol, width_ms, first_ms - DAY_MS) if last_ms >= first_ms else np.empty(0, CANDLES)
    low, high = np.searchsorted(made_of["time_ms"], [first_ms, last_ms + width_ms])
    part = made_of[max(int(low) - 1, 0) : high]  # with the one before, which says where a quiet stretch stands
    wide = without_gaps(grouped(part, width_ms), width_ms, last_ms)
    wide = wide[(wide["time_ms"] >= first_ms) & (wide["time_ms"] <= last_ms)]
    book = venue.book(symbol)
    return [_kline(row, width_ms, book.price_decimals, book.lot_decimals) for row in wide.tolist()]


def ticker(venue: Venue, symbol: str) -> Json | None:
    """The last 24 hours of one symbol, to the minute; None where it has not traded."""
    book, minutes = venue.book(symbol), venue.minutes(symbol, venue.now_ms - DAY_MS - MINUTE_MS)
    part = minutes[minutes["time_ms"] > venue.now_ms - DAY_MS - MINUTE_MS]
    if not len(part):
        return None
    (day,) = grouped(part, 2**62)
    places, lots = book.price_decimals, book.lot_decimals
    opened, last = day["open"] / 10**places, day["close"] / 10**places
    volume = day["volume"] / 10**lots
    return {
        "symbol": symbol, "priceChange": f"{last - opened:.{places}f}",
        "priceChangePercent": f"{100 * (last / opened - 1):.3f}",
        "weightedAvgPrice": f"{day['quote'] / volume if volume else last:.{places}f}",
        "lastPrice": decimal_text(int(day["close"]), places), "openPrice": decimal_text(int(day["open"]), places),
        "highPrice": decimal_text(int(day["high"]), places), "lowPrice": decimal_text(int(day["low"]), places),
        "volume": decimal_text(int(day["volume"]), lots), "quoteVolume": f"{day['quote']:.7f}",
        "openTime": int(part["time_ms"][0]), "closeTime": venue.now_ms, "firstId": int(day["first_id"]),
        "lastId": int(day["last_id"]), "count": int(day["count"]),
    }  # fmt: skip


def premium_index(venue: Venue, symbol: str) -> Json | None:
    """Mark, index and the funding to come; None where the symbol has not traded."""
    price = _price_at(venue, venue.minutes(symbol, venue.now_ms - DAY_MS), symbol, venue.now_ms)
    if price is None:
        return None
    next_ms = (venue.now_ms // FUNDING_MS + 1) * FUNDING_MS
    return {
        "symbol": symbol, "markPrice": price, "indexPrice": price, "estimatedSettlePrice": price,
        "lastFundingRate": funding_rate(symbol, next_ms), "interestRate": "0.00010000", "nextFundingTime": next_ms,
        "time": venue.now_ms,
    }  # fmt: skip


def funding_history(
    venue: Venue, symbols: Iterable[str], start_ms: int | None, end_ms: int | None, limit: int
) -> list[Json]:
    """Settled rates, rising: from the start on, else the last ones."""
    found = []
    for symbol in symbols:
        minutes = venue.minutes(symbol)
        if len(minutes):
            first_ms = -(-int(minutes["time_ms"][0]) // FUNDING_MS) * FUNDING_MS
            times = range(first_ms, min(venue.now_ms, end_ms or venue.now_ms) + 1, FUNDING_MS)
            chosen = [at for at in times if start_ms is None or at >= start_ms]
            found += [
                {"symbol": symbol, "fundingTime": at, "fundingRate": funding_rate(symbol, at),
                 "markPrice": _price_at(venue, minutes, symbol, at) or ""}
                for at in (chosen[:limit] if start_ms is not None else chosen[-limit:])
            ]  # fmt: skip
    found.sort(key=lambda each: (each["fundingTime"], each["symbol"]))
    return found[:limit] if start_ms is not None else found[-limit:]


def funding_rate(symbol: str, time_ms: int) -> str:
    """The rate that is settled at a time, as decimal text of 8 places."""
    digest = hashlib.sha256(f"{symbol}|{time_ms}".encode()).digest()
    noise = sum(digest[:12]) / 12 / 127.5 - 1.0  # about normal, deviation 0.17
    return f"{1e-4 + 3e-4 * noise:.8f}"


def _price_at(venue: Venue, minutes: Candles, symbol: str, time_ms: int) -> str | None:
    """The last price before a time, to the minute."""
    at = int(np.searchsorted(minutes["time_ms"], time_ms, side="right")) - 1
    return None if at < 0 else decimal_text(int(minutes["close"][at]), venue.book(symbol).price_decimals)


def _kline(row: tuple[Any, ...], width_ms: int, places: int, lots: int) -> list[Any]:
    time_ms, open_, high, low, close, volume, quote, count, taker, taker_quote, _, _ = row
    prices = [decimal_text(price, places) for price in (open_, high, low, close)]
    return [
        time_ms, *prices, decimal_text(volume, lots), time_ms + width_ms - 1, f"{quote:.7f}", count,
        decimal_text(taker, lots), f"{taker_quote:.7f}", "0",
    ]  # fmt: skip
