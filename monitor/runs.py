"""The runs of the watched pairs: when one begins, goes on after a restart, and ends. Who calls holds the lock.

A run is one pair analysed one way from one bar on. Everything here takes the cursor as it stands, because a run's
identity and its first decisions hang on the place in the order of commits at which it began.
"""

from __future__ import annotations

import hashlib
import logging
import time

from engine.market.intervals import bar_open
from engine.market.records import Decision, Run
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.store.analysis import AnalysisStore, Cursor, Watched
from monitor.code import code_digest
from monitor.watch import Watch

log = logging.getLogger("pairbridge.monitor")

HISTORY_BARS = 20_000  # that a new run looks back, at most
RUN_BARS = 400_000  # a longer run is ended and begun anew, which bounds its memory


class Runs:
    """``watches`` by their id, and ``pipelines`` by market, in which the runs of the watches are followed."""

    def __init__(self, analysis: AnalysisStore, default_pair: tuple[str, str, PairSettings]) -> None:
        """``default_pair``: (Y, X, settings), watched once in every market in which both trade."""
        self.pipelines: dict[str, Pipeline] = {}
        self.watches: dict[int, Watch] = {}
        self._analysis = analysis
        self._default_pair = default_pair
        self._open: list[Run] = analysis.open_runs()  # from before a restart, not taken up again yet
        for entry in analysis.watch_list():
            self.add(entry)

    def add(self, entry: Watched) -> None:
        """Follow a pair from now on, with a run of its own as soon as one can begin."""
        self.watches[entry.watch_id] = Watch(entry, PairSettings.from_json(entry.settings))

    def followed(self, watch: Watch) -> PairRun | None:
        """The run of a watch in its pipeline; None before it has begun."""
        pipeline = self.pipelines.get(watch.entry.market)
        return pipeline.runs.get(watch.run.run_id) if pipeline and watch.run else None

    def forget(self) -> None:
        """Drop all that is only in memory; what is stored as open can be taken up again."""
        self.pipelines.clear()
        for watch in self.watches.values():
            watch.run = None
            watch.log.clear()
        self._open = self._analysis.open_runs()

    def end_all(self, seq: int) -> None:
        """Another history begins: no run goes on in it, and nothing of the old one stays in memory."""
        for watch in self.watches.values():
            self.end(watch, seq)
        self._end_open(seq)
        self.pipelines.clear()

    def resume(self, seq: int) -> list[Decision]:
        """Take up the stored runs that a watch still asks for, and end the others.

        Returns decisions that differ from those given before the restart; there should be none.
        """
        differing: list[Decision] = []
        for watch in self.watches.values():
            run = next((run for run in self._open if _fits(run, watch)), None)
            pipeline = self.pipelines.get(watch.entry.market)
            if run is None or pipeline is None:
                continue
            self._open.remove(run)
            watch.run = run
            logged = self._analysis.log(run.run_id)
            watch.log.extend(logged)
            fresh = pipeline.begin(run, seq, [entry.decision for entry in logged])
            if fresh:
                log.warning("run %s: %d decisions differ from those given before", run.run_id, len(fresh))
                differing += fresh
        self._end_open(seq)
        return differing

    def begin_due(self, at: Cursor) -> list[Decision]:
        """Begin a run for every watch that has none, and again for one that has grown too long."""
        self._adopt_default_pair()
        given: list[Decision] = []
        for watch in self.watches.values():
            followed = self.followed(watch)
            if followed is not None and followed.model.size > RUN_BARS:
                self.end(watch, at.seq)
            if watch.run is None:
                given += self._begin(watch, at)
        return given

    def begin_warm(self, market: str, symbol: str, at: Cursor) -> list[Decision]:
        """A symbol's past has come in: runs on it that could begin earlier now begin anew."""
        given: list[Decision] = []
        for watch in self.watches.values():
            entry, run = watch.entry, watch.run
            if run is None or entry.market != market or symbol not in (entry.y, entry.x):
                continue
            start_ms = self._earliest_ms(watch)
            if start_ms is not None and start_ms < run.start_ms:
                self.end(watch, at.seq)
                given += self._begin(watch, at)
        return given

    def end(self, watch: Watch, seq: int) -> None:
        """Its run follows nothing after the tick ``seq``."""
        if watch.run is None:
            return
        self._analysis.end_run(watch.run.run_id, seq)
        pipeline = self.pipelines.get(watch.entry.market)
        if pipeline is not None and watch.run.run_id in pipeline.runs:
            pipeline.end(watch.run.run_id)
        watch.run = None
        watch.log.clear()

    def _end_open(self, seq: int) -> None:
        for run in self._open:
            self._analysis.end_run(run.run_id, seq)
        self._open = []

    def _begin(self, watch: Watch, at: Cursor) -> list[Decision]:
        entry, settings = watch.entry, watch.settings
        pipeline = self.pipelines.get(entry.market)
        start_ms = self._earliest_ms(watch)
        if pipeline is None or start_ms is None:
            return []
        text, code = settings.to_json(), code_digest()
        identity = f"{at.ticks_store_id}|{entry.market}|{entry.y}|{entry.x}|{text}|{code}|{start_ms}|{at.seq}"
        run_id = hashlib.sha256(identity.encode()).hexdigest()[:12]
        run = Run(run_id, entry.market, entry.y, entry.x, settings.interval_ms, text, code, start_ms, at.seq)
        self._analysis.begin_run(run, time.time_ns() // 1_000_000)
        log.info("run %s begins: %s on %s in %s", run_id, entry.y, entry.x, entry.market)
        watch.run = run
        watch.log.clear()
        return pipeline.begin(run, at.seq)

    def _earliest_ms(self, watch: Watch) -> int | None:
        """Where a run of this pair would begin now; None before both legs have traded."""
        pipeline = self.pipelines.get(watch.entry.market)
        if pipeline is None:
            return None
        width_ms = watch.settings.interval_ms
        first = [pipeline.builder.first_ms(symbol) for symbol in (watch.entry.y, watch.entry.x)]
        if first[0] is None or first[1] is None:
            return None
        earliest_ms = max(first[0], first[1], pipeline.builder.watermark_ms - HISTORY_BARS * width_ms)
        return bar_open(earliest_ms, width_ms)

    def _adopt_default_pair(self) -> None:
        """Watch the default pair once in each market in which both of its symbols trade."""
        y, x, settings = self._default_pair
        for market, pipeline in self.pipelines.items():
            both = pipeline.builder.first_ms(y) is not None and pipeline.builder.first_ms(x) is not None
            if both and self._analysis.is_first_time(f"default pair of {market}"):
                known = any((w.entry.market, w.entry.y, w.entry.x) == (market, y, x) for w in self.watches.values())
                if not known:
                    self.add(self._analysis.watch(market, y, x, settings.to_json()))


def _fits(run: Run, watch: Watch) -> bool:
    """Whether a stored run is what a watch asks for, made by this very code."""
    entry = watch.entry
    return (run.market, run.y, run.x, run.settings, run.code) == (
        entry.market, entry.y, entry.x, watch.settings.to_json(), code_digest(),
    )  # fmt: skip
