"""Jobs on a given executor, and job functions in a separate process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine.errors import NotAllowed, PairbridgeError, SettingsError, StoreMissing
from services.errors import problem_of
from services.job_process import ProcessExecutor
from services.jobs import KEPT_STATES, IsCancelled, JobBusy, JobCancelled, JobFailed, Jobs, OneAtATime, Report
from tests.conftest import until

HERE = "tests.services.test_jobs"


class InThread:
    """Runs functions of this module where it is called."""

    def run(self, function: str, request: dict[str, Any], report: Report, is_cancelled: IsCancelled) -> dict[str, Any]:
        return globals()[function.partition(":")[2]](request, report, is_cancelled)


def double(request: dict[str, Any], report: Report, _: IsCancelled) -> dict[str, Any]:
    """A job: twice a number, in steps."""
    for step in range(3):
        report("doubling", step, 3)
    return {"number": 2 * request["number"], "pid": os.getpid()}


def wait(_: dict[str, Any], report: Report, is_cancelled: IsCancelled) -> dict[str, Any]:
    """A job that ends when it is cancelled, with its own error."""
    report("waiting", 0, 1)
    pause = threading.Event()
    while not is_cancelled():
        pause.wait(0.01)
    raise JobCancelled("as asked")


def refuse(request: dict[str, Any], *_: Any) -> dict[str, Any]:
    """A job that fails."""
    raise JobFailed(f"{request['number']} is no number")


@pytest.fixture(params=[InThread, ProcessExecutor])
def jobs(request: pytest.FixtureRequest) -> Iterator[Jobs]:
    made = Jobs(request.param())
    yield made
    made.close()


async def ended(jobs: Jobs, job_id: int) -> str:
    await until(lambda: jobs.state(job_id).phase != "running", 20)
    return jobs.state(job_id).phase


async def test_a_result_goes_to_whoever_submitted(jobs: Jobs) -> None:
    kept: list[dict[str, Any]] = []

    def keep(result: dict[str, Any]) -> str:
        kept.append(result)
        return "kept as 7"

    job_id = jobs.submit(f"{HERE}:double", {"number": 21}, keep)
    assert await ended(jobs, job_id) == "done"
    assert kept[0]["number"] == 42
    state = jobs.state(job_id)
    assert (state.result, state.stage, state.done, state.total, state.problem) == ("kept as 7", "", 2, 3, "")
    assert (kept[0]["pid"] == os.getpid()) == isinstance(jobs._executor, InThread)


async def test_a_job_hears_that_it_is_cancelled(jobs: Jobs) -> None:
    kept: list[object] = []
    job_id = jobs.submit(f"{HERE}:wait", {}, kept.append)
    await until(lambda: jobs.state(job_id).stage == "waiting", 20)
    jobs.cancel(job_id)
    assert jobs.state(job_id).phase == "cancelled"
    await until(lambda: not jobs._threads)
    assert (jobs.state(job_id).phase, kept) == ("cancelled", [])


def hear_nothing(_: dict[str, Any], report: Report, __: IsCancelled) -> dict[str, Any]:
    """A job that never looks whether it is cancelled, as in a compiled kernel."""
    report("deaf", 0, 1)
    threading.Event().wait()
    return {}


@pytest.mark.parametrize("function", ["wait", "hear_nothing"])
async def test_the_process_of_a_cancelled_job_has_ended_within_a_second(function: str) -> None:
    executor = ProcessExecutor()
    jobs = Jobs(executor)
    job_id = jobs.submit(f"{HERE}:{function}", {}, lambda _: None)
    await until(lambda: jobs.state(job_id).total == 1, 20)
    (child,) = executor.children
    begun = time.monotonic()
    jobs.cancel(job_id)
    child.wait(5)
    assert time.monotonic() - begun <= 1.0
    await until(lambda: not jobs._threads)
    assert jobs.state(job_id).phase == "cancelled" and not executor.children


async def test_what_cannot_be_done_says_why(jobs: Jobs) -> None:
    job_id = jobs.submit(f"{HERE}:refuse", {"number": "x"}, lambda _: None)
    assert await ended(jobs, job_id) == "failed"
    assert jobs.state(job_id).problem == "x is no number"


async def test_a_result_that_cannot_be_kept_fails_the_job(jobs: Jobs) -> None:
    def keep(_: dict[str, Any]) -> None:
        raise StoreMissing("no store")

    job_id = jobs.submit(f"{HERE}:double", {"number": 1}, keep)
    assert await ended(jobs, job_id) == "failed" and jobs.state(job_id).problem == "no store"


async def test_closing_ends_what_runs_and_numbers_are_not_used_twice(jobs: Jobs) -> None:
    ids = [jobs.submit(f"{HERE}:wait", {}, lambda _: None) for _ in range(3)]
    assert len(set(ids)) == 3
    jobs.close()
    assert not jobs._threads and {jobs.state(each).phase for each in ids} == {"cancelled"}
    with pytest.raises(KeyError):
        jobs.state(99)


async def test_a_job_ends_with_whoever_started_its_process() -> None:
    executor = ProcessExecutor()
    jobs = Jobs(executor)
    job_id = jobs.submit(f"{HERE}:wait", {}, lambda _: None)
    await until(lambda: jobs.state(job_id).stage == "waiting", 20)
    (child,) = executor.children
    assert child.stdin is not None
    child.stdin.close()
    await until(lambda: child.poll() is not None)
    assert await ended(jobs, job_id) == "failed"


def give_up(*_: Any) -> dict[str, Any]:
    """A job that ends as if it had been cancelled."""
    raise JobCancelled("of its own")


async def test_a_job_that_cancels_itself_is_not_running_for_ever() -> None:
    jobs = Jobs(InThread())
    assert await ended(jobs, jobs.submit(f"{HERE}:give_up", {}, lambda _: None)) == "cancelled"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotAllowed("look only"), 403, "not-allowed"), (SettingsError("exit_z is 3"), 400, "settings"),
        (JobBusy("one at a time"), 409, "busy"), (StoreMissing("no file"), 503, "store"),
        (PairbridgeError("else"), 500, "failed"),
    ],
)  # fmt: skip
def test_every_error_has_a_status_a_code_and_its_message(error: PairbridgeError, status: int, code: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code, problem.message) == (status, code, str(error))


def stumble(*_: Any) -> dict[str, Any]:
    """A job with an unexpected error."""
    raise ZeroDivisionError("by zero")


async def test_an_unexpected_error_fails_the_job_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    jobs = Jobs(InThread())
    job_id = jobs.submit(f"{HERE}:stumble", {}, lambda _: None)
    assert await ended(jobs, job_id) == "failed"
    assert jobs.state(job_id).problem == "ZeroDivisionError: by zero" and "Traceback" in caplog.text


async def test_one_at_a_time_the_newest_of_each_key_stays_known_after_a_hundred_others() -> None:
    """Each screen asks for the newest of each kind with every message: an expired one would end them all."""
    jobs = Jobs(InThread())
    doubling = OneAtATime(jobs, f"{HERE}:double", "one runs")
    assert doubling.state("a") is None and not doubling.cancel("a")
    for key, number in (("a", 1), ("b", 2), ("a", 3)):
        doubling.start({"number": number}, lambda found: found["number"], key=key)
        await until(lambda: doubling.state(key).phase == "done", 20)  # type: ignore[union-attr]  # noqa: B023
    for _ in range(KEPT_STATES + 5):
        other = jobs.submit(f"{HERE}:double", {"number": 0}, lambda found: found)
        await ended(jobs, other)
    kept = {key: doubling.state(key) for key in ("a", "b")}
    assert {key: state.result for key, state in kept.items() if state} == {"a": 6, "b": 4}
    assert doubling.cancel("a") and doubling.state("a") == kept["a"]
    doubling.start({"number": 5}, key="b")
    await until(lambda: doubling.state("b").phase == "done", 20)  # type: ignore[union-attr]
    with pytest.raises(KeyError):
        jobs.state(1)  # replaced, so it could be forgotten
    jobs.close()


async def test_while_one_runs_another_is_refused_and_no_key_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.jobs.KEPT_KEYS", 2)
    jobs = Jobs(InThread())
    waiting = OneAtATime(jobs, f"{HERE}:wait", "one waits; cancel it")
    waiting.start({}, key=0)
    with pytest.raises(JobBusy, match="one waits; cancel it"):
        waiting.start({}, key=1)
    assert waiting.cancel(0)
    for key in (1, 2):
        waiting.start({}, key=key)
        assert waiting.cancel(key)
    assert waiting.state(0) is None and waiting.state(2) is not None
    jobs.close()
