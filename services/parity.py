"""Parity of the watched pairs: a job replays the stored ticks of a run, and compares it with the live one.

A check starts on request, and by itself: the pair whose last check is the oldest, one check an hour in all, since each
reads every stored trade.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PairbridgeError
from live.monitor import Monitor
from live.paper import PaperBooks
from live.parity import Parity, with_live
from live.run_record import Record
from services.jobs import JobBusy, Jobs, Json

log = logging.getLogger("pairbridge.jobs")


@dataclass(frozen=True, slots=True)
class ParityState:
    """The newest check of a pair. ``phase``: none, running, done, cancelled or failed; ``done`` of ``total`` ticks."""

    phase: str = "none"
    done: int = 0
    total: int = 0
    problem: str = ""
    found: Parity | None = None


NOT_CHECKED = ParityState()
RECHECK_EVERY_S = 3_600.0
LOOK_EVERY_S = 30.0  # whether a check is due


@dataclass(frozen=True, slots=True)
class PairParity:
    """A watched pair, the bars of its run so far (0 before the first), and the newest check of that run."""

    watch_id: int
    market: str
    y: str
    x: str
    bars: int
    state: ParityState


class ParityService:
    """Checks pairs of one monitor, one at a time. Any thread may call."""

    def __init__(
        self,
        monitor: Monitor,
        books: PaperBooks,
        jobs: Jobs,
        data_dir: Path,
        require_owner: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        found: Callable[[int, bool], None] = lambda _watch_id, _is_equal: None,
    ) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only; ``clock`` counts seconds; ``found``
        gets the verdict of each check on a run that is still followed: its watch, and whether nothing differs."""
        self._found = found
        self._clock = clock
        self._monitor = monitor
        self._books = books
        self._jobs = jobs
        self._data_dir = data_dir
        self._require_owner = require_owner
        self._checked: dict[int, tuple[str, int]] = {}  # by watch: the run, and the job's number
        self._checked_s: dict[int, float] = {}  # by watch: when its last check began
        self._due_s = clock() + RECHECK_EVERY_S  # of the next check by itself

    async def run(self) -> None:
        """Start a check by itself once an hour at most, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await asyncio.to_thread(self.check_if_due)
            except PairbridgeError as error:
                log.warning("the hourly parity check did not start: %s", error)

    def check_if_due(self) -> int | None:
        """Check the run whose last check is the oldest; returns its watch, None while nothing is due. Any check, also
        one on request, puts off the next by an hour."""
        with self._monitor.lock:
            runs = {watch_id: self._monitor.followed(watch) for watch_id, watch in self._monitor.watches.items()}
            there = [watch_id for watch_id, run in runs.items() if run is not None and run.model.size]
            if self._clock() < self._due_s or self._is_running() or not there:
                return None
            oldest = min(there, key=lambda watch_id: (self._checked_s.get(watch_id, float("-inf")), watch_id))
            self._start(oldest)
            return oldest

    def check(self, watch_id: int) -> bool:
        """Start the check of a pair's run up to now; False before its first bar. Raises NotAllowed, and JobBusy while
        one is running."""
        self._require_owner()
        with self._monitor.lock:
            if self._is_running():
                raise JobBusy("a parity check is running; wait for it")
            return self._start(watch_id)

    def _is_running(self) -> bool:
        return any(self.state(watch_id, run_id).phase == "running" for watch_id, (run_id, _) in self._checked.items())

    def _start(self, watch_id: int) -> bool:
        """Start the check of a pair; False before its first bar. The caller holds the monitor's lock."""
        watch = self._monitor.watches.get(watch_id)
        run = self._monitor.followed(watch) if watch else None
        if run is None or not run.model.size:
            return False
        record = Record.of(run, *self._books.ledger(watch_id, run), self._monitor.cursor)
        revisions, run_id = run.revisions, run.run.run_id

        def finish(result: Json) -> Parity:
            return self._with_live(Parity.from_json(result), watch_id, revisions)

        request = {"data_dir": str(self._data_dir.resolve()), "record": dataclasses.asdict(record)}
        self._checked[watch_id] = run_id, self._jobs.submit("services.parity_job:run_parity", request, finish)
        self._checked_s[watch_id] = self._clock()
        self._due_s = self._clock() + RECHECK_EVERY_S
        return True

    def pairs(self) -> list[PairParity]:
        """Every watched pair."""
        with self._monitor.lock:
            found = []
            for watch_id, watch in self._monitor.watches.items():
                run, entry = self._monitor.followed(watch), watch.entry
                state = self.state(watch_id, run.run.run_id) if run else NOT_CHECKED
                bars = run.model.size if run else 0
                found.append(PairParity(watch_id, entry.market, entry.y, entry.x, bars, state))
            return found

    def state(self, watch_id: int, run_id: str) -> ParityState:
        """The newest check of this run of a pair."""
        of, job_id = self._checked.get(watch_id, ("", 0))
        if of != run_id:
            return NOT_CHECKED
        try:
            job = self._jobs.state(job_id)
        except KeyError:  # expired
            return NOT_CHECKED
        return ParityState(job.phase, job.done, job.total, job.problem, job.result)

    def _with_live(self, found: Parity, watch_id: int, revisions: int) -> Parity:
        """With the live values of the bar that differs, unless the run has changed since. Raises StoreError."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            run = self._monitor.followed(watch) if watch else None
            if run is None or run.run.run_id != found.run_id:
                return found
            self._found(watch_id, found.is_equal)
            if run.revisions != revisions:
                return found
            return with_live(found, run, self._books.ledger(watch_id, run)[0])
