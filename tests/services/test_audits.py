"""Look-ahead audits of stored results: the best cell on its own bars, in a process, for those who may change things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import NotAllowed, SettingsError
from engine.store import open_backend
from services.audits import AuditService, run_audit
from services.backtests import BacktestService
from services.job_process import ProcessExecutor
from services.jobs import JobCancelled, Jobs
from tests.conftest import until
from tests.services.backtest_worlds import SEARCH, request_of, write_files


@pytest.fixture
def services(tmp_path: Path) -> Iterator[tuple[BacktestService, AuditService]]:
    backend = open_backend(tmp_path / "data")
    backend.analysis().close()
    jobs = Jobs(ProcessExecutor())
    backtests = BacktestService(jobs, backend.backtests(), backend.trials(), tmp_path / "data", lambda: None)
    yield backtests, AuditService(jobs, backend.backtests(), tmp_path / "data", lambda: None)
    jobs.close()


async def test_the_best_cell_of_a_search_is_audited(
    services: tuple[BacktestService, AuditService], tmp_path: Path
) -> None:
    backtests, audits = services
    backtests.start(request_of(write_files(tmp_path), SEARCH))
    await until(lambda: backtests.state().phase != "running", 60)
    number = backtests.state().backtest_id
    assert number is not None and audits.state(number).phase == "none"
    audits.start(number)
    await until(lambda: audits.state(number).phase != "running", 60)
    found = audits.state(number)
    assert (found.phase, found.is_clean) == ("done", True) and found.said.startswith("no look-ahead: ")
    record = backtests.result(number)
    assert record is not None and record["settings"]
    asked = {"data_dir": str(tmp_path), "backtest": record["request"], "best": record["settings"]}
    assert run_audit(asked, lambda *_: None, lambda: False) == {"said": found.said, "is_clean": True}
    with pytest.raises(JobCancelled):
        run_audit(asked, lambda *_: None, lambda: True)


def test_look_ahead_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a column that knows the last bar."""
    monkeypatch.setattr(
        "services.audits.columns_of", lambda _: lambda y, x: (y[["close"]] - y["close"].iloc[-1]).rename(columns=str)
    )
    request = request_of(write_files(tmp_path)).to_json()
    found = run_audit({"data_dir": str(tmp_path), "backtest": request, "best": {}}, lambda *_: None, lambda: False)
    assert not found["is_clean"] and found["said"].startswith("look-ahead: close of the bar")


def test_what_cannot_be_audited(tmp_path: Path) -> None:
    backend = open_backend(tmp_path)
    backend.analysis().close()
    jobs = Jobs(ProcessExecutor())

    def refuse() -> None:
        raise NotAllowed("view only")

    with pytest.raises(SettingsError, match="there is no result 7"):
        AuditService(jobs, backend.backtests(), tmp_path, lambda: None).start(7)
    with pytest.raises(NotAllowed):
        AuditService(jobs, backend.backtests(), tmp_path, refuse).start(7)
    jobs.close()
