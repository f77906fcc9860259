"""Test reports of watched pairs as jobs: every test on the newest bars of the pair's width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import SettingsError
from live.monitor import Monitor
from services.jobs import Jobs, Json, OneAtATime
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

    def __init__(self, jobs: Jobs, monitor: Monitor, data_dir: Path, require_owner: Callable[[], None]) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only."""
        self._report = OneAtATime(jobs, "services.pair_report:run_report", "a report is running; wait for it")
        self._monitor = monitor
        self._data_dir = data_dir
        self._require_owner = require_owner

    def start(self, watch_id: int) -> None:
        """Start the report of a pair. Raises NotAllowed, JobBusy while one is running, SettingsError for a pair that is
        not watched."""
        self._require_owner()
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            if watch is None:
                raise SettingsError(f"pair {watch_id} is not watched; expected a pair of the watch list")
            entry, width_ms = watch.entry, watch.settings.interval_ms
        request = ReportRequest(entry.market, entry.y, (entry.x,), width_ms, BARS * width_ms)
        self._report.start({"data_dir": str(self._data_dir.resolve()), "pair": asdict(request)}, key=watch_id)

    def state(self, watch_id: int) -> ReportState:
        """The state of the pair's newest report."""
        job = self._report.state(watch_id)
        return ReportState() if job is None else ReportState(job.phase, job.problem, job.result)
