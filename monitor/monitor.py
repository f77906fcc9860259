"""The monitor: reads what was stored, in order, and keeps every watched pair's run going.

``step`` does one short piece of work; a thread calls it forever (``monitor.thread``), a test calls it by
hand. Whatever it decides is a function of the store's order alone, so the size of a piece cannot show.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import deque
from pathlib import Path

from engine.errors import StoreError
from engine.market.intervals import bar_open
from engine.market.records import Decision, Event, Run
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.store.analysis import AnalysisStore, Cursor, LoggedDecision, Watched
from engine.store.reader import TickReader
from monitor.code import code_digest
from monitor.history import StoreHistory
from monitor.watch import Watch

log = logging.getLogger("pairbridge.monitor")

STEP_TICKS = 5_000  # a step stays short, so that screens are served between two
HISTORY_BARS = 20_000  # that a new run looks back, at most
RUN_BARS = 400_000  # a longer run is ended and begun anew, which bounds its memory
SAVE_EVERY_S = 5.0  # without decisions


class Monitor:
    """All watched pairs over one ``ticks.db``. ``lock`` guards every public method against the thread."""

    def __init__(self, ticks_db: Path, analysis: AnalysisStore, default_pair: tuple[str, str, PairSettings]) -> None:
        """``default_pair``: (Y, X, settings), watched in every market in which both trade, while nothing else is."""
        self.lock = threading.RLock()
        self._ticks_db = ticks_db
        self._analysis = analysis
        self._default_pair = default_pair
        self._reader: TickReader | None = None
        self._data_version = -1
        self._cursor = Cursor("")
        self._saved_s = 0.0
        self._unsaved: list[Decision] = []  # given, and not stored yet because the disk refused
        self._known_runs = {run.run_id: run for run in analysis.open_runs()}
        self.pipelines: dict[str, Pipeline] = {}
        self.watches: dict[int, Watch] = {}
        self.last_seq = 0
        self._given_up_seq = 0  # what was archived up to here before we began is not missed
        self.problem: str | None = None  # why the last step failed, for the screens
        self.version = 0  # rises whenever something that a screen shows may have changed
        for entry in analysis.watch_list():
            self._add(entry)

    def step(self, limit: int = STEP_TICKS) -> bool:
        """Read and work off at most ``limit`` ticks. Returns whether there may be more at once."""
        with self.lock:
            try:
                reader = self._opened()
            except StoreError as error:
                log.debug("%s", error)
                return False
            version = reader.data_version()
            if version == self._data_version and self._cursor.seq >= self.last_seq:
                return False
            self._data_version = version
            with reader.snapshot():
                if self._has_missed(reader):
                    self._begin_anew(reader, self._cursor.ticks_store_id)
                return self._work_off(reader, limit)

    def close(self) -> None:
        """Save where we are."""
        with self.lock:
            if self._reader is not None:
                self._save([])
                self._reader.close()
            self._analysis.close()

    def restart(self, problem: str) -> None:
        """Forget all that is in memory after a failure; the next step resumes from what is stored."""
        with self.lock:
            self.problem = problem
            self.version += 1
            if self._reader is not None:
                self._reader.close()
            self._reader = None
            self._unsaved = []
            self.pipelines = {}
            for watch in self.watches.values():
                watch.run = None
                watch.log.clear()
            self._known_runs = {run.run_id: run for run in self._analysis.open_runs()}

    def watch(self, market: str, y: str, x: str, settings: PairSettings) -> int:
        """Follow a pair, or follow it with other settings; returns its watch id."""
        with self.lock:
            entry = self._analysis.watch(market, y, x, settings.to_json())
            known = self.watches.get(entry.watch_id)
            if known is None or known.settings != settings:
                if known is not None:
                    self._end(known)
                self._add(entry)
                if self._reader is not None:
                    with self._reader.snapshot():
                        self._save(self._begin_due_runs())
            self.version += 1
            return entry.watch_id

    def unwatch(self, watch_id: int) -> None:
        """Follow a pair no more; what it decided stays stored."""
        with self.lock:
            watch = self.watches.pop(watch_id, None)
            if watch is not None:
                self._end(watch)
                self._analysis.unwatch(watch_id)
            self.version += 1

    def followed(self, watch: Watch) -> PairRun | None:
        """The run of a watch in its pipeline; None before it has begun."""
        pipeline = self.pipelines.get(watch.entry.market)
        return pipeline.runs.get(watch.run.run_id) if pipeline and watch.run else None

    def progress(self) -> tuple[int, int]:
        """(ticks read, ticks stored)."""
        return self._cursor.seq, self.last_seq

    def log_of(self, watch_id: int) -> list[LoggedDecision]:
        """The whole stored log of a watch's run, oldest first."""
        with self.lock:
            watch = self.watches.get(watch_id)
            return self._analysis.log(watch.run.run_id) if watch and watch.run else []

    def _opened(self) -> TickReader:
        """The reader, on the file that is there now: a replaced file is another history."""
        if self._reader is not None and self._reader.is_current():
            return self._reader
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        reader = TickReader(self._ticks_db)
        store_id = reader.store_id()
        saved = self._analysis.cursor()
        self._reader = reader
        self._data_version = -1
        self.pipelines = {}
        if saved is None or saved.ticks_store_id != store_id:
            self._begin_anew(reader, store_id)
            return reader
        self._cursor = saved
        with reader.snapshot():
            if self._has_missed(reader):
                self._begin_anew(reader, store_id)
                return reader
            for market, state in saved.pipelines.items():
                self.pipelines[market] = Pipeline.resume(state, StoreHistory(reader, market), saved.seq + 1)
            self._resume_runs()
        return reader

    def _has_missed(self, reader: TickReader) -> bool:
        """Whether ticks were archived before we read them: then the runs we had would see a hole that is none."""
        return reader.deleted_seq() > max(self._cursor.seq, self._given_up_seq)

    def _begin_anew(self, reader: TickReader, store_id: str) -> None:
        """End every run and read the store from its first tick."""
        log.info("reading %s from its first tick", store_id)
        for watch in self.watches.values():
            self._end(watch)
        for run in self._known_runs.values():
            self._analysis.end_run(run.run_id, 0)
        self._known_runs = {}
        self.pipelines = {}
        self._cursor = Cursor(store_id)
        self._given_up_seq = reader.deleted_seq()

    def _resume_runs(self) -> None:
        for watch in self.watches.values():
            run = next((run for run in self._known_runs.values() if self._fits(run, watch)), None)
            pipeline = self.pipelines.get(watch.entry.market)
            if run is None or pipeline is None:
                continue
            watch.run = self._known_runs.pop(run.run_id)
            logged = self._analysis.log(run.run_id)
            watch.log.extend(logged)
            fresh = pipeline.begin(run, self._cursor.seq, [entry.decision for entry in logged])
            if fresh:
                log.warning("run %s: %d decisions differ from those given before", run.run_id, len(fresh))
                self._save(fresh)
        for run in self._known_runs.values():
            self._analysis.end_run(run.run_id, self._cursor.seq)
        self._known_runs = {}

    def _fits(self, run: Run, watch: Watch) -> bool:
        entry = watch.entry
        return (run.market, run.y, run.x, run.settings, run.code) == (
            entry.market, entry.y, entry.x, watch.settings.to_json(), code_digest(),
        )  # fmt: skip

    def _work_off(self, reader: TickReader, limit: int) -> bool:
        ticks = reader.ticks_after(self._cursor.seq, limit)
        self.last_seq = reader.last_seq()
        up_to = ticks[-1][0] if len(ticks) == limit else self.last_seq
        events = deque(reader.events_after(self._cursor.event_id, up_to))
        decisions: list[Decision] = []
        event_id = self._cursor.event_id
        for seq, market, tick in ticks:
            while events and events[0].after_seq < seq:
                event_id = events[0].event_id
                decisions += self._note(reader, events.popleft())
            pipeline = self._pipeline(reader, market)
            symbols = pipeline.builder.symbol_count
            decisions += pipeline.feed(seq, tick)
            if pipeline.builder.symbol_count > symbols:  # a pair may have become complete: its run begins right here
                self._cursor = Cursor(self._cursor.ticks_store_id, seq, event_id)
                decisions += self._begin_due_runs()
        for event in events:
            event_id = event.event_id
            decisions += self._note(reader, event)
        self._cursor = Cursor(self._cursor.ticks_store_id, up_to, event_id)
        decisions += self._begin_due_runs()
        if ticks or events:
            self.version += 1
        if decisions or self._unsaved or time.monotonic() - self._saved_s > SAVE_EVERY_S:
            self._save(decisions)
        return up_to < self.last_seq

    def _pipeline(self, reader: TickReader, market: str) -> Pipeline:
        pipeline = self.pipelines.get(market)
        if pipeline is None:
            pipeline = self.pipelines[market] = Pipeline(StoreHistory(reader, market))
        return pipeline

    def _note(self, reader: TickReader, event: Event) -> list[Decision]:
        given = self._pipeline(reader, event.market).note(event)
        if event.kind == "warm-start" and event.detail.get("state") == "warm":
            self._cursor = Cursor(self._cursor.ticks_store_id, event.after_seq, event.event_id)
            given += self._begin_warm(event.market, event.symbol or "")
        return given

    def _begin_warm(self, market: str, symbol: str) -> list[Decision]:
        """A symbol's past has come in: runs on it that could begin earlier now begin anew."""
        given: list[Decision] = []
        for watch in self.watches.values():
            entry, run = watch.entry, watch.run
            if run is None or entry.market != market or symbol not in (entry.y, entry.x):
                continue
            start_ms = self._earliest_ms(watch)
            if start_ms is not None and start_ms < run.start_ms:
                self._end(watch)
                given += self._begin(watch)
        return given

    def _save(self, decisions: list[Decision]) -> None:
        """Store what was given together with the place it was read up to. Raises StoreError; nothing is lost then."""
        self._unsaved += decisions
        states = {market: pipeline.state() for market, pipeline in self.pipelines.items()}
        self._cursor = Cursor(self._cursor.ticks_store_id, self._cursor.seq, self._cursor.event_id, states)
        logged = self._analysis.save(self._unsaved, self._cursor, time.time_ns() // 1_000_000)
        self._unsaved = []
        self._saved_s = time.monotonic()
        by_run = {watch.run.run_id: watch for watch in self.watches.values() if watch.run}
        for entry in logged:
            if entry.decision.run_id in by_run:
                by_run[entry.decision.run_id].log.append(entry)

    def _begin_due_runs(self) -> list[Decision]:
        """Begin a run for every watch that has none, and again for one that has grown too long."""
        self._adopt_default_pair()
        given: list[Decision] = []
        for watch in self.watches.values():
            followed = self.followed(watch)
            if followed is not None and followed.model.size > RUN_BARS:
                self._end(watch)
            if watch.run is None:
                given += self._begin(watch)
        return given

    def _begin(self, watch: Watch) -> list[Decision]:
        entry, settings = watch.entry, watch.settings
        pipeline = self.pipelines.get(entry.market)
        start_ms = self._earliest_ms(watch)
        if pipeline is None or start_ms is None:
            return []
        text, code, seq = settings.to_json(), code_digest(), self._cursor.seq
        identity = f"{self._cursor.ticks_store_id}|{entry.market}|{entry.y}|{entry.x}|{text}|{code}|{start_ms}|{seq}"
        run_id = hashlib.sha256(identity.encode()).hexdigest()[:12]
        run = Run(run_id, entry.market, entry.y, entry.x, settings.interval_ms, text, code, start_ms, seq)
        self._analysis.begin_run(run, time.time_ns() // 1_000_000)
        log.info("run %s begins: %s on %s in %s", run_id, entry.y, entry.x, entry.market)
        watch.run = run
        watch.log.clear()
        return pipeline.begin(run, seq)

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

    def _end(self, watch: Watch) -> None:
        if watch.run is None:
            return
        self._analysis.end_run(watch.run.run_id, self._cursor.seq)
        pipeline = self.pipelines.get(watch.entry.market)
        if pipeline is not None and watch.run.run_id in pipeline.runs:
            pipeline.end(watch.run.run_id)
        watch.run = None
        watch.log.clear()

    def _add(self, entry: Watched) -> None:
        self.watches[entry.watch_id] = Watch(entry, PairSettings.from_json(entry.settings))

    def _adopt_default_pair(self) -> None:
        """Watch the default pair once in each market in which both of its symbols trade."""
        y, x, settings = self._default_pair
        for market, pipeline in self.pipelines.items():
            both = pipeline.builder.first_ms(y) is not None and pipeline.builder.first_ms(x) is not None
            if both and self._analysis.is_first_time(f"default pair of {market}"):
                known = any((w.entry.market, w.entry.y, w.entry.x) == (market, y, x) for w in self.watches.values())
                if not known:
                    self._add(self._analysis.watch(market, y, x, settings.to_json()))
