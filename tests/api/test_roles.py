"""Who may do what: every route of the document, asked by every kind of caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from api.permissions import GRANTS, OWNER
from api.roles import LEAST, OF_DOCS, WEB_SOCKETS, route_of
from tests.api.stand import Stand, opened

PASSWORD = "correct horse"


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with opened(tmp_path) as made:
        yield made


def routes_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


async def status_of(client: httpx.AsyncClient, method: str, path: str) -> tuple[int, str]:
    """Asked with nothing that a route needs, so that whoever may ask is told what is missing, and nothing is done."""
    answer = await client.request(
        method, path.replace("{", "").replace("}", ""), content=b"" if method == "POST" else None
    )
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, answer.json()["code"] if is_problem else ""


async def test_every_route_has_a_role_and_is_documented(stand: Stand) -> None:
    document = (await stand.viewer.get("/api/openapi.json")).json()
    assert sorted(routes_of(document)) == sorted(LEAST)
    served = {(next(iter(each.methods)), each.path) for each in stand.server.routes if isinstance(each, APIRoute)}
    ours = {(method, path) for method, path in served if path.startswith("/api/") or path == "/metrics"}
    assert ours == set(LEAST)
    assert {each.path for each in stand.server.routes if isinstance(each, APIWebSocketRoute)} == set(WEB_SOCKETS)


async def test_each_role_reaches_what_it_may_and_nothing_else(stand: Stand) -> None:
    secrets = {role: await stand.token(role) for role in ("viewer", "feeder", "trader")}
    clients = {role: stand.with_token(secret) for role, secret in secrets.items()} | {OWNER: stand.owner}
    for (method, path), least in LEAST.items():
        for role, client in clients.items():
            status, code = await status_of(client, method, path)
            assert (code == "not-allowed") == (least not in GRANTS[role]), (role, method, path, status, code)
            assert status < 500 or code in ("store", "bridge-server"), (role, method, path, status, code)
    for client in clients.values():
        for path in OF_DOCS:
            assert (await client.get(path)).status_code == 200


async def test_without_a_token_one_may_look_and_change_nothing(stand: Stand) -> None:
    for (method, path), least in LEAST.items():
        status, code = await status_of(stand.viewer, method, path)
        assert (code == "not-allowed") == (least not in GRANTS["viewer"]), (method, path, status, code)
        assert method == "GET" or status == 403, (method, path)


async def test_a_revoked_or_invented_token_opens_nothing(stand: Stand) -> None:
    secret = await stand.token("trader")
    client = stand.with_token(secret)
    assert (await client.get("/api/symbols")).status_code == 200
    token_id = secret.split("_")[1]
    assert (await stand.owner.delete(f"/api/tokens/{token_id}")).json()["revoked_ms"] is not None
    for other in (client, stand.with_token("x"), stand.with_token(f"pb_{token_id}_{'0' * 64}"), stand.with_token("")):
        for method, path in LEAST:
            status, code = await status_of(other, method, path)
            assert (status, code) == (401, "not-signed-in"), (method, path)
        assert (await other.get("/")).status_code == 401
    both = stand.client(
        {"authorization": "Bearer no", "x-pairbridge-key": (stand.folder / "dashboard-key").read_text().strip()}
    )
    assert (await both.get("/api/symbols")).status_code == 401  # what is shown counts, and it is not valid


async def test_a_token_does_not_open_the_pages(stand: Stand) -> None:
    client = stand.with_token(await stand.token("trader"))
    for path in ("/", "/pair", "/_dash-layout", "/_dash-update-component"):
        assert (await client.get(path)).status_code == 403


async def test_behind_a_password_every_route_needs_a_session_or_a_token(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda config: replace(config, password=PASSWORD)) as stand:
        for method, path in LEAST:
            for client in (stand.viewer, stand.owner):  # the key is no session
                assert await status_of(client, method, path) in [(401, "not-signed-in"), (401, "")], (method, path)
        signed_in = stand.client({})
        await signed_in.post("/login", data={"password": PASSWORD})
        made = await signed_in.post("/api/tokens", json={"role": "viewer", "name": "desk"})
        assert made.status_code == 201
        viewer = stand.with_token(made.json()["secret"])
        assert (await viewer.get("/api/symbols")).status_code == 200
        assert (await viewer.post("/api/pairs", json={})).status_code == 403


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/scans/job", "/api/scans/job"), ("/api/scans/7", "/api/scans/{scan}"), ("/api/scans/7/x", None),
        ("/api/tokens/a", "/api/tokens/{token}"), ("/api/pairs", "/api/pairs"), ("/api/pairs/", None), ("/api", None),
    ],
)  # fmt: skip
def test_paths_lead_to_routes(path: str, template: str | None) -> None:
    found = route_of(path)
    assert (found.path if found else None) == template


async def test_the_limit_of_an_address_is_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda config: replace(config, api_requests_per_s=2.0)) as stand:
        secret = await stand.token("viewer")
        statuses = [(await stand.viewer.get("/api/config")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]  # four at once, of which the token took one
        limited = await stand.viewer.get("/api/config")
        assert limited.json()["code"] == "too-many" and int(limited.headers["retry-after"]) >= 1
        assert (await stand.with_token(secret).get("/api/config")).status_code == 200
        assert (await stand.viewer.get("/docs")).status_code == 200
