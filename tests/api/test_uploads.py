"""Uploads over HTTP: bytes in, what they are taken for out, every mistake answered with a sentence."""

from __future__ import annotations

import importlib
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.problems import answer_in_problems
from api.uploads import PATHS, add_upload_routes
from services.jobs import IsCancelled, Jobs, Json, Report
from services.uploads import UploadService

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
REFERENCE = (Path(__file__).parents[2] / "docs/reference.md").read_text()


class Here:
    """An executor that runs jobs in this process."""

    def run(self, function: str, request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
        module, _, name = function.partition(":")
        return getattr(importlib.import_module(module), name)(request, report, is_cancelled)  # type: ignore[no-any-return]


@pytest.fixture
def client(tmp_path: Path) -> httpx.AsyncClient:
    app = FastAPI()
    add_upload_routes(app, UploadService(Jobs(Here()), tmp_path, "ws://127.0.0.1:9/", _no_token, lambda: None))
    answer_in_problems(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


def _no_token() -> str:
    raise FileNotFoundError("no token")


async def test_a_file_in_parts_and_what_it_is_taken_for(client: httpx.AsyncClient) -> None:
    content = (CASES / "sci.csv").read_bytes()
    state = (await client.post("/api/uploads?name=sci.csv", content=content[:100])).json()
    upload = state["upload"]
    state = (await client.post(f"/api/uploads?name=sci.csv&at=100&upload={upload}", content=content[100:])).json()
    assert (state["phase"], state["files"]) == ("received", {"sci.csv": len(content)})
    assert (await client.post(f"/api/uploads/look?upload={upload}", json={})).status_code == 200

    async def phase() -> str:
        return str((await client.get(f"/api/uploads?upload={upload}")).json()["phase"])

    while await phase() == "looking":
        pass
    found = (await client.get(f"/api/uploads?upload={upload}")).json()["found"]
    assert found["questions"] == [] and found["files"][0]["taken_for"] == {"milliseconds": 10, "printed as a double": 5}
    assert found["files"][0]["last_rows"][-1]["price"] == "0.00000132"
    assert (await client.post(f"/api/uploads/drop?upload={upload}")).json() == {"upload": upload, "phase": "dropped"}
    assert (await client.get(f"/api/uploads?upload={upload}")).status_code == 404


@pytest.mark.parametrize(
    ("method", "address", "body", "status", "says"),
    [
        ("POST", "/api/uploads", b"x", 400, "name: Field required"),
        ("POST", "/api/uploads?name=a%2Fb.csv", b"x", 400, "expected a file's name without folders"),
        ("POST", "/api/uploads?name=a.csv&at=7", b"x", 400, "begins at 7; expected 0"),
        ("POST", "/api/uploads?name=a.csv&at=-1", b"x", 400, "at: Input should be greater"),
        ("POST", "/api/uploads?name=a.csv&upload=none", b"x", 404, "there is no upload 'none'"),
        ("GET", "/api/uploads?upload=none", b"", 404, "there is no upload 'none'"),
        ("POST", "/api/uploads/look?upload=none", b"{}", 404, "there is no upload 'none'"),
        ("POST", "/api/uploads/look?upload=none", b"[1]", 400, "body: Input should be a valid dictionary"),
        ("POST", "/api/uploads/store?upload=none", b"{}", 400, "the bridge server's token cannot be read"),
    ],
)
async def test_mistakes_are_answered_with_a_sentence(
    client: httpx.AsyncClient, method: str, address: str, body: bytes, status: int, says: str
) -> None:
    answer = await client.request(method, address, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status and says in answer.text, answer.text


def test_every_route_is_in_the_reference() -> None:
    for path in PATHS:
        assert f"{path}?" in REFERENCE, path
