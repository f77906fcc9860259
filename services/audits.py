"""Look-ahead audits of stored backtests: a job that computes everything again without the bars after some moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from engine.backtest import Strategy
from engine.errors import SettingsError
from engine.store import open_backend
from engine.store.backtests import BacktestStore
from services.backtest_data import read_legs
from services.backtest_job import terms_of
from services.backtest_request import BacktestRequest
from services.jobs import IsCancelled, JobCancelled, Jobs, Json, OneAtATime, Report
from services.reports.audit import columns_of, in_words, look_ahead_audit


@dataclass(frozen=True, slots=True)
class AuditState:
    """The newest audit of a result. ``phase``: none, running, done, cancelled or failed; ``said``: what it found or why
    it failed; ``is_clean``: whether nothing changed."""

    phase: str = "none"
    said: str = ""
    is_clean: bool = False


class AuditService:
    """Starts and follows audits, one at a time. Any thread may call."""

    def __init__(self, jobs: Jobs, store: BacktestStore, data_dir: Path, require_owner: Callable[[], None]) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only."""
        self._audit = OneAtATime(jobs, "services.audits:run_audit", "an audit is running; wait for it")
        self._store = store
        self._data_dir = data_dir
        self._require_owner = require_owner

    def start(self, backtest_id: int) -> None:
        """Audit the best cell of a stored result on its own bars. Raises NotAllowed, JobBusy while one is running,
        SettingsError for a number that is not stored."""
        self._require_owner()
        record = self._store.result(backtest_id)
        if record is None:
            raise SettingsError(f"there is no result {backtest_id}; expected the number of a stored one")
        asked = {
            "data_dir": str(self._data_dir.resolve()), "backtest": record["request"], "best": record["settings"],
        }  # fmt: skip
        self._audit.start(asked, key=backtest_id)

    def state(self, backtest_id: int) -> AuditState:
        """The state of the result's newest audit."""
        job = self._audit.state(backtest_id)
        if job is None:
            return AuditState()
        found = job.result or {"said": job.problem, "is_clean": False}
        return AuditState(job.phase, found["said"], found["is_clean"])


def run_audit(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, a ``backtest`` in the form of ``BacktestRequest.to_json``, and what its ``best``
    cell changes of the settings, by name. Raises ValueError, StoreError."""
    asked = BacktestRequest.from_json(request["backtest"])
    report("reading bars", 0, 1)
    legs = read_legs(
        asked.source, asked.settings.interval_ms, open_backend(Path(request["data_dir"])), asked.venue.funding
    )
    if is_cancelled():
        raise JobCancelled("the audit was cancelled")
    report("computing again without the bars after a moment", 0, 1)
    terms = terms_of(asked, legs)
    settings = replace(asked.settings, **request["best"] | {"interval_ms": legs.interval_ms})
    strategy = Strategy(settings, terms.costs, terms.account, terms.venue)
    audit = look_ahead_audit(legs.y, legs.x, columns_of(strategy))
    return {"said": in_words(audit), "is_clean": audit.difference is None}
