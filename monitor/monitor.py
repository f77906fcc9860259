"""The monitor: reads what was stored, in order, and keeps every watched pair's run going.

``step`` does one short piece of work; a thread calls it forever (``monitor.thread``), a test calls it by
hand. Whatever it decides is a function of the store's order alone, so the size of a piece cannot show.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from pathlib import Path

from engine.errors import StoreError
from engine.market.records import Decision, Event
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.store.analysis import AnalysisStore, Cursor, LoggedDecision
from engine.store.reader import TickReader
from monitor.history import StoreHistory
from monitor.runs import Runs
from monitor.watch import Watch

log = logging.getLogger("pairbridge.monitor")

STEP_TICKS = 5_000  # a step stays short in both, so that screens are served between two
STEP_S = 0.05
SAVE_EVERY_S = 5.0  # without decisions


class Monitor:
    """All watched pairs over one ``ticks.db``. ``lock`` guards every public method against the thread."""

    def __init__(self, ticks_db: Path, analysis: AnalysisStore, default_pair: tuple[str, str, PairSettings]) -> None:
        """``default_pair``: (Y, X, settings), watched in every market in which both trade, while nothing else is."""
        self.lock = threading.RLock()
        self._ticks_db = ticks_db
        self._analysis = analysis
        self._runs = Runs(analysis, default_pair)
        self.pipelines, self.watches = self._runs.pipelines, self._runs.watches
        self._reader: TickReader | None = None
        self._data_version = -1
        self._cursor = Cursor("")
        self._saved_s = 0.0
        self._unsaved: list[Decision] = []  # given, and not stored yet because the disk refused
        self.last_seq = 0
        self._given_up_seq = 0  # what was archived up to here before we began is not missed
        self.problem: str | None = None  # why the last step failed, for the screens
        self.version = 0  # rises whenever something that a screen shows may have changed

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
        """Save where we are; what cannot be saved is worked off again from the place saved before."""
        with self.lock:
            if self._reader is not None:
                try:
                    self._save([])
                except StoreError as error:
                    log.error("%s; the next start goes on from the place saved before", error)
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
            self._runs.forget()

    def watch(self, market: str, y: str, x: str, settings: PairSettings) -> int:
        """Follow a pair, or follow it with other settings; returns its watch id."""
        with self.lock:
            entry = self._analysis.watch(market, y, x, settings.to_json())
            known = self.watches.get(entry.watch_id)
            if known is None or known.settings != settings:
                if known is not None:
                    self._runs.end(known, self._cursor.seq)
                self._runs.add(entry)
                if self._reader is not None:
                    with self._reader.snapshot():
                        self._save(self._runs.begin_due(self._cursor))
            self.version += 1
            return entry.watch_id

    def unwatch(self, watch_id: int) -> None:
        """Follow a pair no more; what it decided stays stored."""
        with self.lock:
            watch = self.watches.pop(watch_id, None)
            if watch is not None:
                self._runs.end(watch, self._cursor.seq)
                self._analysis.unwatch(watch_id)
            self.version += 1

    def followed(self, watch: Watch) -> PairRun | None:
        """The run of a watch in its pipeline; None before it has begun."""
        return self._runs.followed(watch)

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
        self._runs.forget()
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
            differing = self._runs.resume(saved.seq)
        if differing:
            self._save(differing)
        return reader

    def _has_missed(self, reader: TickReader) -> bool:
        """Whether ticks were archived before we read them: then the runs we had would see a hole that is none."""
        return reader.deleted_seq() > max(self._cursor.seq, self._given_up_seq)

    def _begin_anew(self, reader: TickReader, store_id: str) -> None:
        """End every run and read the store from its first tick."""
        log.info("reading %s from its first tick", store_id)
        self._runs.end_all(self._cursor.seq)
        self._cursor = Cursor(store_id)
        self._given_up_seq = reader.deleted_seq()

    def _work_off(self, reader: TickReader, limit: int) -> bool:
        ends = time.monotonic() + STEP_S
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
                decisions += self._runs.begin_due(self._cursor)
            if time.monotonic() > ends:
                up_to = seq
                break
        while events and events[0].after_seq <= up_to:
            event_id = events[0].event_id
            decisions += self._note(reader, events.popleft())
        self._cursor = Cursor(self._cursor.ticks_store_id, up_to, event_id)
        decisions += self._runs.begin_due(self._cursor)
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
            given += self._runs.begin_warm(event.market, event.symbol or "", self._cursor)
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
