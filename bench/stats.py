"""Speed of ``engine.stats`` against its peers, same data, same run: ``python -m bench.stats``.

Prints a table and exits with 1 when a bound is missed. Compares with filterpy and pykalman if installed (2.0.0 and
0.11.2 were used for the figures in docs/mathematics.md), and always with statsmodels. Every peer and every kernel runs
on one thread, the scan on two: BLAS threads would only slow the peers down on such small matrices.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded

import numpy as np

from engine.stats.checks import Floats
from engine.stats.cointegration import engle_granger_kernel, engle_granger_many
from engine.stats.error_correction import error_correction
from engine.stats.granger_causality import granger_causality
from engine.stats.hedge_interval import METHODS, REFITS, hedge_interval
from engine.stats.kalman import kalman_kernel
from engine.stats.robust import huber_kernel
from engine.stats.rolling import rolling_ols_kernel
from engine.stats.unitroot import AIC, BIC, FIXED, adf_kernel, schwert_cap
from engine.stats.wild_bootstrap import DRAWS, wild_bootstrap_kernel

Row = dict[str, Any]
SYMBOLS, SCAN_BARS = 500, 1440


def seconds(call: Callable[[], object], least: float = 0.5) -> float:
    """Seconds per call: the best of repetitions over ``least`` seconds in total, after one warm-up call."""
    call()
    best, spent = np.inf, 0.0
    while spent < least:
        begun = time.perf_counter()
        call()
        took = time.perf_counter() - begun
        best, spent = min(best, took), spent + took
    return float(best)


def walks(count: int, bars: int, seed: int = 1) -> Floats:
    """Independent random walks, one a row."""
    return np.cumsum(np.random.default_rng(seed).standard_normal((count, bars)), axis=1)


def row(what: str, ours: float, unit: str, **more: object) -> Row:
    """One line of the table; ``bounds`` maps "ours" or "ratio" to ("at least" or "at most", value)."""
    return {"what": what, "ours": ours, "unit": unit, "peer": None, "theirs": None, "ratio": None, "bounds": {}} | more


def missed(line: Row) -> list[str]:
    """The bounds that a line violates."""
    return [
        f"{line['what']}: {key} {line[key]:,.4g}, bound {word} {limit:,}"
        for key, (word, limit) in line["bounds"].items()
        if line[key] is not None and (line[key] < limit if word == "at least" else line[key] > limit)
    ]


def kalman_rows() -> list[Row]:
    """Steps a second of the whole recursion (two states, Joseph form) against object-oriented filters."""
    y, x = walks(2, 1_000_000)
    out = [np.empty_like(y) for _ in range(4)]
    start = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    took = seconds(lambda: kalman_kernel(y, x, 0, 0.0, start.copy(), 0.0, 1e-6, 1e-3, *out))
    ours = y.size / took
    rows = []
    for peer, steps in (("filterpy", filterpy_steps), ("pykalman", pykalman_steps)):
        theirs = steps(y[:500], x[:500]) if installed(peer) else None
        bounds: dict[str, tuple[str, float]] = {"ours": ("at least", 25e6), "ratio": ("at least", 500)}
        ratio = None if theirs is None else ours / theirs
        name = peer if theirs is not None else f"{peer} is not installed"
        rows.append(row("Kalman", ours, "steps/s", peer=name, theirs=theirs, ratio=ratio, bounds=bounds))
    return rows


def installed(name: str) -> bool:
    """Whether a peer can be imported."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def filterpy_steps(y: Floats, x: Floats) -> float:
    """filterpy's predict and update, steps a second."""
    KalmanFilter = importlib.import_module("filterpy.kalman").KalmanFilter

    def run() -> None:
        peer = KalmanFilter(dim_x=2, dim_z=1)
        peer.R, peer.Q = np.array([[1e-3]]), np.diag([0.0, 1e-6])
        for price, other in zip(y, x, strict=True):
            peer.predict()
            peer.update(price, H=np.array([[other, 1.0]]))

    return y.size / seconds(run)


def pykalman_steps(y: Floats, x: Floats) -> float:
    """pykalman's online update, steps a second."""
    KalmanFilter = importlib.import_module("pykalman").KalmanFilter

    def run() -> None:
        peer = KalmanFilter(n_dim_obs=1, n_dim_state=2, transition_covariance=np.diag([0.0, 1e-6]),
                            observation_covariance=np.array([[1e-3]]))  # fmt: skip
        mean, covariance = np.zeros(2), np.eye(2)
        for price, other in zip(y, x, strict=True):
            mean, covariance = peer.filter_update(
                mean, covariance, np.array([price]), observation_matrix=np.array([[other, 1.0]])
            )

    return y.size / seconds(run)


def regression_rows() -> list[Row]:
    """Rolling least squares and one Huber fit against statsmodels."""
    from statsmodels.api import RLM, add_constant
    from statsmodels.regression.rolling import RollingOLS
    from statsmodels.robust.norms import HuberT

    y, x = walks(2, 100_000)
    out = [np.empty_like(y) for _ in range(3)]
    ours = seconds(lambda: rolling_ols_kernel(y, x, 500, 0, *out))
    theirs = seconds(lambda: RollingOLS(y, add_constant(x), 500).fit(params_only=True), 0.1)
    rows = [compared("rolling OLS, 100,000 bars, window 500", ours, theirs, "RollingOLS", 20)]
    y, x = y[:200].copy(), x[:200].copy()
    ours = seconds(lambda: huber_kernel(y, x))
    theirs = seconds(lambda: RLM(y, add_constant(x), M=HuberT()).fit())
    return [*rows, compared("Huber, 200 bars", ours, theirs, "RLM", None)]


def unit_root_rows() -> list[Row]:
    """Unit root tests with AIC lags at 1,440 bars against statsmodels."""
    from statsmodels.tsa.stattools import adfuller, coint

    y, x = walks(2, 1440)
    ours = seconds(lambda: engle_granger_kernel(y, x, AIC, -1))
    theirs = seconds(lambda: coint(y, x))
    rows = [compared("Engle-Granger, AIC, 1,440 bars", ours, theirs, "coint", 250)]
    ours = seconds(lambda: adf_kernel(y, True, AIC, -1))
    theirs = seconds(lambda: adfuller(y, result_object=True))
    return [*rows, compared("ADF, AIC, 1,440 bars", ours, theirs, "adfuller", None)]


def interval_rows() -> list[Row]:
    """A hedge with its error, 500 bars, by estimator; error correction and Granger causality with their lags."""
    y, x = walks(2, 500)
    rows = []
    for estimator in METHODS:
        took = 1e3 * seconds(partial(hedge_interval, y, x, estimator))
        bounds = {"ours": ("at most", 40.0 if estimator in REFITS else 2.0)}
        rows.append(row(f"hedge interval, {estimator}, 500 bars", took, "ms", bounds=bounds))
    took = 1e3 * seconds(lambda: error_correction(y, x))
    rows.append(row("error correction, BIC, 500 bars", took, "ms", bounds={"ours": ("at most", 3.0)}))
    return [*rows, granger_row(np.diff(y), np.diff(x))]


def granger_row(y: Floats, x: Floats) -> Row:
    """Both directions with two lags, against statsmodels."""
    from statsmodels.tsa.stattools import grangercausalitytests

    def both() -> None:
        for pair in ((y, x), (x, y)):
            with contextlib.redirect_stdout(io.StringIO()):
                grangercausalitytests(np.stack(pair, axis=1), [2])

    ours, theirs = seconds(lambda: granger_causality(y, x, 2)), seconds(both)
    return compared("Granger causality, 2 lags, 499 bars", ours, theirs, "grangercausalitytests", 5)


def bootstrap_rows() -> list[Row]:
    """One robust test of a pair that passes, so that it draws nearly to the end: BIC lags, and the most it may take."""
    rows = []
    for bars, bound_ms in ((500, 5.0), (5_000, 60.0)):
        x, own = walks(2, bars)
        y = x + 3.0 * np.diff(own, prepend=0.0)
        cap = schwert_cap(bars, False)
        for criterion, lags in ((BIC, "BIC lags"), (FIXED, f"{cap} lags")):
            draw = partial(wild_bootstrap_kernel, y, x, criterion, cap, 0.05, DRAWS, np.uint64(1))
            _, _, pvalue, draws = draw()
            if not pvalue <= 0.05:
                raise ValueError(f"p is {pvalue} after {draws} draws; expected a pair that passes")
            bound = {"ours": ("at most", bound_ms)}
            rows.append(row(f"robust Engle-Granger, {bars:,} bars, {lags}", 1e3 * seconds(draw), "ms", bounds=bound))
    return rows


def compared(what: str, ours: float, theirs: float, peer: str, least: float | None) -> Row:
    """A line in microseconds with the ratio theirs / ours."""
    bounds = {} if least is None else {"ratio": ("at least", least)}
    return row(what, 1e6 * ours, "us", peer=peer, theirs=1e6 * theirs, ratio=theirs / ours, bounds=bounds)


def scan_rows(threads: int = 2) -> list[Row]:
    """Engle-Granger with AIC lags on all pairs of 500 symbols, one day of minutes, and the peak memory after it."""
    prices = walks(SYMBOLS, SCAN_BARS)
    pairs = np.argwhere(np.tril(np.ones((SYMBOLS, SYMBOLS), dtype=bool), -1))
    tau, beta, lags = np.empty(len(pairs)), np.empty(len(pairs)), np.empty(len(pairs), dtype=np.int64)
    edges = np.linspace(0, len(pairs), 8 * threads + 1).astype(int)

    def part(begin: int, end: int) -> None:
        here = slice(begin, end)
        engle_granger_many(prices, pairs[here], AIC, -1, tau[here], lags[here], beta[here])

    def scan() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, edges[:-1], edges[1:]))

    part(0, 1)
    took = seconds(scan, 0.1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = f"scan of {len(pairs):,} pairs x {SCAN_BARS:,} bars, {threads} threads"
    return [
        row(what, took, "s", bounds={"ours": ("at most", 5.0)}),
        row("peak memory of this process", peak, "MiB", bounds={"ours": ("at most", 1024.0)}),
    ]


def report_rows() -> list[Row]:
    """All tests of one relation, one leg and five, once arch is imported; Gregory-Hansen alone."""
    from engine.stats import gregory_hansen, test_report

    y, x = walks(2, 1_440)
    legs = walks(5, 1_440, seed=2).T
    moved = seconds(lambda: gregory_hansen(y, x), 0.2)
    one, five = seconds(lambda: test_report(y, x), 0.2), seconds(lambda: test_report(y, legs), 0.2)
    return [
        row("Gregory-Hansen, 1,440 bars", 1e3 * moved, "ms", bounds={"ours": ("at most", 150.0)}),
        row("test report, 1,440 bars, one leg", one, "s", bounds={"ours": ("at most", 2.0)}),
        row("test report, 1,440 bars, five legs", five, "s", bounds={"ours": ("at most", 4.0)}),
    ]


def run() -> list[Row]:
    """Every line, printed as it comes."""
    lines: list[Row] = []
    print(f"{'what':<52}{'ours':>14} {'unit':<8}{'theirs':>12}  {'peer':<26}{'ratio':>8}")
    parts = (kalman_rows, regression_rows, unit_root_rows, bootstrap_rows, interval_rows, scan_rows, report_rows)
    for part in parts:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the peers' own
            fresh = part()
        for line in fresh:
            theirs = f"{line['theirs']:>12,.4g}" if line["theirs"] is not None else " " * 12
            ratio = f"{line['ratio']:>8,.0f}" if line["ratio"] is not None else ""
            print(
                f"{line['what']:<52}{line['ours']:>14,.4g} {line['unit']:<8}{theirs}  {line['peer'] or '':<26}{ratio}"
            )
        lines += fresh
    return lines


if __name__ == "__main__":
    late = [text for line in run() for text in missed(line)]
    print("\n".join(late) or "every bound held")
    sys.exit(1 if late else 0)
