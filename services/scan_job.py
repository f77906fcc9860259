"""The job that scans a universe: reads a market's bars, tests every pair, correlates the most liquid symbols."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from engine.market.intervals import bar_open
from engine.scan import ScanResult, correlations, scan_universe
from engine.scan.prices import closing_prices
from engine.scan.request import ScanRequest
from engine.stats.checks import Floats
from engine.store import open_backend
from engine.store.interface import BarReader
from services.jobs import IsCancelled, Json, Report

MOST_PAIRS = 5_000  # stored pairs; those with the smallest statistics
MOST_MAPPED = 60  # symbols of the correlation map, the most liquid


class _Data(NamedTuple):
    """Bars by symbol: closing prices, NaN without a trade, and quote volumes."""

    prices: pd.DataFrame
    volumes: pd.DataFrame
    from_ms: int
    gaps: list[str]  # symbols with missing ids


def run_scan(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, and a ``scan`` in the form of ``ScanRequest.to_json``."""
    threads = max((os.cpu_count() or 1) - 1, 1)  # leaves one core to the live path
    backend = open_backend(Path(request["data_dir"]))
    return scan(ScanRequest.from_json(request["scan"]), backend.bar_reader(), report, is_cancelled, threads)


def scan(
    request: ScanRequest,
    reader: BarReader,
    report: Report,
    is_cancelled: IsCancelled = lambda: False,
    threads: int | None = None,
) -> Json:
    """Read, test and correlate; returns plain JSON values, with None for unknown numbers.

    Raises ScanCancelled once ``is_cancelled()`` is true, StoreError, ValueError for too little data.
    """
    data = _read(request, reader, report)
    result = scan_universe(
        data.prices,
        request.settings,
        volume=data.volumes,
        threads=threads,
        progress=lambda done, total: report("testing pairs", done, total),
        is_cancelled=is_cancelled,
    )
    report("correlating", 0, 1)
    is_passed = result.pairs["statistic"] < result.pairs["critical_5"]
    return {
        "market": request.market,
        "interval_ms": request.interval_ms,
        "from_ms": data.from_ms,
        "to_ms": data.from_ms + len(data.prices) * request.interval_ms,
        "passed": int(is_passed.sum()),
        "found": int(result.pairs["is_found"].sum()),
        "explained": int((result.pairs["explained_by"] != "").sum()),
        "confirmed": int(result.pairs["is_confirmed"].sum()),
        "holes": [symbol for symbol in data.gaps if symbol in result.symbols],
        "correlation": _correlation(data, result, request),
        **result.record(MOST_PAIRS),
    }


def _read(request: ScanRequest, reader: BarReader, report: Report) -> _Data:
    width_ms = request.interval_ms
    watermark_ms, symbols = reader.watermark_ms(request.market), reader.symbols(request.market)
    if watermark_ms is None or len(symbols) < 2:
        raise ValueError(f"market {request.market} has {len(symbols)} symbols with trades; expected at least 2")
    to_ms = bar_open(watermark_ms, width_ms)  # the last bar is complete
    begun_ms = bar_open(min(each.first_ms for each in symbols) + width_ms - 1, width_ms)
    from_ms = max(to_ms - request.span_ms, begun_ms)
    bars = (to_ms - from_ms) // width_ms
    if bars < 2:
        raise ValueError(f"market {request.market} has {max(bars, 0)} complete bars; expected at least 2")
    prices, volumes = {}, {}
    for number, (symbol, _, _) in enumerate(symbols):
        report("reading symbols", number, len(symbols))
        found = reader.read(request.market, symbol, from_ms, to_ms)
        slots, first = found.open_time_ms // width_ms, from_ms // width_ms
        quotes = (found.low, found.high, found.close, found.bid, found.ask)
        prices[symbol] = closing_prices(slots, quotes, found.is_sided, first, bars)
        volumes[symbol] = np.bincount(slots - first, found.quote_volume, bars)
    reader.close()
    closes = pd.to_datetime(from_ms + width_ms * np.arange(1, bars + 1), unit="ms", utc=True)
    gaps = [each.symbol for each in symbols if each.has_gap]
    return _Data(pd.DataFrame(prices, index=closes), pd.DataFrame(volumes, index=closes), from_ms, gaps)


def _correlation(data: _Data, result: ScanResult, request: ScanRequest) -> dict[str, Any] | None:
    """Both maps of the most liquid symbols; None where fewer than two are left."""
    shown = list(result.symbols[:MOST_MAPPED])
    if len(shown) < 2:
        return None
    found = correlations(data.prices[shown], settings=request.settings)
    return {
        "symbols": list(found.symbols),
        "pearson": _plain(np.asarray(found.pearson)),
        "hayashi_yoshida": _plain(np.asarray(found.hayashi_yoshida)),
    }


def _plain(matrix: Floats) -> list[list[float | None]]:
    return [[None if math.isnan(value) else round(value, 4) for value in row] for row in matrix.tolist()]
