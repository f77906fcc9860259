"""How long honest batches wait while the bridge server is attacked: ``python -m bench hostile``.

The attacks are those of ``tests/durability/test_hostile_frames.py``, which checks their results. The honest bridge, the
attackers and the server are three processes; with two processors, large attacks increase the waits.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from pathlib import Path

from bench.report import Row, row, show
from tests.durability.attacks import ATTACKS, CROWDS
from tests.durability.bridge import ServerProcess
from tests.durability.corpus import MIB, Attack
from tests.durability.honest import watched
from tests.durability.wire import Target

AT_ONCE = 8
CONNECTIONS = 1_000


def run() -> list[Row]:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder))
        server.start()
        try:
            lines = asyncio.run(_measure(server))
        finally:
            server.kill()
    show(lines)
    return lines


async def _measure(server: ServerProcess) -> list[Row]:
    lines = await _while(server, f"{len(ATTACKS)} attacks", ATTACKS, AT_ONCE)
    for crowd in CROWDS:
        lines += await _while(server, f"1,000 {crowd.name}", [crowd] * CONNECTIONS, CONNECTIONS)
    return lines


async def _while(server: ServerProcess, name: str, attacks: list[Attack], at_once: int) -> list[Row]:
    waiting = deque(attacks)
    target = Target(server.port, server.token)

    async def attacker() -> None:
        while waiting:
            await waiting.popleft().run(target)

    async with watched(server) as seen:
        await asyncio.gather(*(attacker() for _ in range(at_once)))
    return [
        row(f"{name}: honest ack p99", 1_000 * seen.p99_s, "ms", bounds={"ours": ("at most", 100)}),
        row(f"{name}: memory", seen.memory_bytes / MIB, "MiB more", bounds={"ours": ("at most", 64)}),
    ]
