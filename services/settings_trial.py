"""What the draft of a pair's settings would have done over the last day: one job at a time, bounded in time."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SettingsError
from engine.pairs.settings import PairSettings
from services.jobs import Jobs
from services.pairs import Pair
from services.settings_trial_job import TrialRequest, TrialResult

LIMIT_S = 45.0  # a re-fit or a test at every bar of a day takes minutes: that is work for the Backtest page


@dataclass(frozen=True, slots=True)
class TrialState:
    """``phase``: running, done, cancelled, failed or late (it took longer than ``LIMIT_S``). ``draft``: what was
    tried, for a pair of this ``market``, ``y`` and ``x``."""

    phase: str
    market: str
    y: str
    x: str
    draft: PairSettings
    found: TrialResult | None = None
    problem: str = ""


class SettingsTrialService:
    """Starts and follows comparisons. A new one cancels the one before. Any thread may call."""

    def __init__(self, jobs: Jobs, data_dir: Path, require_owner: Callable[[], None], limit_s: float = LIMIT_S) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only."""
        self._jobs, self._data_dir, self._limit_s = jobs, data_dir, limit_s
        self._require_owner = require_owner
        self._lock = threading.Lock()
        self._asked: dict[int, TrialRequest] = {}  # the newest job's alone
        self._late: set[int] = set()
        self._limit: threading.Timer | None = None

    def start(self, pair: Pair, draft: PairSettings) -> int:
        """Compare the pair's settings with a draft; returns the job's number. Raises NotAllowed, and SettingsError for
        a draft that changes nothing."""
        self._require_owner()
        if draft == pair.settings:
            raise SettingsError("the draft changes nothing; expected other settings than those in force")
        wanted = TrialRequest(pair.market, pair.y, pair.x, pair.settings, draft)
        request = {"data_dir": str(self._data_dir.resolve()), "trial": dataclasses.asdict(wanted)}
        with self._lock:
            for earlier in self._asked:
                self._jobs.cancel(earlier)
                self._jobs.release(earlier)
            run, read = "services.settings_trial_job:run_trial", TrialResult.from_json
            job_id = self._jobs.submit(run, request, read, is_held=True)
            self._asked, self._late = {job_id: wanted}, set()
            self._set_limit(job_id)
        return job_id

    def state(self, job_id: int) -> TrialState | None:
        """The state of a comparison; None for one that another has replaced."""
        with self._lock:
            wanted = self._asked.get(job_id)
            is_late = job_id in self._late
        if wanted is None:
            return None
        job = self._jobs.state(job_id)
        phase = "late" if is_late and job.phase == "cancelled" else job.phase
        return TrialState(phase, wanted.market, wanted.y, wanted.x, wanted.draft, job.result, job.problem)

    def _set_limit(self, job_id: int) -> None:
        """The caller holds the lock."""
        if self._limit is not None:
            self._limit.cancel()
        self._limit = threading.Timer(self._limit_s, self._end, [job_id])
        self._limit.daemon = True
        self._limit.start()

    def _end(self, job_id: int) -> None:
        with self._lock:
            self._late.add(job_id)
        self._jobs.cancel(job_id)
