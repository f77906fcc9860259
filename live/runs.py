"""The runs of the watched pairs: their start, resumption after a restart, and end. The caller holds the lock.

A run is one pair analysed with fixed settings from one bar on. All methods take the current cursor, because a run's
identity and its first decisions depend on the position in commit order at which it started. The caller commits the
changes to the store, together with the cursor.
"""

from __future__ import annotations

import hashlib
import logging
import time

from engine.errors import SettingsError, StoreError
from engine.market.records import Decision, Run, RunEnd
from engine.pairs.enums import Reason
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.store.interface import AnalysisStore, Cursor, LoggedDecision, Watched
from live.code_version import code_version
from live.paper import PaperBooks
from live.watch import Watch

log = logging.getLogger("pairbridge.monitor")

HISTORY_BARS = 20_000  # the most history of a new run


class Runs:
    """``watches`` by id, and ``pipelines`` by market, which hold the runs of the watches."""

    def __init__(self, analysis: AnalysisStore, default_pair: tuple[str, str, PairSettings]) -> None:
        """``default_pair``: (Y, X, settings), watched once in every market in which both trade."""
        self.pipelines: dict[str, Pipeline] = {}
        self.watches: dict[int, Watch] = {}
        self._analysis = analysis
        self._default_pair = default_pair
        self._open: list[Run] = []  # from before a restart, not resumed yet
        self._adopted: set[str] = set()  # markets in which the default pair is, or was, watched
        self.books: PaperBooks | None = None  # with them the paper results of ended runs are stored
        self._waiting: dict[tuple[str, str], list[Watch]] = {}  # watches without a run, by market and symbol
        self.reload()

    def reload(self) -> None:
        """Drop the in-memory state; stored runs are resumed."""
        self.pipelines.clear()
        self.watches.clear()
        self._adopted.clear()
        self._open = self._analysis.open_runs()
        for entry in self._analysis.watch_list():
            self.add(entry)

    def once_said(self) -> list[str]:
        """The texts of ``AnalysisStore.is_first_time`` for a new file."""
        return [_default_pair_of(market) for market in self._adopted]

    def add(self, entry: Watched) -> None:
        """Watch a pair; its run starts as soon as possible."""
        watch = Watch(entry, PairSettings(), previous=self._analysis.last_end(entry.market, entry.y, entry.x))
        try:
            watch.settings = PairSettings.from_json(entry.settings)
        except SettingsError as error:
            self._set_aside(watch, str(error))
        self.watches[entry.watch_id] = watch
        self._note_waiting()

    def followed(self, watch: Watch) -> PairRun | None:
        """The run of a watch in its pipeline; None before it has started."""
        pipeline = self.pipelines.get(watch.entry.market)
        return pipeline.runs.get(watch.run.run_id) if pipeline and watch.run else None

    def waits_for(self, market: str, symbol: str) -> bool:
        """Whether a pair of this symbol has no run, and could have one with its next trade."""
        return (market, symbol) in self._waiting

    def log_of(self, watch: Watch) -> list[LoggedDecision]:
        """The stored log of its run, oldest first, after the exit that closed the previous run's position."""
        before = self._analysis.log(watch.previous.run_id) if watch.previous else []
        closed = [entry for entry in before if entry.decision.reason == Reason.RUN_END.name]
        return closed + (self._analysis.log(watch.run.run_id) if watch.run else [])

    def show(self, logged: list[LoggedDecision]) -> None:
        """Add stored decisions to the logs of their watches."""
        by_run = {watch.previous.run_id: watch for watch in self.watches.values() if watch.previous}
        by_run |= {watch.run.run_id: watch for watch in self.watches.values() if watch.run}
        for entry in logged:
            if entry.decision.run_id in by_run:
                by_run[entry.decision.run_id].log.append(entry)

    def end_all(self, seq: int, reason: str) -> None:
        """Start another history: ends all runs, and drops the in-memory state of the old one."""
        for watch in self.watches.values():
            if watch.run is not None:
                self._record_end(RunEnd(watch.run.run_id, seq, reason), self.followed(watch))
        self._end_open(seq, reason)
        self.pipelines.clear()

    def resume(self, seq: int) -> list[Decision]:
        """Resume the stored runs that still match a watch, and end the others.

        Returns decisions that differ from those before the restart; normally none.
        """
        differing: list[Decision] = []
        for watch in self.watches.values():
            run = next((run for run in self._open if _fits(run, watch)), None)
            pipeline = self.pipelines.get(watch.entry.market)
            if run is None or pipeline is None:
                continue
            self._open.remove(run)
            watch.run = run
            known = [entry.decision for entry in self._analysis.log(run.run_id)]
            fresh = pipeline.begin(run, seq, known)
            watch.log.extend(self.log_of(watch))
            if fresh:
                log.warning("run %s: %d decisions differ from those given before", run.run_id, len(fresh))
                differing += fresh
            self._take_ended(pipeline)
        self._end_open(seq, "code")
        self._note_waiting()
        return differing

    def settle(self, market: str, symbol: str, at: Cursor) -> list[Decision]:
        """Call after a trade of ``symbol``: ends and starts runs."""
        self._take_ended(self.pipelines[market])
        given = self._adopt_default_pair(market, at)
        for watch in self._waiting.get((market, symbol), []):
            given += self._begin(watch, at)
        return given

    def begin_due(self, at: Cursor) -> list[Decision]:
        """Start a run for every watch that has none and can have one."""
        given: list[Decision] = []
        for market in self.pipelines:
            given += self._adopt_default_pair(market, at)
        for watch in [watch for watch in self.watches.values() if watch.run is None and not watch.problem]:
            given += self._begin(watch, at)
        return given

    def begin_warm(self, market: str, symbol: str, at: Cursor) -> list[Decision]:
        """Call when a symbol's earlier trades have arrived: restarts its runs that can now start earlier."""
        given: list[Decision] = []
        for watch in self.watches.values():
            entry, run = watch.entry, watch.run
            if run is None or entry.market != market or symbol not in (entry.y, entry.x):
                continue
            start_ms = self._begins_at(watch, at)
            if start_ms is not None and start_ms < run.start_ms:
                self.end(watch, at.seq, "history")
                given += self._begin(watch, at)
        return given

    def end(self, watch: Watch, seq: int, reason: str) -> None:
        """End its run after the tick ``seq``."""
        if watch.run is None:
            return
        pipeline = self.pipelines.get(watch.entry.market)
        if pipeline is not None and watch.run.run_id in pipeline.runs:
            pipeline.end(watch.run.run_id, seq, reason)
            self._take_ended(pipeline)
        else:
            self._record_end(RunEnd(watch.run.run_id, seq, reason))

    def drop(self, watch_id: int, seq: int) -> None:
        """Stop watching a pair."""
        watch = self.watches[watch_id]
        self.end(watch, seq, "unwatched")
        del self.watches[watch_id]
        self._note_waiting()

    def _take_ended(self, pipeline: Pipeline) -> None:
        for end, run in pipeline.take_ended_runs():
            self._record_end(end, run)

    def _record_end(self, end: RunEnd, run: PairRun | None = None) -> None:
        if run is not None and end.reason != "failed":  # what failed once may fail again
            self._book(run)
        self._analysis.end_run(end)
        log.info("run %s ends: %s %s", end.run_id, end.reason, end.detail)
        for watch in self.watches.values():
            if watch.run is not None and watch.run.run_id == end.run_id:
                watch.run, watch.previous = None, end
                watch.log.clear()
                if end.reason == "failed":
                    self._set_aside(watch, end.detail)
        self._note_waiting()

    def book_open(self) -> None:
        """Keep the results of all open runs, for runs that another version of the program will end."""
        for watch in self.watches.values():
            run = self.followed(watch)
            if run is not None:
                self._book(run)

    def _book(self, run: PairRun) -> None:
        if self.books is not None and run.model.size:
            of = run.run
            earlier = self._analysis.paper_results(of.market, of.y, of.x)
            self._analysis.keep_paper_result(self.books.result(run, earlier))

    def _set_aside(self, watch: Watch, reason: str) -> None:
        watch.problem = reason
        entry = watch.entry
        log.error(
            "%s on %s in %s is suspended, the other pairs continue: %s",
            entry.y,
            entry.x,
            entry.market,
            reason,
        )

    def _note_waiting(self) -> None:
        self._waiting = {}
        for watch in self.watches.values():
            if watch.run is None and not watch.problem:
                for symbol in (watch.entry.y, watch.entry.x):
                    self._waiting.setdefault((watch.entry.market, symbol), []).append(watch)

    def _end_open(self, seq: int, reason: str) -> None:
        for run in self._open:
            self._analysis.end_run(RunEnd(run.run_id, seq, reason))
        self._open = []

    def _begin(self, watch: Watch, at: Cursor) -> list[Decision]:
        entry, settings = watch.entry, watch.settings
        start_ms = self._begins_at(watch, at)
        if start_ms is None:
            return []
        pipeline = self.pipelines[entry.market]
        text, code = settings.to_json(), code_version()
        identity = f"{at.ticks_store_id}|{entry.market}|{entry.y}|{entry.x}|{text}|{code}|{start_ms}|{at.seq}"
        run_id = hashlib.sha256(identity.encode()).hexdigest()[:12]
        run = Run(run_id, entry.market, entry.y, entry.x, settings.interval_ms, text, code, start_ms, at.seq)
        self._analysis.begin_run(run, time.time_ns() // 1_000_000)
        log.info("run %s starts: %s on %s in %s", run_id, entry.y, entry.x, entry.market)
        watch.run = run
        watch.log.clear()
        watch.log.extend(self.log_of(watch))
        self._note_waiting()
        given = pipeline.begin(run, at.seq, self._analysis.decisions(run_id))
        self._take_ended(pipeline)
        return given

    def _begins_at(self, watch: Watch, at: Cursor) -> int | None:
        """The start of a run of this pair now; None before both legs have traded. On an error the pair is suspended."""
        pipeline = self.pipelines.get(watch.entry.market)
        if pipeline is None or watch.problem:
            return None
        try:
            after_ms = (watch.previous and watch.previous.after_ms) or 0
            entry = watch.entry
            return pipeline.begins_at(entry.y, entry.x, watch.settings, HISTORY_BARS, at.seq, after_ms)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - no error may stop the other pairs
            self._set_aside(watch, f"{type(error).__name__}: {error}")
            self._note_waiting()
            return None

    def _adopt_default_pair(self, market: str, at: Cursor) -> list[Decision]:
        """Watch the default pair once in each market in which both of its symbols trade."""
        y, x, settings = self._default_pair
        builder = self.pipelines[market].builder
        if market in self._adopted or builder.first_ms(y) is None or builder.first_ms(x) is None:
            return []
        self._adopted.add(market)
        if not self._analysis.is_first_time(_default_pair_of(market)):
            return []
        known = any((w.entry.market, w.entry.y, w.entry.x) == (market, y, x) for w in self.watches.values())
        if known:
            return []
        entry = self._analysis.watch(market, y, x, settings.to_json())
        self.add(entry)
        return self._begin(self.watches[entry.watch_id], at)


def _default_pair_of(market: str) -> str:
    return f"default pair of {market}"


def _fits(run: Run, watch: Watch) -> bool:
    """Whether a stored run matches a watch and this code version."""
    entry = watch.entry
    return (run.market, run.y, run.x, run.settings, run.code) == (
        entry.market, entry.y, entry.x, watch.settings.to_json(), code_version(),
    )  # fmt: skip
