"""The monitor: reads stored ticks in commit order, and advances every watched pair's run.

``step`` does a small amount of work; a thread calls it in a loop (``live.thread``), tests call it directly. Its
decisions are a function of commit order only, so the step size does not affect them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import TypeVar

from engine.errors import StoreError, StoreMissing
from engine.market.records import Decision, Event
from engine.market.ticks import Tick
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.store.interface import AnalysisStore, Cursor, LoggedDecision, TickReader
from live.alerts import AlertDesk
from live.history import StoreHistory
from live.monitor_status import MonitorStatus
from live.paper import PaperBooks
from live.runs import Runs
from live.watch import Watch

log = logging.getLogger("pairbridge.monitor")
T = TypeVar("T")

STEP_TICKS = 5_000  # both limit a step, so that screens are served between steps
STEP_S = 0.05
LEAST_PACE = 20
CHECK_EVERY_S = 1.0  # between checks that analysis.db still exists
SAVE_EVERY_S = 5.0  # without decisions


class Monitor(MonitorStatus):
    """All watched pairs over one store of ticks. ``lock`` guards every public method against the thread."""

    def __init__(
        self, open_ticks: Callable[[], TickReader], analysis: AnalysisStore, default_pair: tuple[str, str, PairSettings]
    ) -> None:
        """``default_pair``: (Y, X, settings), watched in every market in which both trade, while no other pair is."""
        super().__init__()
        self._open_ticks = open_ticks
        self.analysis = analysis
        self._runs = Runs(analysis, default_pair)
        self.pipelines, self.watches = self._runs.pipelines, self._runs.watches
        self.alerts = AlertDesk(self.pipelines, analysis)
        self._reader: TickReader | None = None
        self._change: Hashable = None  # the store's token at the last read
        self._saved_s = 0.0
        self._given_up_seq = 0  # ticks archived up to here before the start are not missed
        self._checked_s = 0.0
        self._pace = STEP_TICKS  # ticks that fit into a step of ``STEP_S``; ticks read beyond that are read again
        self.lost = ""  # what was deleted while running, for display
        self.step_ticks = 0  # processed by the newest step

    def step(self, limit: int = STEP_TICKS) -> bool:
        """Read and process at most ``limit`` ticks. Returns whether more may be available now.

        Its changes are one transaction: on any error all are undone, and the next step resumes from the stored state.
        """
        self.step_ticks = 0
        with self._one_change():
            self._check_analysis()
            try:
                reader = self._opened()
            except StoreMissing as error:
                log.debug("%s", error)
                return False
            change = reader.changed_since(self._change)
            if change is None and self.cursor.seq >= self.last_seq:
                return False
            self._change = self._change if change is None else change
            with reader.snapshot():
                if self._has_missed(reader):
                    self._begin_anew(reader, self.cursor.ticks_store_id, "history")
                return self._work_off(reader, limit)

    def close(self) -> None:
        """Save the position."""
        with self.lock:
            if self._reader is not None:
                try:
                    self._runs.book_open()
                    self._save([])
                except StoreError as error:
                    log.error("%s; the next start resumes from the previous saved position", error)
                self._reader.close()
            self.analysis.close()

    def watch(self, market: str, y: str, x: str, settings: PairSettings) -> int:
        """Watch a pair, or change its settings; returns its watch id. Raises StoreError."""
        with self._one_change():
            entry = self.analysis.watch(market, y, x, settings.to_json())
            known = self.watches.get(entry.watch_id)
            if known is None or known.settings != settings or known.problem:
                if known is not None:
                    self._runs.end(known, self.cursor.seq, "settings")
                self._runs.add(entry)
                if self._reader is not None:
                    with self._reader.snapshot():
                        self._save(self._runs.begin_due(self.cursor))
            self.analysis.keep()
            self.version += 1
            return entry.watch_id

    def unwatch(self, watch_id: int) -> None:
        """Stop watching a pair; keeps its stored decisions. Raises StoreError."""
        with self._one_change():
            if watch_id not in self.watches:
                return
            self._runs.drop(watch_id, self.cursor.seq)
            self.analysis.unwatch(watch_id)
            self._keep()

    def followed(self, watch: Watch) -> PairRun | None:
        """The run of a watch in its pipeline; None before it has started."""
        return self._runs.followed(watch)

    def keep_paper(self, books: PaperBooks) -> None:
        """From now on store what the paper positions of ended runs earned."""
        self._runs.books = books

    def change_alerts(self, work: Callable[[AlertDesk, Cursor], T]) -> T:
        """Change alert rules, from the position on that the work gets. Raises StoreError."""
        with self._one_change():
            found = self.alerts.change(lambda: work(self.alerts, self.cursor))
            self._keep()
            return found

    def tell_alerts(self, work: Callable[[AlertDesk], T]) -> T:
        """What belongs to alerts and changes no rule: an input, a snooze, an alert that was seen. Raises StoreError."""
        with self._one_change():
            found = work(self.alerts)
            self._keep()
            return found

    def _keep(self) -> None:
        """Commit all changes, with the position that they belong to."""
        if self._reader is not None:
            self._save([])
        self.analysis.keep()
        self.version += 1

    def _forget(self) -> None:
        """Drop the in-memory state after a failure; the next step resumes from the stored state."""
        self.version += 1
        self.analysis.roll_back()
        self._close_reader()
        self._runs.reload()
        self.alerts.reload()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def log_of(self, watch_id: int) -> list[LoggedDecision]:
        """The whole stored log of a watch's run, oldest first."""
        with self.lock:
            watch = self.watches.get(watch_id)
            return self._runs.log_of(watch) if watch else []

    def _check_analysis(self) -> None:
        """Detect a deleted or replaced ``analysis.db`` before writing to an unreachable file."""
        if time.monotonic() - self._checked_s < CHECK_EVERY_S:
            return
        self._checked_s = time.monotonic()
        if self.analysis.is_in_place():
            return
        if self.analysis.begin_afresh([watch.entry for watch in self.watches.values()], self._runs.once_said()):
            self.lost = f"{self.analysis.name} was deleted or replaced while the dashboard ran."
            log.error("%s A new one was created with the watch list; signal log and scans are lost", self.lost)
        self._forget()

    def _opened(self) -> TickReader:
        """The reader of the current file: a replaced file is another history."""
        if self._reader is not None and self._reader.is_current():
            return self._reader
        self._close_reader()
        reader = self._open_ticks()
        try:
            with reader.snapshot():
                self._resume(reader)
        except BaseException:
            reader.close()
            raise
        self._reader = reader
        self._change = None
        return reader

    def _resume(self, reader: TickReader) -> None:
        """Resume from the last saved position, or from the first tick if that is of another store."""
        store_id, saved = reader.store_id(), self.analysis.cursor()
        self._runs.reload()
        self.alerts.reload()
        if saved is None or saved.ticks_store_id != store_id:
            self._begin_anew(reader, store_id, "store")
            return
        self.cursor = saved
        if self._has_missed(reader):
            self._begin_anew(reader, store_id, "history")
            return
        try:
            for market, state in saved.pipelines.items():
                pipeline = Pipeline.resume(state, StoreHistory(reader, market), saved.seq + 1)
                self.pipelines[market] = self.alerts.attach(pipeline)
        except (KeyError, TypeError, ValueError) as error:
            log.error("the saved state of the pipelines cannot be used (%r); reading from the first tick", error)
            self._begin_anew(reader, store_id, "store")
            return
        differing = self._runs.resume(saved.seq)
        if differing or self.analysis.has_changes:
            self._save(differing)

    def _has_missed(self, reader: TickReader) -> bool:
        """Whether ticks were archived before they were read: the current runs would see them as a gap."""
        return reader.deleted_seq() > max(self.cursor.seq, self._given_up_seq)

    def _begin_anew(self, reader: TickReader, store_id: str, reason: str) -> None:
        """End every run and read the store from its first tick."""
        log.info("reading %s from its first tick", store_id)
        self.alerts.begin_anew()
        self._runs.end_all(self.cursor.seq, reason)
        self.cursor = Cursor(store_id)
        self._given_up_seq = reader.deleted_seq()

    def _work_off(self, reader: TickReader, limit: int) -> bool:
        ends = time.monotonic() + STEP_S
        limit = min(limit, self._pace)
        ticks = reader.ticks_after(self.cursor.seq, limit)
        self.last_seq = reader.last_seq()
        self.step_ticks = len(ticks)
        up_to = ticks[-1][0] if len(ticks) == limit else self.last_seq
        self._pace = min(2 * self._pace, STEP_TICKS)
        events = deque(reader.events_after(self.cursor.event_id, up_to))
        decisions: list[Decision] = []
        for done, (seq, market, tick) in enumerate(ticks, 1):
            while events and events[0].after_seq < seq:
                decisions += self._note(reader, events.popleft())
            decisions += self._feed(reader, seq, market, tick)
            if time.monotonic() > ends:
                up_to = seq
                self._pace = max(done, LEAST_PACE)
                break
        while events and events[0].after_seq <= up_to:
            decisions += self._note(reader, events.popleft())
        self._move(up_to, self.cursor.event_id)
        decisions += self._runs.begin_due(self.cursor)
        if ticks or events:
            self.version += 1
        is_due = time.monotonic() - self._saved_s > SAVE_EVERY_S
        if decisions or self.alerts.has_news or self.analysis.has_changes or is_due:
            self._save(decisions)
        return up_to < self.last_seq

    def _feed(self, reader: TickReader, seq: int, market: str, tick: Tick) -> list[Decision]:
        """Process one tick; runs that it ends or makes possible end and start at this tick."""
        pipeline = self._pipeline(reader, market)
        symbols = pipeline.builder.symbol_count
        given = pipeline.feed(seq, tick)
        is_new = pipeline.builder.symbol_count > symbols
        if is_new or pipeline.has_ended or self._runs.waits_for(market, tick.symbol):
            self._move(seq, self.cursor.event_id)
            given += self._runs.settle(market, tick.symbol, self.cursor)
        return given

    def _note(self, reader: TickReader, event: Event) -> list[Decision]:
        pipeline = self._pipeline(reader, event.market)
        given = pipeline.note(event)
        self._move(event.after_seq, event.event_id)
        if pipeline.has_ended:
            given += self._runs.settle(event.market, event.symbol or "", self.cursor)
        if event.kind == "bars":
            given += self._runs.settle(event.market, event.symbol or "", self.cursor)
            self.version += 1
        if event.kind == "bars" or (event.kind == "warm-start" and event.detail.get("state") == "warm"):
            given += self._runs.begin_warm(event.market, event.symbol or "", self.cursor)
        return given

    def _move(self, seq: int, event_id: int) -> None:
        self.cursor = Cursor(self.cursor.ticks_store_id, seq, event_id)

    def _pipeline(self, reader: TickReader, market: str) -> Pipeline:
        pipeline = self.pipelines.get(market)
        return pipeline or self.alerts.attach(self.pipelines.setdefault(market, Pipeline(StoreHistory(reader, market))))

    def _save(self, decisions: list[Decision]) -> None:
        """Store decisions and changes together with the read position. Raises StoreError."""
        states = {market: pipeline.state() for market, pipeline in self.pipelines.items()}
        self.cursor = Cursor(self.cursor.ticks_store_id, self.cursor.seq, self.cursor.event_id, states)
        at_ms = time.time_ns() // 1_000_000
        self.alerts.save(at_ms)
        logged = self.analysis.save(decisions, self.cursor, at_ms)
        self._saved_s = time.monotonic()
        self._runs.show(logged)
