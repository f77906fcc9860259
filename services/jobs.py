"""Background jobs: submit, follow, cancel. The given executor runs them.

A job function takes ``(request, report, is_cancelled)`` and returns a result: plain JSON values in and out. It is named
``module:function``, so that another process can import it (``services.job_process``). It polls ``is_cancelled``, and
raises JobCancelled, or another error, once that is true.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from engine.errors import PairbridgeError

log = logging.getLogger("pairbridge.jobs")

Json = dict[str, Any]
Report = Callable[[str, int, int], None]  # stage, done, total
IsCancelled = Callable[[], bool]
JobFunction = Callable[[Json, Report, IsCancelled], Json]

ENDS_WITHIN_S = 5.0
KEPT_STATES = 100  # of jobs that have ended, besides those that are held
KEPT_KEYS = 100  # of one kind of job


class JobFailed(PairbridgeError):
    """The job failed; the message says why."""


class JobCancelled(PairbridgeError):
    """The job was cancelled before its end."""


class JobBusy(PairbridgeError):
    """The maximum number of jobs of this kind is running."""


class Executor(Protocol):
    """Runs job functions. Called from a separate thread for each job."""

    def run(self, function: str, request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
        """The function's result. Raises JobFailed, and JobCancelled when ``is_cancelled`` became true first."""


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a job. ``phase``: running, done, cancelled or failed; ``result``: what ``finish`` returned.

    ``left_s``: how long the stage will still take at its speed so far; None while that is not known.
    """

    phase: str = "running"
    stage: str = "starting"
    done: int = 0
    total: int = 0
    problem: str = ""
    result: Any = None
    left_s: float | None = None


@dataclass(slots=True)
class _Speed:
    """Of one stage, from its first report on: what was done before that, such as by an earlier start, took no time."""

    stage: str = ""
    began_s: float = 0.0
    done: int = 0

    def left_s(self, stage: str, done: int, total: int) -> float | None:
        """How long the rest takes."""
        now_s = time.monotonic()
        if stage != self.stage or done < self.done:
            self.stage, self.began_s, self.done = stage, now_s, done
        new = done - self.done
        return (now_s - self.began_s) / new * (total - done) if new > 0 else None


class Jobs:
    """Every job of this process. Any thread may call."""

    def __init__(self, executor: Executor, ended: Callable[[str, str, float], None] = lambda *_: None) -> None:
        """``ended(function, phase, seconds)`` is called when a job has ended."""
        self._executor = executor
        self._ended = ended
        self._lock = threading.Lock()
        self._states: dict[int, JobState] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._held: set[int] = set()
        self._next_id = 1

    def submit(self, function: str, request: Json, finish: Callable[[Json], Any], is_held: bool = False) -> int:
        """Start a job; returns its number. ``finish`` receives the result before the job counts as done; if it raises a
        PairbridgeError, the job fails. ``is_held``: its state is kept until ``release``."""
        with self._lock:
            job_id, self._next_id = self._next_id, self._next_id + 1
            for old in list(self._states)[:-KEPT_STATES]:
                if old not in self._threads and old not in self._held:
                    del self._states[old]
            self._states[job_id] = JobState()
            if is_held:
                self._held.add(job_id)
            thread = threading.Thread(
                target=self._run, args=(job_id, function, request, finish), name=f"job {job_id}", daemon=True
            )
            self._threads[job_id] = thread
            thread.start()
        return job_id

    def state(self, job_id: int) -> JobState:
        """The current state of a job. Raises KeyError for an unknown or expired number."""
        return self._states[job_id]

    def release(self, job_id: int) -> None:
        """The state of this job is no longer needed."""
        with self._lock:
            self._held.discard(job_id)

    def cancel(self, job_id: int) -> None:
        """Cancel a job; it counts as cancelled from now on. Raises KeyError as ``state``."""
        self._change(job_id, phase="cancelled", stage="")

    def close(self) -> None:
        """Cancel all running jobs; returns when they have ended."""
        with self._lock:
            running = dict(self._threads)
        for job_id in running:
            self.cancel(job_id)
        for thread in running.values():
            thread.join(ENDS_WITHIN_S)

    def _run(self, job_id: int, function: str, request: Json, finish: Callable[[Json], Any]) -> None:
        speed, began_s = _Speed(), time.monotonic()

        def report(stage: str, done: int, total: int) -> None:
            self._change(job_id, stage=stage, done=done, total=total, left_s=speed.left_s(stage, done, total))

        def is_cancelled() -> bool:
            return self._states[job_id].phase == "cancelled"

        try:
            found = self._executor.run(function, request, report, is_cancelled)
            if not is_cancelled():
                self._change(job_id, phase="done", stage="", left_s=None, result=finish(found))
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
            self._ended(function, self._states[job_id].phase, time.monotonic() - began_s)
            with self._lock:
                del self._threads[job_id]

    def _change(self, job_id: int, **changes: Any) -> None:
        """Update the state, unless the job has ended."""
        with self._lock:
            if self._states[job_id].phase == "running":
                self._states[job_id] = replace(self._states[job_id], **changes)


class OneAtATime:
    """The jobs of one function, of which one runs at a time. The newest of each key stays known, however many other
    jobs there have been. Any thread may call."""

    def __init__(self, jobs: Jobs, function: str, busy: str) -> None:
        """``busy``: what is said while one is running."""
        self._jobs, self._function, self._busy = jobs, function, busy
        self._lock = threading.Lock()
        self._newest: dict[Hashable, int] = {}  # by key: the job's number, in the order in which they began

    def start(
        self, request: Json, finish: Callable[[Json], Any] = lambda found: found, key: Hashable = None
    ) -> None:  # fmt: skip
        """Start one, as ``Jobs.submit``. Raises JobBusy while one is running, of whatever key."""
        with self._lock:
            if any(self._jobs.state(job_id).phase == "running" for job_id in self._newest.values()):
                raise JobBusy(self._busy)
            gone = [self._newest.pop(key, None)]
            self._newest[key] = self._jobs.submit(self._function, request, finish, is_held=True)
            while len(self._newest) > KEPT_KEYS:
                gone.append(self._newest.pop(next(iter(self._newest))))
            for job_id in gone:
                if job_id is not None:
                    self._jobs.release(job_id)

    def state(self, key: Hashable = None) -> JobState | None:
        """The state of the newest job of a key; None without one."""
        with self._lock:
            job_id = self._newest.get(key)
            return None if job_id is None else self._jobs.state(job_id)

    def cancel(self, key: Hashable = None) -> bool:
        """Cancel the newest job of a key; False without one. One that has ended stays as it is."""
        with self._lock:
            job_id = self._newest.get(key)
            if job_id is None:
                return False
            self._jobs.cancel(job_id)
            return True
