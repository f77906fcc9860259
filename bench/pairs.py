"""Speed and memory of ``engine.pairs``: ``python -m bench pairs``.

A pair over a day of one-second bars, fully recomputed, with every estimator; and all 190 pairs of twenty symbols live,
trade by trade through the monitor's pipeline, one new one-second bar each.
"""

from __future__ import annotations

import gc
import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.report import Row, row, show
from bench.stats import seconds
from engine.market.history import MemoryHistory
from engine.market.records import Run
from engine.market.ticks import Tick
from engine.pairs import PairModel, PairSettings, classic, defended, evidence_of
from engine.pairs.growable_array import GrowableArray
from engine.pairs.layout import Floats, Out
from engine.pairs.leg_features import BAR_ROWS, X_HALF, Y_HALF, X, Y
from engine.pairs.pipeline import Pipeline
from engine.pairs.settings import ESTIMATORS
from engine.stats.jit import njit

BARS = 86_400
SYMBOLS = 20
HISTORY_S, LIVE_S = 1_200, 240
START_MS = 1_790_046_000_000
A_MINUTE = classic(interval_ms=1_000, gate_every=60)  # the gate is tested once a minute
TOGETHER = 6  # symbols that keep together: of their pairs and those of noise a fifth pass their first test


@njit
def _ar1(shocks: Floats, phi: float) -> Floats:
    out = np.empty_like(shocks)
    level = 0.0
    for t in range(shocks.size):
        level = phi * level + shocks[t]
        out[t] = level
    return out


def day() -> Floats:
    """A day of one-second bars of a pair with a half-life of 23 bars, in the model's format."""
    rng = np.random.default_rng(0)
    x = np.log(6e4) + np.cumsum(rng.normal(0, 1e-4, BARS))
    bars = np.zeros((BAR_ROWS, BARS))
    bars[Y], bars[X] = np.exp(0.9 * x + _ar1(rng.normal(0, 2e-4, BARS), 0.97)), np.exp(x)
    bars[[Y_HALF, X_HALF]] = 1e-5
    bars[BAR_ROWS - 2 :] = np.nan
    return bars


def growth_rows() -> list[Row]:
    """The longest bar of one table per pair, growing together; the peer doubles its capacity."""
    pairs, bars, rows = SYMBOLS * (SYMBOLS - 1) // 2, 20_000, len(Out)
    ours = [GrowableArray(rows) for _ in range(pairs)]
    doubled = [np.empty((rows, 1_024)) for _ in range(pairs)]
    longest_s = [0.0, 0.0]
    for size in range(1, bars):
        began_s = time.perf_counter()
        for table in ours:
            table.hold(size)
        between_s = time.perf_counter()
        for at, table in enumerate(doubled):
            if size > table.shape[1]:
                doubled[at] = np.empty((rows, 2 * table.shape[1]))
                doubled[at][:, : table.shape[1]] = table
        ended_s = time.perf_counter()
        longest_s = [max(longest_s[0], between_s - began_s), max(longest_s[1], ended_s - between_s)]
    mine, theirs = (1_000 * each for each in longest_s)
    what = f"{pairs} pairs grow to {bars:,} bars: longest bar"
    return [row(what, mine, "ms", peer="room doubled at once", theirs=theirs, ratio=theirs / mine)]


def whole_rows() -> list[Row]:
    """Milliseconds for the whole day, and microseconds for one bar more."""
    bars = day()

    def recompute(chosen: PairSettings) -> PairModel:
        model = PairModel(chosen, START_MS // 1_000)
        model.extend(bars)
        return model

    ways = {"Kalman, gate tested every minute": (A_MINUTE, {"ours": ("at most", 60.0)})}
    ways |= {f"{name}, the same": (replace(A_MINUTE, estimator=name), {}) for name in ESTIMATORS[1:]}
    ways["Kalman, gate tested every 12 s"] = (classic(interval_ms=1_000), {})
    ways["defended, gate tested every minute"] = (defended(interval_ms=1_000, gate_every=60), {})
    lines = [
        row(f"86,400 bars, {name}", 1e3 * seconds(partial(recompute, way)), "ms", bounds=bounds)
        for name, (way, bounds) in ways.items()
    ]
    model = recompute(A_MINUTE)
    more = bars[:, :1].copy()
    lines.append(row("one bar more", 1e6 * _each(lambda: model.extend(more), 5_000), "us"))
    free = recompute(replace(A_MINUTE, gate="off"))
    bound = {"ours": ("at most", 6.0)}
    median_us = 1e6 * _median(lambda: free.extend(more))
    lines.append(row("one bar more without a gate, median", median_us, "us", bounds=bound))
    for name in ("kalman", "huber", "theil-sen"):  # the last two with a bootstrapped error of the hedge
        judged = model if name == "kalman" else recompute(replace(A_MINUTE, estimator=name))
        took = 1e3 * seconds(partial(evidence_of, judged))
        lines.append(row(f"evidence of a pair, on demand, {name}", took, "ms", bounds={"ours": ("at most", 30.0)}))
    return lines


def _median(call: Callable[[], object], times: int = 5_000) -> float:
    spent_s = []
    for _ in range(times):
        begun_s = time.perf_counter()
        call()
        spent_s.append(time.perf_counter() - begun_s)
    return float(np.median(spent_s))


def _each(call: Callable[[], object], times: int) -> float:
    begun = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - begun) / times


def trade_history(total_s: int, together: int = 0) -> Iterator[list[Tick]]:
    """Second by second: every symbol trades once at its bid and once at its ask.

    The first ``together`` symbols leave what all have in common for some seconds only.
    """
    rng = np.random.default_rng(1)
    common = np.cumsum(rng.normal(0, 1e-4, total_s))
    own = rng.normal(0, 6e-5, (SYMBOLS, total_s))
    away = np.array([_ar1(each, 0.9 if at < together else 1.0) for at, each in enumerate(own)])
    prices = 100.0 * np.exp(common + away)
    for second in range(total_s):
        now_ms = START_MS + 1_000 * second
        ticks = []
        for side, i in itertools.product((0, 1), range(SYMBOLS)):
            price = round(float(prices[i, second]) * (1 + (2 * side - 1) * 1e-5), 8)
            at_ms = now_ms + 400 * side + 7 * i
            ticks.append(Tick(f"S{i:02d}USDT", 2 * second + side + 1, price, 1.0, at_ms, side == 0))
        yield ticks


class LiveMarket:
    """Twenty symbols and their 190 pairs, followed live from the first second after ``history_s``."""

    def __init__(
        self, chosen: PairSettings, history_s: int, live_s: int, together: int = 0,
        begun: Callable[[Pipeline], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """``begun`` gets the pipeline before the first live second."""
        history = MemoryHistory()
        self.pipeline = pipeline = Pipeline(history)
        seq, seconds_of = 0, trade_history(history_s + live_s, together)
        for _ in range(history_s):
            for tick in next(seconds_of):
                seq += 1
                history.add(seq, tick)
                pipeline.feed(seq, tick)
        before, begun_s = _resident_mib(), time.perf_counter()
        names = [f"S{i:02d}USDT" for i in range(SYMBOLS)]
        self.pairs = [(y, x) for i, y in enumerate(names) for x in names[:i]]
        for y, x in self.pairs:
            pipeline.begin(Run(f"{y} {x}", "sim", y, x, 1_000, chosen.to_json(), "bench", START_MS, seq), seq)
        self.begun_ms, self.memory_mib = 1e3 * (time.perf_counter() - begun_s), _resident_mib() - before
        begun(pipeline)
        self.spent_ms: list[float] = []  # by each live second
        for ticks in seconds_of:
            for tick in ticks:
                history.add(seq + 1, tick)
            begun_s = time.perf_counter()
            for tick in ticks:
                seq += 1
                pipeline.feed(seq, tick)
            self.spent_ms.append(1e3 * (time.perf_counter() - begun_s))


def live_rows() -> list[Row]:
    """190 pairs: memory after 1,200 bars of history, and what each further second costs."""
    market = LiveMarket(A_MINUTE, HISTORY_S, LIVE_S)
    bound = {"ours": ("at most", 50.0)}
    what = f"{len(market.pairs)} pairs, one new 1 s bar each"
    return [
        row(f"{len(market.pairs)} pairs begun over {HISTORY_S:,} bars", market.begun_ms, "ms"),
        row(f"their memory with {HISTORY_S:,} bars each", market.memory_mib, "MiB"),
        row(f"{what}, median", float(np.median(market.spent_ms)), "ms", bounds=bound),
        row(f"{what}, 95 %", float(np.quantile(market.spent_ms, 0.95)), "ms", bounds=bound),
        row(f"{what}, the worst of {LIVE_S} (all are tested)", max(market.spent_ms), "ms"),
    ]


def robust_rows() -> list[Row]:
    """190 robust gates whose first test is live: in the worst second all are tested, and those that pass draw."""
    market = LiveMarket(classic(interval_ms=1_000, gate_every=60, gate="robust"), 480, 120, TOGETHER)
    models = [run.model for run in market.pipeline.runs.values()]
    first = [int(np.flatnonzero(~np.isnan(model.column(Out.GATE)))[0]) for model in models]
    passed = sum(
        model.column(Out.GATE_STATISTIC)[at] < model.column(Out.GATE_CRITICAL)[at]
        for model, at in zip(models, first, strict=True)
    )
    drawn = sum(not math.isnan(model.column(Out.GATE_BOOTSTRAP)[at]) for model, at in zip(models, first, strict=True))
    if not passed == drawn >= len(models) // 5:
        raise ValueError(f"{passed} of {len(models)} pairs pass and {drawn} draw; expected a fifth, and as many")
    what = f"robust gates of {len(models)} pairs, {passed} pass and draw"
    return [
        row(f"{what}: worst second", max(market.spent_ms), "ms", bounds={"ours": ("at most", 250.0)}),
        row(f"{what}: 95 %", float(np.quantile(market.spent_ms, 0.95)), "ms", bounds={"ours": ("at most", 50.0)}),
    ]


def _resident_mib() -> float:
    """Memory of this process; 0 if unknown."""
    gc.collect()
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * 4096 / 2**20 if pages.exists() else 0.0


def run() -> list[Row]:
    """Every line, printed as it comes."""
    lines = []
    for number, part in enumerate((whole_rows, live_rows, robust_rows, growth_rows)):
        fresh = part()
        show(fresh, heading=number == 0)
        lines += fresh
    return lines
