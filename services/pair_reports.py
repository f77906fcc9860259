"""Test reports of watched pairs as jobs: every test on the newest bars of the pair's width."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import SettingsError
from live.monitor import Monitor
from services.jobs import JobBusy, Jobs, Json
from services.pair_report import ReportRequest

BARS = 1_000  # newest, of the pair's width


@dataclass(frozen=True, slots=True)
class ReportState:
    """The newest report of one pair. ``phase``: none, running, done, cancelled or failed; ``found``: as
    ``pair_report.run_report`` returns it."""

    phase: str = "none"
    problem: str = ""
    found: Json | None = None


class PairReportService:
    """Starts and follows reports, one at a time. Any thread may call."""

    def __init__(self, jobs: Jobs, monitor: Monitor, data_dir: Path) -> None:
        self._jobs = jobs
        self._monitor = monitor
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._newest: dict[int, int] = {}  # watch id -> job id

    def start(self, watch_id: int) -> None:
        """Start the report of a pair. Raises JobBusy while one is running, SettingsError for a pair that is not
        watched."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            if watch is None:
                raise SettingsError(f"pair {watch_id} is not watched; expected a pair of the watch list")
            entry, width_ms = watch.entry, watch.settings.interval_ms
        request = ReportRequest(entry.market, entry.y, (entry.x,), width_ms, BARS * width_ms)
        with self._lock:
            if any(self._jobs.state(job_id).phase == "running" for job_id in self._newest.values()):
                raise JobBusy("a report is running; wait for it")
            asked = {"data_dir": str(self._data_dir.resolve()), "pair": asdict(request)}
            self._newest[watch_id] = self._jobs.submit("services.pair_report:run_report", asked, lambda found: found)

    def state(self, watch_id: int) -> ReportState:
        """The state of the pair's newest report."""
        job_id = self._newest.get(watch_id)
        if job_id is None:
            return ReportState()
        job = self._jobs.state(job_id)
        return ReportState(job.phase, job.problem, job.result)
