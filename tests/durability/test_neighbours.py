"""A receiver of alerts that is down never slows or loses what a bridge delivers (``python -m bench neighbours`` has the
times)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import until
from tests.durability.bridge import Bridge, ServerProcess, assert_nothing_lost
from tests.durability.neighbours import ALERTS, posting, receivers_down, tried
from tests.engine.store.harness import query

ACK_P99_S = 0.1


async def deliver_while_receivers_are_down(folder: Path, seconds: float) -> Bridge:
    server = ServerProcess(folder)
    server.start()
    bridge = Bridge(rows_per_second=1_000, batch=10)
    try:
        async with receivers_down(server) as world:
            await bridge.run(server.url, server.token, rows=1_000 * seconds)
            await until(lambda: min(tried(server.data_dir).values()) > 0, 30, "an attempt at each receiver")
            counts = world.outbox.counts()
        assert server.terminate() == 0
    finally:
        server.kill()
    assert "sent" not in counts and sum(counts.values()) == 2 * ALERTS
    assert bridge.rows_acknowledged == 1_000 * seconds and not bridge.unacked
    assert_nothing_lost(server.ticks_db, bridge)
    return bridge


async def test_receivers_that_are_down_lose_nothing_of_what_a_bridge_delivers(tmp_path: Path) -> None:
    await deliver_while_receivers_are_down(tmp_path, 5)


@pytest.mark.soak
async def test_receivers_that_are_down_for_an_hour(tmp_path: Path) -> None:
    waits_s = sorted((await deliver_while_receivers_are_down(tmp_path, 3_600)).waits_s)
    p99_s = waits_s[int(0.99 * len(waits_s))]
    print(f"ack p99 {1_000 * p99_s:.1f} ms, longest {1_000 * waits_s[-1]:.0f} ms")  # noqa: T201
    assert p99_s <= ACK_P99_S


async def test_a_program_that_posts_as_fast_as_it_can_takes_nothing_from_a_bridge(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    bridge = Bridge(rows_per_second=1_000, batch=10)
    try:
        async with posting(server) as stored:
            await bridge.run(server.url, server.token, rows=3_000)
        assert server.terminate() == 0
    finally:
        server.kill()
    assert bridge.rows_acknowledged == 3_000
    ((posted,),) = query(server.ticks_db, "SELECT count(*) FROM v_ticks WHERE market='file-posts'")
    assert posted == stored[0] > 0
