"""The job that scans a universe: has the bars fetched that are missing, reads them, tests every pair, correlates the
most liquid symbols."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from engine.backtest import data_fingerprint
from engine.scan import ScanResult, correlations, scan_universe
from engine.scan.request import ScanRequest
from engine.stats.checks import Floats
from engine.store import open_backend
from engine.store.interface import BarReader
from services.jobs import IsCancelled, JobFailed, Json, Report
from services.scan_bars import MarketBars, read_market
from services.universe_fetch import FetchedUniverse, fetch_universe

MOST_PAIRS = 5_000  # stored pairs; those with the smallest statistics
MOST_MAPPED = 60  # symbols of the correlation map, the most liquid


def run_scan(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, a ``scan`` as ``ScanRequest.to_json`` gives it, and for one that fetches the
    ``bridge_url`` and ``bridge_token`` of the bridge server (None while it has never been started)."""
    threads = max((os.cpu_count() or 1) - 1, 1)  # leaves one core to the live path
    asked, fetched = ScanRequest.from_json(request["scan"]), None
    if asked.symbols:
        if request["bridge_token"] is None:
            raise JobFailed("the bridge server was never started, and candles come through it; start it first")
        fetched = fetch_universe(asked, request["bridge_url"], request["bridge_token"], report, is_cancelled)
    backend = open_backend(Path(request["data_dir"]))
    return scan(asked, backend.bar_reader(), report, is_cancelled, threads, fetched)


def scan(
    request: ScanRequest,
    reader: BarReader,
    report: Report,
    is_cancelled: IsCancelled = lambda: False,
    threads: int | None = None,
    fetched: FetchedUniverse | None = None,
) -> Json:
    """Read, test and correlate; returns plain JSON values, with None for unknown numbers. ``fetched``: the symbols to
    which the scan is limited.

    Raises ScanCancelled once ``is_cancelled()`` is true, StoreError, ValueError for too little data.
    """
    data = read_market(request, reader, report, fetched)
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
        "data": data_fingerprint({symbol: data.prices[symbol].to_numpy() for symbol in result.symbols}),
        "interval_ms": request.interval_ms,
        "from_ms": data.from_ms,
        "to_ms": data.from_ms + len(data.prices) * request.interval_ms,
        "passed": int(is_passed.sum()),
        "found": int(result.pairs["is_found"].sum()),
        "explained": int((result.pairs["explained_by"] != "").sum()),
        "confirmed": int(result.pairs["is_confirmed"].sum()),
        "holes": [symbol for symbol in data.gaps if symbol in result.symbols],
        "candles": round(data.candles, 4),
        "fetched": None if fetched is None else len(fetched.symbols),
        "not_fetched": [] if fetched is None else sorted(map(list, fetched.problems.items())),
        "correlation": _correlation(data, result, request),
        **result.record(MOST_PAIRS),
    }


def _correlation(data: MarketBars, result: ScanResult, request: ScanRequest) -> dict[str, Any] | None:
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
