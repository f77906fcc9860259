"""Backtests and searches: one at a time as a job, results stored and listed, trials counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.store.backtests import BacktestStore, BacktestSummary
from engine.store.trials import TrialCount, TrialStore
from services.backtest_request import BacktestRequest, StoredSource
from services.jobs import JobBusy, Jobs, Json, OneAtATime
from services.pairs import Pair
from services.requests import Changed, not_logged
from services.search_units import folder_of, forget
from services.unfinished import SearchMissing, Unfinished, unfinished

_BUSY = "a backtest is running; wait for it or cancel it"


@dataclass(frozen=True, slots=True)
class BacktestState:
    """The state of the backtest. ``phase``: idle, running, done, cancelled or failed.

    While it runs, ``stage`` is the current step, with ``done`` of ``total`` complete and ``left_s`` to go (None: not
    known yet); ``backtest_id`` is the newest stored result, ``problem`` why it failed.
    """

    phase: str = "idle"
    stage: str = ""
    done: int = 0
    total: int = 0
    left_s: float | None = None
    backtest_id: int | None = None
    problem: str = ""


class BacktestService:
    """Starts, follows and cancels backtests of one data folder. Any thread may call."""

    def __init__(
        self, jobs: Jobs, store: BacktestStore, trials: TrialStore, data_dir: Path, require_owner: Callable[[], None],
        changed: Changed = not_logged,
    ) -> None:  # fmt: skip
        """``require_owner`` raises NotAllowed for callers with read access only; ``changed`` logs a change."""
        self._changed = changed
        self._run = OneAtATime(jobs, "services.backtest_job:run_job", _BUSY)
        self._store, self._trials = store, trials
        self._data_dir = data_dir
        self._require_owner = require_owner
        self._lock = threading.Lock()  # what is discarded must not begin meanwhile

    def start(self, request: BacktestRequest) -> None:
        """Start a backtest; a search that was cancelled or killed continues. Raises NotAllowed, and JobBusy while one
        is running."""
        self._require_owner()
        with self._lock:
            values = {"data_dir": str(self._data_dir.resolve()), "backtest": request.to_json()}
            self._run.start(values, self._keep)
            self._changed("start a backtest", None, request.to_json())

    def cancel(self) -> None:
        """Cancel the running backtest, if any: its process ends within a second, finished cells are kept. Raises
        NotAllowed."""
        self._require_owner()
        if self._run.cancel():
            self._changed("cancel the backtest", None, None)

    def unfinished(self) -> list[Unfinished]:
        """Backtests that were cancelled, killed or failed, or that run now, the newest first."""
        return unfinished(self._data_dir)

    def resume(self, name: str) -> None:
        """Continue an unfinished backtest with the cells that it lacks. Raises as ``start``, and SearchMissing for a
        name that ``unfinished`` does not give."""
        self.start(self._unfinished(name).request)

    def discard(self, name: str) -> None:
        """Delete the finished cells of an unfinished backtest; those of a running one, once it has ended. Raises
        NotAllowed, JobBusy, SearchMissing."""
        self._require_owner()
        with self._lock:
            if self.state().phase == "running":
                raise JobBusy(_BUSY)
            forget(self._unfinished(name).folder)

    def state(self) -> BacktestState:
        """The current state of the backtest."""
        job = self._run.state()
        return (
            BacktestState()
            if job is None
            else BacktestState(job.phase, job.stage, job.done, job.total, job.left_s, job.result, job.problem)
        )

    def earlier(self, limit: int = 50) -> list[BacktestSummary]:
        """Stored results, the newest first."""
        return self._store.newest(limit)

    def result(self, backtest_id: int) -> dict[str, Any] | None:
        """A stored result, as ``services.backtest_record`` makes it."""
        return self._store.result(backtest_id)

    def trials(self, data: str) -> TrialCount:
        """How many backtests and cells saw data with this fingerprint."""
        return self._trials.on_data(data)

    def trials_in(self, market: str, from_ms: int, to_ms: int) -> TrialCount:
        """How many trials saw a part of this time of a market, pairs of scans and pairs on screens included: what the
        DSR of a backtest counts."""
        return self._trials.overlapping(market, from_ms, to_ms)

    def _unfinished(self, name: str) -> Unfinished:
        for each in self.unfinished():
            if each.name == name:
                return each
        raise SearchMissing(f"no unfinished backtest is called {name!r}; it was completed, or discarded")

    def _keep(self, result: Json) -> int:
        number = self._store.add(time.time_ns() // 1_000_000, result).backtest_id
        request = BacktestRequest.from_json(result["request"])
        forget(folder_of(self._data_dir.resolve(), request, result["data"], result["code"]))
        return number


def live_request(pair: Pair, span_ms: int, now_ms: int) -> BacktestRequest:
    """A backtest of a watched pair over its live range: its own settings, the last ``span_ms`` up to now."""
    return BacktestRequest(StoredSource(pair.market, pair.y, pair.x, now_ms - span_ms), pair.settings)
