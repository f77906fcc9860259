"""The overview: every symbol with trades, and every watched pair with what matters about it now."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.backtest.breakeven import LEAST_BARS, CostWall, cost_wall
from engine.errors import StoreError
from engine.pairs.enums import Action
from engine.pairs.layout import Out
from engine.pairs.model import PairModel
from engine.pairs.run import PairRun
from engine.pairs.settings import LEAST_TEST_WINDOW, PairSettings
from engine.pairs.snapshot import Snapshot
from engine.store.interface import BarReader, Watched
from live.heartbeat import Heartbeat, TradeCount
from live.monitor import Monitor
from live.paper import Paper, PaperBooks
from live.watch import Watch

DAY_MS = 86_400_000
TRAIL = 60  # bars of a sparkline
RATE_OVER_S = 30.0
BASE_EVERY_S = 60.0  # between two looks for the price of a day ago
BASE_WITHIN_MS = 600_000


@dataclass(frozen=True, slots=True)
class SymbolNow:
    """One symbol. ``change`` of the price since ``change_ms`` ago, a share; ``rate``: trades a second; ``age_ms``: of
    the last trade, by the market's clock. None where unknown."""

    market: str
    symbol: str
    price: float | None
    change: float | None
    change_ms: int
    rate: float | None
    gaps: int
    age_ms: int | None


@dataclass(frozen=True, slots=True)
class PairNow:
    """One watched pair after its last bar. ``trail``: its last z. ``wall``: None before it can be known;
    ``entries_today``: since midnight UTC."""

    watch: Watched
    settings: PairSettings
    problem: str
    bars: int
    calibrated: bool
    latest: Snapshot | None
    trail: tuple[float, ...]
    wall: CostWall | None
    paper: Paper | None
    entries_today: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at one moment."""

    symbols: list[SymbolNow]
    pairs: list[PairNow]


class _State(NamedTuple):
    """What a pair's record is a function of, beside its settings, which a run keeps. Equal only with the same run."""

    run: PairRun
    revisions: int
    bars: int
    problem: str
    paper: Paper | None  # made anew when it changes


@dataclass(slots=True)
class _Base:
    price: float | None = None
    at_ms: int = 0
    looked_s: float = -math.inf


def trade_rates(
    before: dict[tuple[str, str], TradeCount], now: dict[tuple[str, str], TradeCount], elapsed_s: float
) -> dict[tuple[str, str], float]:
    """Trades a second of each symbol that had any at ``before``. While a server catches up, a second of ours brings
    many of the market's: the longer of both counts."""
    rates = {}
    for key, count in now.items():
        then = before.get(key)
        if then is None or then.trades > count.trades:  # it restarted
            continue
        traded_s = (count.last_ms - then.last_ms) / 1_000 if then.trades else 0.0
        rates[key] = (count.trades - then.trades) / max(elapsed_s, traded_s)
    return rates


class OverviewService:
    """The overview of one monitor. Any thread may call."""

    def __init__(
        self, monitor: Monitor, heartbeat: Heartbeat, books: PaperBooks, open_bars: Callable[[], BarReader]
    ) -> None:
        """``books`` of the paper positions, shared with the pairs' views; ``open_bars`` for the prices of a day ago."""
        self._monitor = monitor
        self._heartbeat = heartbeat
        self._books = books
        self._open_bars = open_bars
        self._bases: dict[tuple[str, str], _Base] = {}
        self._counts: deque[tuple[float, dict[tuple[str, str], TradeCount]]] = deque()
        self._known: dict[int, tuple[_State, PairNow]] = {}

    def overview(self) -> Overview:
        """What is known now. The monitor is held for one pair at a time."""
        with self._monitor.lock:
            watch_ids = list(self._monitor.watches)
        pairs = [found for watch_id in watch_ids if (found := self._pair(watch_id)) is not None]
        self._known = {watch_id: self._known[watch_id] for watch_id in watch_ids if watch_id in self._known}
        return Overview(self._symbols(), pairs)

    def _symbols(self) -> list[SymbolNow]:
        rates = self._rates()
        found = []
        with self._monitor.lock:
            for market, pipeline in sorted(self._monitor.pipelines.items()):
                builder = pipeline.builder
                for symbol in pipeline.symbols():
                    last_ms = builder.last_ms(symbol)
                    age_ms = None if last_ms is None else max(builder.watermark_ms - last_ms, 0)
                    key, price, gaps = (market, symbol), builder.last_price(symbol), builder.gap_count(symbol)
                    found.append((key, price, builder.watermark_ms, gaps, age_ms))
        self._look_up([(key, now_ms) for key, _, now_ms, _, _ in found])
        rows = []
        for key, price, now_ms, gaps, age_ms in found:
            base = self._bases.get(key, _Base())
            change = None if price is None or not base.price else price / base.price - 1.0
            rows.append(SymbolNow(*key, price, change, now_ms - base.at_ms, rates.get(key), gaps, age_ms))
        return rows

    def _look_up(self, wanted: list[tuple[tuple[str, str], int]]) -> None:
        """The price of a day ago, or the first stored one, of the symbols that are due."""
        now_s = time.monotonic()
        due = [each for each in wanted if now_s - self._bases.setdefault(each[0], _Base()).looked_s > BASE_EVERY_S]
        if not due:
            return
        try:
            reader = self._open_bars()
        except StoreError:
            return  # nothing is stored yet
        try:
            firsts = {
                (market, each.symbol): each.first_ms
                for market in {market for (market, _), _ in due}
                for each in reader.symbols(market)
            }
            for (market, symbol), now_ms in due:
                from_ms = max(now_ms - DAY_MS, firsts.get((market, symbol), now_ms))
                bars = reader.read(market, symbol, from_ms, from_ms + BASE_WITHIN_MS)
                base = self._bases[market, symbol] = _Base(looked_s=now_s)
                if bars.close.size:
                    base.price, base.at_ms = float(bars.close[0]), int(bars.open_time_ms[0])
        finally:
            reader.close()

    def _rates(self) -> dict[tuple[str, str], float]:
        """Trades a second over the last half minute, by what the server has received."""
        now_s, counts = time.monotonic(), self._heartbeat.trade_counts()
        if not counts:
            return {}
        self._counts.append((now_s, counts))
        while len(self._counts) > 2 and now_s - self._counts[1][0] >= RATE_OVER_S:
            self._counts.popleft()
        then_s, before = self._counts[0]
        if now_s - then_s < 1.0:
            return {}
        return trade_rates(before, counts, now_s - then_s)

    def _pair(self, watch_id: int) -> PairNow | None:
        """The same object until something about the pair has changed: its cost wall takes milliseconds."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            if watch is None:
                return None
            run = self._monitor.followed(watch)
            if run is None or not run.model.size:
                return PairNow(watch.entry, watch.settings, watch.problem, 0, False, None, (), None, None, 0)
            state = _State(run, run.revisions, run.model.size, watch.problem, self._books.paper(watch_id, run))
            known = self._known.get(watch_id)
            if known is None or known[0] != state:
                known = self._known[watch_id] = state, _pair_now(watch, state)
            return known[1]


def _pair_now(watch: Watch, state: _State) -> PairNow:
    model = state.run.model
    return PairNow(
        watch=watch.entry,
        settings=watch.settings,
        problem=watch.problem,
        bars=model.size,
        calibrated=model.calibration is not None,
        latest=model.snapshot(model.size - 1),
        trail=tuple(model.column(Out.Z, max(model.size - TRAIL, 0)).tolist()),
        wall=_wall(model),
        paper=state.paper,
        entries_today=_entries_today(state.run),
    )


def _wall(model: PairModel) -> CostWall | None:
    if model.calibration is None or model.size < LEAST_BARS:
        return None
    return cost_wall(model, max(model.windows().get("test", LEAST_TEST_WINDOW), LEAST_BARS))  # fewer have no half-life


def _entries_today(run: PairRun) -> int:
    model, width_ms = run.model, run.settings.interval_ms
    last_ms = model.open_time_ms(model.size - 1)
    bars = min((last_ms - last_ms // DAY_MS * DAY_MS) // width_ms + 1, model.size)
    action = model.column(Out.ACTION, model.size - bars)
    return int(np.count_nonzero((action == Action.ENTER_LONG) | (action == Action.ENTER_SHORT)))
