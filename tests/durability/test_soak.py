"""Five minutes of trading with reconnects, readers and health polls: the server does not grow."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import mean

import pytest

from tests.durability.bridge import Bridge, ServerProcess, assert_nothing_lost

SECONDS = 300
ROWS_PER_SECOND = 2_000
CONNECTION_S = 10
GROWTH_BYTES = 8_000_000  # what the last minute may have over the second one; the first one warms up


@pytest.mark.soak
async def test_five_minutes_leave_memory_and_descriptors_flat(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    memory: dict[int, list[int]] = {}
    descriptors: dict[int, list[int]] = {}
    try:
        bridge = Bridge(ROWS_PER_SECOND, batch=20)
        begun_s = time.monotonic()
        while (minute := int((time.monotonic() - begun_s) // 60)) < SECONDS // 60:
            life = bridge.run(server.url, server.token, rows=ROWS_PER_SECOND * CONNECTION_S)
            health, _ = await asyncio.gather(server.health(), life)
            assert health["refused"] == {}
            memory.setdefault(minute, []).append(server.usage.memory_info().rss)
            descriptors.setdefault(minute, []).append(server.usage.num_fds())
        last = SECONDS // 60 - 1
        growth = mean(memory[last]) - mean(memory[1])
        print(f"memory {mean(memory[1]) / 1e6:.1f} MB, then {growth / 1e6:+.2f} MB; descriptors {descriptors}")  # noqa: T201
        assert growth < GROWTH_BYTES
        assert max(descriptors[last]) <= max(descriptors[1]) + 2
        assert server.terminate() == 0
    finally:
        server.kill()
    assert_nothing_lost(server.ticks_db, bridge)
