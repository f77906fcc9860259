"""Proof packs over HTTP: downloaded, verified, refused in words, and stopped when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.problems import answer_in_problems
from api.proofs import PATHS, add_proof_route
from engine.market.records import Decision
from services.job_process import ProcessExecutor
from services.jobs import IsCancelled, JobCancelled, Jobs, Json, Report
from services.proof_pack.pack import read_pack
from services.proof_pack.service import ProofService
from services.proof_pack.verify import verify
from tests.conftest import until
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness

REFERENCE = (Path(__file__).parents[2] / "docs/reference.md").read_text()


class Endless:
    """An executor whose jobs run until they are cancelled."""

    def run(self, function: str, request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
        while not is_cancelled():
            report("replaying", 1, 2)
        raise JobCancelled(f"{function} was cancelled")


def app_of(proofs: ProofService) -> FastAPI:
    app = FastAPI()
    add_proof_route(app, proofs)
    answer_in_problems(app)
    return app


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    made = await Harness.open(tmp_path)
    await made.write(make_ticks(1))
    made.read_all()
    yield made
    made.monitor.close()
    await made.writer.close()


def entry_of(harness: Harness) -> Decision:
    return next(each for each in reversed(harness.stored()) if each.kind.startswith("enter"))


def address(decision: Decision, more: str = "") -> str:
    return f"{PATHS[0]}?run={decision.run_id}&bar_close={decision.bar_ms + SETTINGS.interval_ms}{more}"


async def test_it_is_downloaded_and_verified(harness: Harness, tmp_path: Path) -> None:
    jobs, entry = Jobs(ProcessExecutor()), entry_of(harness)
    transport = httpx.ASGITransport(app=app_of(ProofService(jobs, tmp_path)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
        answer = await client.get(address(entry))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/zip"
        name = f"proof_{entry.run_id}_{entry.bar_ms}_{entry.revision}.zip"
        assert f'filename="{name}"' in answer.headers["content-disposition"]
        path = tmp_path / "downloaded.zip"
        path.write_bytes(answer.content)
        pack = read_pack(path)
        assert verify(pack) == [] and Decision(**pack.record["decision"]) == entry
        for wrong, status, said in (
            (replace(entry, run_id="none"), 404, "run 'none' has no decision at the bar"),
            (replace(entry, bar_ms=entry.bar_ms + 1), 404, "has no decision at the bar"),
        ):
            answer = await client.get(address(wrong))
            assert (answer.status_code, said in answer.text) == (status, True), answer.text
        assert (await client.get(address(entry, "&revision=9"))).status_code == 404
        assert (await client.get(f"{PATHS[0]}?run={entry.run_id}&bar_close=soon")).status_code == 400
        assert (await client.get(PATHS[0])).status_code == 400
    jobs.close()


async def test_one_at_a_time_and_none_for_a_client_that_left(harness: Harness, tmp_path: Path) -> None:
    jobs, entry = Jobs(Endless()), entry_of(harness)
    proofs = ProofService(jobs, tmp_path)
    transport = httpx.ASGITransport(app=app_of(proofs))
    sent: list[dict[str, object]] = []
    left = asyncio.Event()

    async def receive() -> dict[str, object]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    path, _, query = address(entry).partition("?")
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
    asking = asyncio.create_task(app_of(proofs)(scope, receive, send))  # type: ignore[arg-type]
    await until(lambda: proofs._job_id is not None, 10)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get(address(entry))
    assert (answer.status_code, answer.json()["detail"]) == (409, "a proof pack is being made; wait for it")
    left.set()
    await asyncio.wait_for(asking, 10)
    assert proofs._job_id is not None and proofs.state(proofs._job_id).phase == "cancelled"
    assert sent[0]["status"] == 409
    jobs.close()


def test_the_reference_names_the_path() -> None:
    for path in PATHS:
        assert f"`GET {path}?" in REFERENCE
