"""A model of the dashboard's process: for any input in any order, with kills, restarts and deleted files, its decisions
equal those of a dashboard that reads the same store once, from start to end."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import live.monitor as monitor_module
from engine.market.records import Batch, Event
from engine.market.sourced import SourcedBar
from engine.market.ticks import Tick
from engine.store.interface import Now
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.writer import SqliteTickWriter
from live.monitor import Monitor
from tests.engine.pairs.markets import SETTINGS, T0, make_ticks
from tests.engine.pairs.test_stand_ins import candles

PAIR = ("YUSDT", "XUSDT", SETTINGS)
MARKETS = ("sim", "spot")
MARKET_TICKS = {market: make_ticks(seed, 6 * 260) for seed, market in enumerate(MARKETS, 21)}
CANDLES = {
    (market, symbol): candles(ticks, symbol) for market, ticks in MARKET_TICKS.items() for symbol in ("YUSDT", "XUSDT")
}
DAY_MS = 86_400_000


class Dashboard(RuleBasedStateMachine):
    """The real tick store, analysis store and monitor, in a folder of their own."""

    @initialize()
    def begin(self) -> None:
        self.check_every_s, monitor_module.CHECK_EVERY_S = monitor_module.CHECK_EVERY_S, 0.0
        self.folder = Path(tempfile.mkdtemp())
        self.at = dict.fromkeys(MARKETS, 0)  # how many trades of each market have happened
        self.later_ms = dict.fromkeys(MARKETS, 0)  # pauses so far
        self.lost: dict[str, list[Tick]] = {market: [] for market in MARKETS}
        self.now_ms = T0
        self._store([], [])
        self.monitor = self._fresh()
        for market in MARKETS:
            self.trades(market, 900, False)

    def teardown(self) -> None:
        if hasattr(self, "monitor"):
            self._read_all()
            self.monitor.close()
            monitor_module.CHECK_EVERY_S = self.check_every_s
            assert decided(self.folder) == self._expected()
            shutil.rmtree(self.folder)

    @rule(market=st.sampled_from(MARKETS), count=st.sampled_from([1, 30, 300, 900]), lose=st.booleans())
    def trades(self, market: str, count: int, lose: bool) -> None:
        """The next trades; some of one symbol do not come yet."""
        happened = MARKET_TICKS[market][self.at[market] : self.at[market] + count]
        self.at[market] += len(happened)
        moved = [tick._replace(trade_time_ms=tick.trade_time_ms + self.later_ms[market]) for tick in happened]
        missing = [tick for tick in moved[len(moved) // 3 : len(moved) // 2] if tick.symbol == "YUSDT"] if lose else []
        self.lost[market] += missing
        kept = [tick for tick in moved if tick not in missing]
        self._store([(market, kept)] if kept else [], [])

    @precondition(lambda self: any(self.lost.values()))
    @rule(market=st.sampled_from(MARKETS), share=st.sampled_from([0.5, 1.0]))
    def late_fill(self, market: str, share: float) -> None:
        lost = self.lost[market]
        found, self.lost[market] = lost[: int(len(lost) * share)], lost[int(len(lost) * share) :]
        if found:
            self._store([(market, found)], [])

    @rule(market=st.sampled_from(MARKETS), pause_ms=st.sampled_from([60_000, 600_000, 30 * DAY_MS, 365 * DAY_MS]))
    def pause(self, market: str, pause_ms: int) -> None:
        self.later_ms[market] += pause_ms

    @rule(
        market=st.sampled_from(MARKETS), at_ms=st.sampled_from([1_230_768_000_000, T0 - 90 * DAY_MS, 4_000_000_000_000])
    )
    def a_time_that_cannot_be(self, market: str, at_ms: int) -> None:
        """Years early, or years ahead: under an id of another symbol, or it would be a revision of these."""
        ids = int(at_ms // 1_000)
        self._store([(market, [Tick("ZUSDT", ids, 1.5, 1.0, at_ms, True)])], [])

    @rule(
        market=st.sampled_from(MARKETS),
        symbol=st.sampled_from(["YUSDT", "XUSDT"]),
        begin=st.integers(-600, 700),
        count=st.sampled_from([1, 20, 200, 700]),
    )
    def candles(self, market: str, symbol: str, begin: int, count: int) -> None:
        """An exchange's candles of the time before the first trade, or beside the trades; also those of a pause ago."""
        later_ms = self.later_ms[market] - self.later_ms[market] % SETTINGS.interval_ms
        happened = CANDLES[market, symbol]
        chosen = [happened[slot % len(happened)] for slot in range(begin, begin + count)]
        times = [T0 + slot * SETTINGS.interval_ms + later_ms for slot in range(begin, begin + count)]
        bars = [bar._replace(open_time_ms=at) for bar, at in zip(chosen, times, strict=True)]
        asyncio.run(self._keep(market, bars))

    @rule(market=st.sampled_from(MARKETS), state=st.sampled_from(["up", "down"]))
    def bridge(self, market: str, state: str) -> None:
        self._store([], [Event("bridge", market, None, {"state": state})])

    @rule(limit=st.sampled_from([1, 50, 1_000]), steps=st.integers(1, 4))
    def read(self, limit: int, steps: int) -> None:
        for _ in range(steps):
            self.monitor.step(limit)

    @rule()
    def kill(self) -> None:
        """Nothing is saved any more; the file is as the last commit left it."""
        self.monitor.analysis.roll_back()
        self.monitor = self._fresh()

    @rule()
    def restart(self) -> None:
        self.monitor.close()
        self.monitor = self._fresh()

    @rule(parts=st.sampled_from([("",), ("", "-wal", "-shm"), ("-wal", "-shm")]))
    def delete(self, parts: tuple[str, ...]) -> None:
        for part in parts:
            (self.folder / f"analysis.db{part}").unlink(missing_ok=True)
        self.monitor.step(1)

    @invariant()
    def nothing_is_laid_out_through_a_gap(self) -> None:
        if hasattr(self, "monitor"):
            for pipeline in self.monitor.pipelines.values():
                assert sum(leg.size for leg in pipeline._legs) < 20_000

    def _fresh(self) -> Monitor:
        return Monitor(
            partial(SqliteTickReader, self.folder / "ticks.db"), SqliteAnalysis(self.folder / "analysis.db"), PAIR
        )

    def _read_all(self) -> None:
        while self.monitor.step():
            pass

    def _store(self, batches: list[tuple[str, list[Tick]]], events: list[Event]) -> None:
        times = [tick.trade_time_ms for _, ticks in batches for tick in ticks if tick.symbol != "ZUSDT"]
        self.now_ms = max([self.now_ms, *times])
        asyncio.run(self._commit(batches, events))

    async def _commit(self, batches: list[tuple[str, list[Tick]]], events: list[Event]) -> None:
        writer = await SqliteTickWriter.open(self.folder / "ticks.db")
        made = [Batch(0, number, market, tuple(ticks)) for number, (market, ticks) in enumerate(batches)]
        await writer.commit(made, events, Now(self.now_ms, self.now_ms - T0))
        await writer.close()

    async def _keep(self, market: str, bars: list[SourcedBar]) -> None:
        writer = await SqliteTickWriter.open(self.folder / "ticks.db")
        await writer.store_bars(market, bars)
        await writer.close()

    def _expected(self) -> list[tuple[Any, ...]]:
        """The decisions of a dashboard that reads everything at once."""
        once = Path(tempfile.mkdtemp())
        shutil.copy(self.folder / "ticks.db", once)
        reading = Monitor(partial(SqliteTickReader, once / "ticks.db"), SqliteAnalysis(once / "analysis.db"), PAIR)
        while reading.step():
            pass
        reading.close()
        found = decided(once)
        shutil.rmtree(once)
        return found


def decided(folder: Path) -> list[tuple[Any, ...]]:
    """Every run with its end and its decisions; without local times."""
    with closing(sqlite3.connect(folder / "analysis.db")) as db:
        return db.execute(
            "SELECT r.run_id, r.start_ms, r.began_seq, r.ended_seq, r.end_reason, d.bar_ms, d.revision, d.kind,"
            " d.reason, d.z, d.y_price, d.quantity_y, d.given_seq"
            " FROM runs AS r LEFT JOIN decisions AS d USING (run_id)"
            " ORDER BY r.began_seq, r.run_id, d.bar_ms, d.revision"
        ).fetchall()


TestDashboard = Dashboard.TestCase
TestDashboard.settings = hypothesis.settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
