# ruff: noqa: E501 - the lists of what is sent read better wide
"""Fuzzing of the dashboard: no 5xx, no traceback, and it keeps running."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from engine.market.records import Batch
from engine.store.interface import Now
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.pairs.markets import T0, make_ticks
from tests.test_dashboard_process import dashboard

NASTY: list[Any] = [
    None, True, False, 0, -1, 2**31, 2**53, 2**63, 2**200, -(2**70), 1e308, -0.5, "", "x", "<script>alert(1)</script>",
    "a\r\nb", "\x00", "\u202e", "币安", "' OR 1=1 --", "../../etc/passwd", "{{7*7}}", "x" * 10_000, [], {}, [[]], [1, "x", None],
    {"id": "x"}, {"rowId": "999999"}, {"rowId": "x"}, [{"id": {"index": 1}}], {"__proto__": {"x": 1}}, ["sim", "Y", "X", "{}"],
    ["sim", "Y", "X", '{"entry_z": -1}'], [{"y": "<b>", "x": "<i>", "id": "<u>"}],
]  # fmt: skip
PATHS = [
    "/", "/nothing", "/api/nothing", "/api/signals.csv", "/api/signals.csv?watch=x", "/api/scan.csv?scan=9223372036854775808",
    "/api/scan.csv?scan=-1", "/api/uploads", "/api/uploads?name=../x&at=1", "/api/uploads?upload=x", "/api/uploads/look?upload=x",
    "/api/uploads/store?upload=%00&market=usdm", "/api/uploads/x", "/api/signals.csv?watch=99999", "/_dash-layout", "/_dash-dependencies", "/_dash-update-component",
    "/_dash-component-suites/x/y.js", "/_dash-component-suites/dash/../../../etc/passwd", "/_dash-component-suites/",
    "/assets/nothing.js", "/assets/../dashboard.py", "/assets/%2e%2e/dashboard.py", "/assets/", "/_reload-hash", "/_favicon.ico",
    "/login", "/logout", "/docs", "/openapi.json", "//", "/%00", "/\xff", "/" + "a" * 2_000, "/_dash-", "/_dash-ws-callback", "/api/live",
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"]
FRAMES: list[str | bytes] = [
    "", "x", "{", "[]", "null", "1", '{"follow": "x"}', '{"follow": 1.5}', '{"follow": -1}', '{"follow": true}',
    json.dumps({"follow": 2**70}), "[" * 5_000, "x" * 100_000, b"", b"\x00\xff", b"x" * 1_000,
]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """A dashboard over a small market: its address, its key and its data folder."""
    data = tmp_path_factory.mktemp("fuzz") / "data"
    asyncio.run(_fill(data))
    with dashboard(data) as (process, url):
        yield url, (data / "dashboard-key").read_text().strip(), data
        assert process.poll() is None, "it still runs"
    log = (data / "logs" / "dashboard.log").read_text()
    assert "Traceback" not in log, log[log.index("Traceback") :][:3_000]


async def _fill(data: Path) -> None:
    writer = await SqliteTickWriter.open(data / "ticks.db")
    await writer.commit([Batch(0, 0, "sim", tuple(make_ticks(1)))], [], Now(T0 + 300_000, 0))
    await writer.close()


def test_methods_and_paths(served: tuple[str, str, Path]) -> None:
    url, _, _ = served
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        for path in PATHS:
            for method in METHODS:
                answer = client.request(method, httpx.URL(url.rstrip("/") + path))
                assert answer.status_code < 500, (method, path, answer.status_code)
                if method == "HEAD":
                    assert answer.content == b""
        for path, status in [
            ("/nothing", 404), ("/api/nothing", 404), ("/_dash-component-suites/x/y.js", 404),
            ("/api/scan.csv?scan=9223372036854775808", 400), ("/api/signals.csv?watch=x", 400), ("/", 200),
        ]:  # fmt: skip
            assert client.get(path).status_code == status, path
        assert client.head("/").status_code == 200


def test_uploads_need_the_key_and_go_no_further_than_their_folder(served: tuple[str, str, Path]) -> None:
    url, key, data = served
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        refused = client.post("/api/uploads?name=a.csv", content=b"time,symbol,price,size\n")
        assert refused.status_code == 403 and "only look" in refused.text
        assert not (data / "uploads").exists()
        client.headers["X-Pairbridge-Key"] = key
        elsewhere = client.post("/api/uploads?name=a.csv", content=b"x", headers={"Origin": "https://evil.example"})
        assert elsewhere.status_code == 403
        for name in ("../a.csv", "..", "/etc/passwd", "a%00.csv", "a%2F..%2Fb"):
            assert client.post(f"/api/uploads?name={name}", content=b"x").status_code == 400, name
        for body in (b"", b"[]", b"null", b'{"zone": 5}', b'{"__proto__": {}}', b"[" * 10_000, b"\xff"):
            state = client.post("/api/uploads?name=a.csv", content=b"x").json()
            for step in ("look", "store"):
                answer = client.post(f"/api/uploads/{step}?upload={state['upload']}", content=body)
                assert answer.status_code in (400, 409, 422), (body, answer.status_code)
            assert client.post(f"/api/uploads/drop?upload={state['upload']}").status_code == 200
        assert list((data / "uploads").iterdir()) == []


def test_headers_and_cookies(served: tuple[str, str, Path]) -> None:
    url, _, _ = served
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        for value in (
            "ü",
            "\x80\xff",
            "=;=;",
            "pairbridge_session=ü.ü",
            "pairbridge_session=" + "9" * 5_000,
            "x" * 8_000,
        ):
            for name in ("cookie", "accept", "sec-fetch-site", "x-pairbridge-key", "content-type", "accept-encoding"):
                answer = client.get("/", headers=[(name.encode(), value.encode("latin-1"))])
                assert answer.status_code < 500, (name, value[:20], answer.status_code)


@pytest.mark.parametrize("seed", range(6))
def test_crafted_callbacks(served: tuple[str, str, Path], seed: int) -> None:
    url, key, _ = served
    rng = random.Random(seed)
    with httpx.Client(base_url=url, trust_env=False, timeout=30, headers={"x-pairbridge-key": key}) as client:
        rules = client.get("/_dash-dependencies").json()
        seen = set()
        for rule in rules:
            if rule["clientside_function"]:
                continue
            for _ in range(2):
                answer = client.post("/_dash-update-component", json=_crafted(rng, rule))
                assert answer.status_code < 500, (rule["output"][:60], answer.status_code)
                seen.add(answer.status_code)
        for body in (
            b"",
            b"x",
            b"[]",
            b"{}",
            b"null",
            b"[" * 5_000,
            b"\xff\xfe",
            b'{"output": "x"}',
            b'{"output": 1, "inputs": 2}',
        ):
            answer = client.post("/_dash-update-component", content=body, headers={"content-type": "application/json"})
            assert 400 <= answer.status_code < 500, (body[:20], answer.status_code)
            seen.add(answer.status_code)
        assert 400 in seen and (200 in seen or 204 in seen)
        assert client.get("/").status_code == 200


def _crafted(rng: random.Random, rule: dict[str, Any]) -> dict[str, Any]:
    """A request for one callback with values of any kind, and now and then with a part missing or of another kind."""
    names = rule["output"].strip(".").split("...")
    outputs = [dict(zip(("id", "property"), name.split("@")[0].rsplit(".", 1), strict=True)) for name in names]
    order = {
        "output": rule["output"],
        "outputs": outputs if len(names) > 1 else outputs[0],
        "inputs": [given | {"value": rng.choice(NASTY)} for given in rule["inputs"]],
        "state": [given | {"value": rng.choice(NASTY)} for given in rule["state"]],
        "changedPropIds": [f"{given['id']}.{given['property']}" for given in rule["inputs"][:1]],
    }
    chance = rng.random()
    if chance < 0.15:
        del order[rng.choice(list(order))]
    elif chance < 0.3:
        order[rng.choice(list(order))] = rng.choice(NASTY)
    return order


async def test_frames_of_the_live_connection(served: tuple[str, str, Path]) -> None:
    url, _, _ = served
    address, origin = url.replace("http", "ws") + "api/live", url.rstrip("/")
    for frame in FRAMES:
        async with connect(address, origin=origin, max_size=None) as socket:  # type: ignore[arg-type]
            await socket.send(frame)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await asyncio.wait_for(socket.recv(), 20)
            expected = (1003,) if isinstance(frame, bytes) else (4400,)
            assert closed.value.rcvd is not None and closed.value.rcvd.code in expected, (frame[:20], closed.value)
    async with connect(address, origin=origin, max_size=None) as socket:  # type: ignore[arg-type]
        await socket.send(json.dumps({"follow": None}))
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["type"] in ("frame", "pulse")
