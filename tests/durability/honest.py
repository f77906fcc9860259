"""An honest bridge in a process of its own, ``python -m tests.durability.honest URL TOKEN``, while others attack."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.conftest import ROOT, until
from tests.durability.bridge import Bridge, ServerProcess


@dataclass
class Observed:
    """Effects of the attacks: waiting time of honest batches, s, and growth of the server's memory."""

    waits_s: list[float]
    memory_bytes: int = 0

    @property
    def p99_s(self) -> float:
        return sorted(self.waits_s)[int(0.99 * len(self.waits_s))]


@asynccontextmanager
async def watched(server: ServerProcess) -> AsyncIterator[Observed]:
    """Keep an honest bridge going in a process of its own, and look at the server's memory, until the end."""
    honest = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.durability.honest", server.url, server.token,
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert honest.stdout is not None
    await honest.stdout.readline()  # its first batches are acknowledged
    seen = Observed([])
    before = server.usage.memory_info().rss

    async def watch() -> None:
        while True:
            seen.memory_bytes = max(seen.memory_bytes, server.usage.memory_info().rss - before)
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()
        out, _ = await honest.communicate(b"")
    assert honest.returncode == 0, "the honest bridge lost its connection"
    seen.waits_s = json.loads(out)


async def _honest(url: str, token: str) -> None:
    bridge = Bridge(rows_per_second=1_000, batch=10, symbols=["HONESTUSDT"])
    life = asyncio.create_task(bridge.run(url, token))
    await until(lambda: bridge.acks >= 50)
    print(f"{bridge.acks} batches are acknowledged", flush=True)  # noqa: T201
    bridge.waits_s.clear()
    await asyncio.to_thread(sys.stdin.read)
    assert not life.done(), "its connection was lost"
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    print(json.dumps(bridge.waits_s))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_honest(*sys.argv[1:]))
