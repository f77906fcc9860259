"""Compressed files: the same after unpacking, compressed once, and only files where the client takes it."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import compression
from api.compression import CompressedFiles
from api.requests import HeadRequests

TEXT = "let a = 1; // " + "words " * 1_000


@pytest.fixture
def app() -> CompressedFiles:
    def answer(request: Request) -> Response:
        kind = {"js": "text/javascript", "png": "image/png"}[request.path_params["kind"]]
        status = 304 if "if-none-match" in request.headers else 200
        return Response(TEXT if status == 200 else "", status, media_type=kind, headers={"etag": '"7"'})

    return CompressedFiles(Starlette(routes=[Route(path, answer) for path in ("/assets/a.{kind}", "/api/a.{kind}")]))


async def get(app: CompressedFiles, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_a_file_is_the_same_and_smaller(app: CompressedFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    compress = gzip.compress

    def counted(body: bytes, *rest: Any, **named: Any) -> bytes:
        calls.append(len(body))
        return compress(body, *rest, **named)

    monkeypatch.setattr(gzip, "compress", counted)
    for _ in range(3):
        found = await get(app, "/assets/a.js", accept_encoding="gzip, br")
        assert found.text == TEXT and found.headers["content-encoding"] == "gzip"
        assert int(found.headers["content-length"]) < len(TEXT) / 20
        assert found.headers["vary"] == "Accept-Encoding" and found.headers["etag"] == '"7"'
    assert calls == [len(TEXT)]


@pytest.mark.parametrize(
    ("path", "takes"), [("/assets/a.js", "identity"), ("/assets/a.png", "gzip"), ("/api/a.js", "gzip")]
)
async def test_others_go_through_as_they_are(app: CompressedFiles, path: str, takes: str) -> None:
    found = await get(app, path, accept_encoding=takes)
    assert found.text == TEXT and "content-encoding" not in found.headers


async def test_of_several_at_a_time_one_compresses_and_its_size_counts_once(
    app: CompressedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    compress = gzip.compress

    def slow(body: bytes, *rest: Any, **named: Any) -> bytes:
        calls.append(len(body))
        time.sleep(0.05)
        return compress(body, *rest, **named)

    monkeypatch.setattr(gzip, "compress", slow)
    answers = await asyncio.gather(*(get(app, "/assets/a.js", accept_encoding="gzip") for _ in range(8)))
    assert {each.text for each in answers} == {TEXT} and calls == [len(TEXT)]
    assert app._size == sum(map(len, app._kept.values())) > 0 and not app._making


@pytest.mark.parametrize(("takes", "is_packed"), [("gzip;q=0", False), ("br, gzip;q=0.1", True), ("identity", False)])
async def test_each_answer_says_that_it_varies_and_head_is_as_get(
    app: CompressedFiles, takes: str, is_packed: bool
) -> None:
    got = await get(app, "/assets/a.js", accept_encoding=takes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(HeadRequests(app)), base_url="http://127.0.0.1") as one:
        head = await one.head("/assets/a.js", headers={"accept-encoding": takes})
    assert got.headers["vary"] == "Accept-Encoding" and ("content-encoding" in got.headers) == is_packed
    assert head.headers == got.headers and head.content == b""
    assert (await get(app, "/assets/a.js", accept_encoding="gzip", if_none_match="x")).headers["vary"]


async def test_an_answer_without_a_body_stays_one(app: CompressedFiles) -> None:
    found = await get(app, "/assets/a.js", accept_encoding="gzip", if_none_match='"7"')
    assert found.status_code == 304 and found.content == b"" and "content-encoding" not in found.headers


async def test_what_is_kept_is_bounded(app: CompressedFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "KEPT_BYTES", 10)
    found = await get(app, "/assets/a.js", accept_encoding="gzip")
    assert found.text == TEXT and app._size == 0 and not app._kept
