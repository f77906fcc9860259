"""What ``/metrics`` says, from a real server's health; every metric is in the docs, and every rule's metric exists."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from live.heartbeat import Heartbeat
from services.metrics import Metrics
from tests.api.stand import opened
from tests.api.test_tick_posts import client_of, server_at, tick
from tests.conftest import ROOT

DOCS = (ROOT / "docs/operations.md").read_text()
RULES = (ROOT / "docs/examples/prometheus-rules.yml").read_text()


def values_of(text: bytes) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(text.decode())
    samples = (sample for family in families for sample in family.samples)
    return {(each.name, next(iter(each.labels.values()), "")): each.value for each in samples}


async def test_the_figures_of_a_server_that_stores(tmp_path: Path) -> None:
    async with server_at(tmp_path) as server, client_of(server.port) as client:
        rows = [tick(n, price="0" if n == 3 else "1") for n in range(8)]
        await client.post("/api/ticks/batch", json={"market": "file-a", "ticks": rows})
        heartbeat = Heartbeat(f"http://127.0.0.1:{server.port}/health", 2_500)
        asked = asyncio.Event()
        polling = asyncio.create_task(heartbeat.run(asked.set))
        await asked.wait()
        metrics = Metrics(heartbeat)
        found = values_of(metrics.text())
        polling.cancel()
    assert found["pairbridge_server_up", ""] == 1.0
    assert found["pairbridge_trades_stored_total", "file-a"] == 7.0
    assert found["pairbridge_trades_rejected_total", "file-a"] == 1.0
    assert 0.0 <= found["pairbridge_ack_seconds", "0.99"] < 5.0
    assert found["pairbridge_server_memory_bytes", ""] > 10_000_000
    for name, _ in found:
        plain = re.sub(r"_(total|bucket|count|sum|created)$", "", name)
        is_ours = plain.startswith("pairbridge_")
        assert not is_ours or plain in DOCS or f"_{plain.rpartition('_')[2]}_total" in DOCS, name


def test_without_a_server_its_figures_are_missing_and_ours_stay() -> None:
    metrics = Metrics(Heartbeat("http://127.0.0.1:1/", 2_500))
    metrics.view(0.004)
    metrics.job("services.scan_job:run_scan", "failed", 2.0)
    metrics.request("/api/ticks", 200, 0.01)
    found = values_of(metrics.text())
    assert found["pairbridge_server_up", ""] == 0.0 and ("pairbridge_commit_seconds", "") not in found
    assert found["pairbridge_view_seconds_count", ""] == 1.0
    assert found["pairbridge_job_seconds_count", "run_scan"] == 1.0
    assert found["pairbridge_answers_total", "200"] == 1.0


def test_rules_name_metrics_that_there_are() -> None:
    named = set(re.findall(r"(?:pairbridge|process)_[a-z_]+", RULES)) - {"pairbridge"}
    assert len(named) >= 8
    for name in named:
        plain = re.sub(r"_(total|bucket|count)$", "", name)
        assert plain in DOCS or f"_{plain.rpartition('_')[2]}_total" in DOCS, name


async def test_refused_requests_are_counted_too(tmp_path: Path) -> None:
    """By the role, by the token and by the rate: all are answers."""
    async with opened(tmp_path, lambda config: replace(config, api_requests_per_s=2.0)) as stand:
        assert (await stand.viewer.post("/api/pairs", json={})).status_code == 403
        assert (await stand.with_token("pb_a_b").get("/api/pairs")).status_code == 401
        answers = [(await stand.viewer.get("/api/pairs")).status_code for _ in range(8)]
        assert 429 in answers
        key = (stand.folder / "dashboard-key").read_text().strip()
        async with asyncio.timeout(10):
            while (told := await stand.client({"x-pairbridge-key": key}).get("/metrics")).status_code == 429:  # noqa: ASYNC110
                await asyncio.sleep(0.3)  # until the bucket has filled
    found = values_of(told.content)
    assert found["pairbridge_answers_total", "403"] == found["pairbridge_answers_total", "401"] == 1.0
    assert found["pairbridge_answers_total", "429"] >= answers.count(429)
