"""Older bars over HTTP: the bytes that assets/bars.js reads, and errors in words."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from api.bars import BARS, PATHS, add_bars_route
from api.problems import answer_in_problems
from services.pair_columns import MOST_OLDER
from services.views import ViewService
from tests.engine.pairs.markets import make_ticks
from tests.live.test_monitor import Harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    made = await Harness.open(tmp_path)
    await made.write(make_ticks(1))
    made.read_all()
    yield made
    made.monitor.close()
    await made.writer.close()


def client_of(views: ViewService) -> httpx.AsyncClient:
    app = FastAPI()
    add_bars_route(app, views)
    answer_in_problems(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def test_the_bytes_are_the_columns_of_the_run(harness: Harness) -> None:
    (watch_id,) = harness.monitor.watches
    run = harness.monitor.followed(harness.monitor.watches[watch_id])
    assert run is not None
    before = run.model.size - 10
    at = run.model.open_time_ms(before)
    async with client_of(harness.views) as client:
        answer = await client.get(f"{BARS}?watch={watch_id}&before={before}&at={at}&count=100")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    (length,) = struct.unpack_from("<I", answer.content)
    header = json.loads(answer.content[4 : 4 + length])
    assert (4 + length) % 8 == 0 and (header["first"], header["count"]) == (before - 100, 100)
    found = np.frombuffer(answer.content, "<f8", offset=4 + length).reshape(len(header["columns"]), 100)
    expected = harness.views.older(watch_id, before, at, 100)
    assert expected is not None and header["columns"] == list(expected.columns)
    np.testing.assert_array_equal(found, np.stack(list(expected.columns.values())))
    assert np.isfinite(found[header["columns"].index("z")]).any()
    shown = [(each.bar_ms, each.kind, each.reason, each.z) for each in expected.decisions]
    assert [(row["at"], row["kind"], row["reason"], row["z"]) for row in header["decisions"]] == shown != []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("watch=99&before=5&at=0", 404), ("watch=1&before=5&at=1", 404), ("watch=x&before=5&at=0", 400),
        ("watch=1&before=-1&at=0", 400), (f"watch=1&before=5&at=0&count={MOST_OLDER + 1}", 400), ("watch=1", 400),
        (f"watch={2**63}&before=5&at=0", 400),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused(harness: Harness, query: str, status: int) -> None:
    async with client_of(harness.views) as client:
        assert (await client.get(f"{BARS}?{query}")).status_code == status


def test_the_reference_lists_the_route() -> None:
    reference = (Path(__file__).parents[2] / "docs/reference.md").read_text()
    assert all(path in reference for path in PATHS)
