"""Long work: submitted, followed, cancelled. What runs it is an executor that is passed in.

A job function takes ``(request, report, is_cancelled)`` and returns a result: plain JSON values in and out. It is named
``module:function``, so that another process can find it (``services.job_process``). It looks at ``is_cancelled`` now
and then, and raises JobCancelled, or any error of its own, once that is true.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from engine.errors import PairbridgeError

log = logging.getLogger("pairbridge.jobs")

Json = dict[str, Any]
Report = Callable[[str, int, int], None]  # stage, and how many of how many are done
IsCancelled = Callable[[], bool]
JobFunction = Callable[[Json, Report, IsCancelled], Json]

ENDS_WITHIN_S = 5.0
KEPT_STATES = 100  # of jobs that have ended


class JobFailed(PairbridgeError):
    """The job cannot be done; the message says why."""


class JobCancelled(PairbridgeError):
    """The job was cancelled before its end."""


class JobBusy(PairbridgeError):
    """As many jobs of this kind are running as may."""


class Executor(Protocol):
    """Runs job functions. Called from a thread of its own for each job."""

    def run(self, function: str, request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
        """The function's result. Raises JobFailed, and JobCancelled when ``is_cancelled`` became true first."""


@dataclass(frozen=True, slots=True)
class JobState:
    """Where a job stands. ``phase``: running, done, cancelled or failed; ``result``: what ``finish`` returned."""

    phase: str = "running"
    stage: str = "starting"
    done: int = 0
    total: int = 0
    problem: str = ""
    result: Any = None


class Jobs:
    """Every job of this process. Any thread may call."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self._states: dict[int, JobState] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._next_id = 1

    def submit(self, function: str, request: Json, finish: Callable[[Json], Any]) -> int:
        """Begin a job; returns its number. ``finish`` takes the result before the job counts as done; a
        PairbridgeError that it raises fails the job."""
        with self._lock:
            job_id, self._next_id = self._next_id, self._next_id + 1
            for old in list(self._states)[:-KEPT_STATES]:
                if old not in self._threads:
                    del self._states[old]
            self._states[job_id] = JobState()
            thread = threading.Thread(
                target=self._run, args=(job_id, function, request, finish), name=f"job {job_id}", daemon=True
            )
            self._threads[job_id] = thread
            thread.start()
        return job_id

    def state(self, job_id: int) -> JobState:
        """Where a job stands now. Raises KeyError for a number that was never given, or long ago."""
        return self._states[job_id]

    def cancel(self, job_id: int) -> None:
        """Ask a job to end; it counts as cancelled from now on."""
        self._change(job_id, phase="cancelled", stage="")

    def close(self) -> None:
        """Cancel what runs; returns when all of it has ended."""
        with self._lock:
            running = dict(self._threads)
        for job_id in running:
            self.cancel(job_id)
        for thread in running.values():
            thread.join(ENDS_WITHIN_S)

    def _run(self, job_id: int, function: str, request: Json, finish: Callable[[Json], Any]) -> None:
        def report(stage: str, done: int, total: int) -> None:
            self._change(job_id, stage=stage, done=done, total=total)

        def is_cancelled() -> bool:
            return self._states[job_id].phase == "cancelled"

        try:
            found = self._executor.run(function, request, report, is_cancelled)
            if not is_cancelled():
                self._change(job_id, phase="done", stage="", result=finish(found))
        except JobCancelled as error:
            log.info("job %d: %s", job_id, error)
            self._change(job_id, phase="cancelled", stage="")
        except PairbridgeError as error:
            if not is_cancelled():
                log.error("job %d: %s", job_id, error)
            self._change(job_id, phase="failed", stage="", problem=str(error))
        except Exception as error:
            log.exception("job %d failed", job_id)
            self._change(job_id, phase="failed", stage="", problem=f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                del self._threads[job_id]

    def _change(self, job_id: int, **changes: Any) -> None:
        """Move on, unless it has ended."""
        with self._lock:
            if self._states[job_id].phase == "running":
                self._states[job_id] = replace(self._states[job_id], **changes)
