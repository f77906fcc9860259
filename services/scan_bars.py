"""The bars of a market for a scan: closing prices and volumes of every symbol, from its trades, and where those are not
whole from the exchange's candles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.market.intervals import bar_open
from engine.market.sourced import SourcedBar
from engine.scan.prices import closing_prices
from engine.scan.request import ScanRequest
from engine.stats.checks import Floats
from engine.store.interface import BarReader, SymbolExtent
from services.jobs import Report
from services.universe_fetch import FetchedUniverse


class MarketBars(NamedTuple):
    """By symbol, closing prices, NaN without a trade, and quote volumes. ``candles``: the share of the prices that are
    the exchange's candles; ``gaps``: symbols of which trades are missing where no candle stands in."""

    prices: pd.DataFrame
    volumes: pd.DataFrame
    from_ms: int
    gaps: list[str]
    candles: float


class _Stored(NamedTuple):
    """What there is of a market: its symbols in order, from when, and up to which bar's end."""

    traded: dict[str, SymbolExtent]
    symbols: list[str]
    begun_ms: int
    end_ms: int


def read_market(
    request: ScanRequest, reader: BarReader, report: Report, fetched: FetchedUniverse | None = None
) -> MarketBars:
    """The bars that are scanned: of the symbols ``fetched``, else of all that have any. Closes the reader.

    Raises ValueError where the store holds too little, StoreError.
    """
    width_ms = request.interval_ms
    stored = _stored(request, reader, fetched)
    from_ms = max(stored.end_ms - bar_open(request.span_ms, width_ms), stored.begun_ms)
    bars = (stored.end_ms - from_ms) // width_ms
    if bars < 2:
        raise ValueError(f"market {request.market} has {max(bars, 0)} complete bars; expected at least 2")
    prices, volumes, gaps, of_candles = {}, {}, [], 0
    for number, symbol in enumerate(stored.symbols):
        report("reading symbols", number, len(stored.symbols))
        closes, traded = _from_ticks(request, reader, symbol, from_ms, bars, stored.traded.get(symbol))
        found = reader.sourced_bars(request.market, symbol, width_ms, from_ms, stored.end_ms)
        is_candle = _stand_in(closes, traded, found, from_ms // width_ms, stored.traded.get(symbol))
        prices[symbol], volumes[symbol] = closes, traded
        of_candles += int(is_candle.sum())
        if symbol in stored.traded and stored.traded[symbol].has_gap and len(found) < bars:
            gaps.append(symbol)
    reader.close()
    times = pd.to_datetime(from_ms + width_ms * np.arange(1, bars + 1), unit="ms", utc=True)
    frame = pd.DataFrame(prices, index=times)
    known = int(frame.notna().to_numpy().sum())
    return MarketBars(frame, pd.DataFrame(volumes, index=times), from_ms, gaps, of_candles / known if known else 0.0)


def _stored(request: ScanRequest, reader: BarReader, fetched: FetchedUniverse | None) -> _Stored:
    market, width_ms = request.market, request.interval_ms
    traded = {each.symbol: each for each in reader.symbols(market)}
    sourced = [
        each for each in reader.sourced_extents() if each.market == market and width_ms % each.width_ms == 0
    ]  # fmt: skip
    symbols = {*traded, *(each.symbol for each in sourced)}
    if fetched is not None:
        symbols &= set(fetched.symbols)
    if len(symbols) < 2:
        raise ValueError(f"market {market} has {len(symbols)} symbols with trades or candles; expected at least 2")
    begins = [each.first_ms for each in traded.values() if each.symbol in symbols]
    begins += [each.first_ms for each in sourced if each.symbol in symbols]
    begun_ms = bar_open(min(begins) + width_ms - 1, width_ms)
    if fetched is not None:
        return _Stored(traded, [name for name in fetched.symbols if name in symbols], begun_ms, fetched.until_ms)
    ends = [bar_open(each.end_ms, width_ms) for each in sourced]
    watermark_ms = reader.watermark_ms(market)  # in the bar that is not complete
    ends += [] if watermark_ms is None else [bar_open(watermark_ms, width_ms)]
    return _Stored(traded, sorted(symbols), begun_ms, max(ends))


def _from_ticks(
    request: ScanRequest, reader: BarReader, symbol: str, from_ms: int, bars: int, extent: SymbolExtent | None
) -> tuple[Floats, Floats]:
    """Closing prices and quote volumes of one symbol's trades."""
    if extent is None:
        return np.full(bars, np.nan), np.zeros(bars)
    width_ms = request.interval_ms
    found = reader.read(request.market, symbol, from_ms, from_ms + bars * width_ms)
    slots, first = found.open_time_ms // width_ms, from_ms // width_ms
    quotes = (found.low, found.high, found.close, found.bid, found.ask)
    closes = closing_prices(slots, quotes, found.is_sided, first, bars)
    return closes, np.bincount(slots - first, found.quote_volume, bars).astype(np.float64)  # or whole numbers, of none


def _stand_in(
    closes: Floats, volumes: Floats, candles: Sequence[SourcedBar], first: int, extent: SymbolExtent | None
) -> npt.NDArray[np.bool_]:
    """Put candles where trades are not whole: in bars that open before the first trade, and in those without any; where
    ids are missing in every bar, since which ones they touch is not known here. Returns where.

    Quote volume is volume times close: a candle is stored without its own.
    """
    is_candle = np.zeros(closes.size, dtype=bool)
    for bar in candles:
        slot = bar.open_time_ms // bar.width_ms - first
        is_whole = extent is not None and not extent.has_gap and bar.open_time_ms >= extent.first_ms
        if bar.volume > 0.0 and not (is_whole and closes[slot] == closes[slot]):
            closes[slot], volumes[slot], is_candle[slot] = bar.close, bar.volume * bar.close, True
    return is_candle
