"""Parity of the watched pairs: a job replays the stored ticks of a run, and compares it with the live one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from live.monitor import Monitor
from live.paper import PaperBooks
from live.parity import Parity, with_live
from live.run_record import Record
from services.jobs import JobBusy, Jobs, Json


@dataclass(frozen=True, slots=True)
class ParityState:
    """The newest check of a pair. ``phase``: none, running, done, cancelled or failed; ``done`` of ``total`` ticks."""

    phase: str = "none"
    done: int = 0
    total: int = 0
    problem: str = ""
    found: Parity | None = None


NOT_CHECKED = ParityState()


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
        self, monitor: Monitor, books: PaperBooks, jobs: Jobs, data_dir: Path, require_owner: Callable[[], None]
    ) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only."""
        self._monitor = monitor
        self._books = books
        self._jobs = jobs
        self._data_dir = data_dir
        self._require_owner = require_owner
        self._checked: dict[int, tuple[str, int]] = {}  # by watch: the run, and the job's number

    def check(self, watch_id: int) -> bool:
        """Start the check of a pair's run up to now; False before its first bar. Raises NotAllowed, and JobBusy while
        one is running."""
        self._require_owner()
        with self._monitor.lock:
            if any(self._jobs.state(job_id).phase == "running" for _, job_id in self._checked.values()):
                raise JobBusy("a parity check is running; wait for it")
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
        """With the live values of the bar that differs, unless the run has changed since."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            run = self._monitor.followed(watch) if watch else None
            if run is None or (run.run.run_id, run.revisions) != (found.run_id, revisions):
                return found
            return with_live(found, run, self._books.ledger(watch_id, run)[0])
