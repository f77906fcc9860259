"""Proof packs on request: made in a job's process, because it replays the trades of the run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from engine.store import open_backend
from services.jobs import JobBusy, JobCancelled, JobFailed, Jobs, JobState
from services.proof_pack.make import ProofRequest, stored_signal


class ProofService:
    """Makes the packs of one data folder, one at a time, into its ``exports``. Any thread may call."""

    def __init__(self, jobs: Jobs, data_dir: Path) -> None:
        self._jobs = jobs
        self._data_dir = data_dir
        self._job_id: int | None = None

    def start(self, wanted: ProofRequest) -> int:
        """Start a pack; returns its job's number. Raises NothingToExport and SettingsError for a decision that has
        none, StoreError, and JobBusy while one is being made."""
        stored_signal(open_backend(self._data_dir), wanted)
        if self._job_id is not None and self.state(self._job_id).phase == "running":
            raise JobBusy("a proof pack is being made; wait for it")
        request = {"data_dir": str(self._data_dir.resolve()), "proof": dataclasses.asdict(wanted)}
        self._job_id = self._jobs.submit("services.proof_pack.make:run_proof", request, self._made)
        return self._job_id

    def state(self, job_id: int) -> JobState:
        """How far it is. Raises KeyError for an unknown or expired number."""
        return self._jobs.state(job_id)

    def cancel(self, job_id: int) -> None:
        """Stop making it."""
        self._jobs.cancel(job_id)

    def file(self, job_id: int) -> Path:
        """The pack, once it is not being made any more. Raises JobFailed, JobCancelled."""
        job = self.state(job_id)
        if job.phase == "cancelled":
            raise JobCancelled("the proof pack was cancelled")
        if job.phase != "done":
            raise JobFailed(job.problem or "the proof pack is being made")
        made: Path = job.result
        return made

    def _made(self, result: dict[str, str]) -> Path:
        return self._data_dir / "exports" / result["name"]
