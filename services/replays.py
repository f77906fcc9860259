"""Replays on demand: any stretch of a stored run through the live pipeline, as a job."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.jobs import Jobs, OneAtATime
from services.replay_job import ReplayRequest, ReplayResult


@dataclass(frozen=True, slots=True)
class ReplayState:
    """The newest replay. ``phase``: idle, running, done, cancelled or failed; ``done`` of ``total`` ticks, and
    ``left_s`` to go (None: not known yet)."""

    phase: str = "idle"
    done: int = 0
    total: int = 0
    left_s: float | None = None
    problem: str = ""
    result: ReplayResult | None = None


class ReplayService:
    """Starts, follows and cancels replays of one data folder, one at a time. Any thread may call."""

    def __init__(self, jobs: Jobs, data_dir: Path, require_owner: Callable[[], None]) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only."""
        busy = "a replay is running; wait for it or cancel it"
        self._replay = OneAtATime(jobs, "services.replay_job:run_replay", busy)
        self._data_dir = data_dir
        self._require_owner = require_owner

    def start(self, request: ReplayRequest) -> None:
        """Start a replay. A run that is not stored makes the job fail with the reason. Raises NotAllowed, and JobBusy
        while one is running."""
        self._require_owner()
        values = {"data_dir": str(self._data_dir.resolve()), "replay": dataclasses.asdict(request)}
        self._replay.start(values, ReplayResult.from_json)

    def cancel(self) -> None:
        """Cancel the running replay, if any. Raises NotAllowed."""
        self._require_owner()
        self._replay.cancel()

    def state(self) -> ReplayState:
        """The state of the newest replay."""
        job = self._replay.state()
        return (
            ReplayState()
            if job is None
            else ReplayState(job.phase, job.done, job.total, job.left_s, job.problem, job.result)
        )
