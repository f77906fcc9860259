"""Speed of ``engine.scan`` beside statsmodels: ``python -m bench scan``.

500 symbols, one day of minutes, 60 true pairs among them: all 124,750 pairs with lags by AIC, the hold-out's test,
half-lives, crossings and Hurst exponents, and the finds confirmed, on two threads. The peer is ``coint`` on a sample of
the same pairs, on one thread as it comes.
"""

from __future__ import annotations

import resource
import time
import warnings

import numpy as np
import pandas as pd

from bench.report import Row, row, show
from bench.stats import seconds, walks
from engine.scan import ScanSettings, correlations, scan_universe

SYMBOLS, BARS, SAMPLE = 500, 1_440, 60
TRUE_PAIRS, MOST_FINDS = 60, 100


def universe() -> pd.DataFrame:
    """Independent walks, and TRUE_PAIRS of a half-life of ten bars: everything to be computed, some of it found."""
    logs = 1e-3 * walks(SYMBOLS, BARS)
    shocks = 1e-3 * np.random.default_rng(1).standard_normal((TRUE_PAIRS, BARS))
    for t in range(1, BARS):
        shocks[:, t] += 0.933 * shocks[:, t - 1]
    logs[1 : 2 * TRUE_PAIRS : 2] = 0.8 * logs[: 2 * TRUE_PAIRS : 2] + shocks
    return pd.DataFrame(np.exp(logs).T, columns=[f"S{i:03d}USDT" for i in range(SYMBOLS)])


def scan_rows() -> list[Row]:
    """The whole scan, with and without a hold-out, and its memory."""
    prices = universe()
    scan_universe(prices.iloc[:, :4], threads=2)
    lines = []
    for holdout in (0.3, 0.0):
        chosen = ScanSettings(lags="aic", holdout=holdout)
        begun = time.perf_counter()
        result = scan_universe(prices, chosen, threads=2)
        took = time.perf_counter() - begun
        what = f"{result.tests:,} pairs x {BARS:,} bars, hold-out {holdout:.0%}"
        lines.append(row(what, took, "s", bounds={"ours": ("at most", 4.0)}))
        finds = {"ours": ("at most", MOST_FINDS)}
        lines.append(row("  of which found, and confirmed", int(result.pairs["is_found"].sum()), "pairs", bounds=finds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines.append(row("peak memory of this process", peak, "MiB", bounds={"ours": ("at most", 1024.0)}))
    lines.append(row(f"correlations of {SYMBOLS} symbols, clustered", seconds(lambda: correlations(prices), 0.1), "s"))
    return [*lines, peer_row(prices, 2 * lines[2]["ours"] / (SYMBOLS * (SYMBOLS - 1) / 2))]


def peer_row(prices: pd.DataFrame, ours: float) -> Row:
    """Seconds per pair on one thread: the whole scan against the peer's statistic alone."""
    from statsmodels.tsa.stattools import coint

    logs = np.log(prices.to_numpy())
    pairs = np.random.default_rng(0).choice(SYMBOLS, (SAMPLE, 2))
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer's own
        for y, x in pairs:
            if y != x:
                coint(logs[:, y], logs[:, x], autolag="aic")
    theirs = (time.perf_counter() - begun) / SAMPLE
    return row(
        "one pair of the scan, one thread", 1e6 * ours, "us", peer="statsmodels coint, AIC", theirs=1e6 * theirs,
        ratio=theirs / ours,
    )  # fmt: skip


def run() -> list[Row]:
    """Every line."""
    lines = scan_rows()
    show(lines)
    return lines
