"""The document is a contract: whatever it allows to be asked is answered as it says, and never with a server's error.

Cases are made by schemathesis from the document, as the owner asks them, beside a real bridge server; jobs end at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.roles import LEAST
from services.jobs import IsCancelled, JobFailed, Json, Report
from tests.api.stand import Stand, opened_with_server

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SHORT, LONG = 4, 300  # cases of each route; the long form has more than 10,000 in all


class EndsAtOnce:
    """Instead of processes: no job of a random request does anything."""

    def run(self, function: str, request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
        raise JobFailed(f"{function} is not run here")


@pytest.fixture
async def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    monkeypatch.setattr("services.use_cases.ProcessExecutor", EndsAtOnce)
    async with opened_with_server(tmp_path) as made:
        yield made


def cases_of(operation: Any, count: int) -> list[Any]:
    found: list[Any] = []

    @seed(14)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy())
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    return found[:count]


async def asked(client: httpx.AsyncClient, case: Any) -> httpx.Response:
    given = case.as_transport_kwargs(base_url=str(client.base_url))
    headers = {
        name: value for name, value in dict(given["headers"]).items() if name.lower() not in ("user-agent", "host")
    }
    body = {name: given[name] for name in ("json", "data") if given.get(name) is not None}
    return await client.request(given["method"], given["url"], params=given.get("params"), headers=headers, **body)


async def contract(stand: Stand, count: int) -> int:
    """Ask so many cases of every route; returns how many were asked."""
    document = (await stand.viewer.get("/api/openapi.json")).json()
    operations = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert {(each.method.upper(), each.path) for each in operations} == set(LEAST)
    total = 0
    for operation in operations:
        for case in cases_of(operation, count):
            try:
                answer = await asked(stand.owner, case)
            except httpx.InvalidURL:  # no client could send it
                continue
            total += 1
            case.validate_response(answer, checks=CHECKS)
    return total


async def test_what_the_document_allows_is_answered_as_it_says(stand: Stand) -> None:
    assert await contract(stand, SHORT) >= len(LEAST)


@pytest.mark.soak
async def test_ten_thousand_cases(stand: Stand) -> None:
    assert await contract(stand, LONG) >= 10_000
