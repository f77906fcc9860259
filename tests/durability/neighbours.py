"""What else goes on while a bridge delivers: alerts for a receiver that is down, and a program that posts trades
(``python -m tests.durability.neighbours URL KEY``)."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from runtime.secrets import write_private
from services.delivery.channels import Channel, ChannelFile
from tests.conftest import ROOT
from tests.durability.bridge import ServerProcess
from tests.engine.store.harness import query
from tests.services.delivery.receivers import listening
from tests.services.delivery.test_delivery import SECRET, World
from tests.test_dashboard_process import dashboard

ALERTS = 300
BATCH, POSTERS = 500, 4
ROWS_PER_SECOND = 10_000
_T0 = 1_790_000_000_000


@asynccontextmanager
async def receivers_down(server: ServerProcess) -> AsyncIterator[World]:
    """A dashboard over the server's folder, with this many alerts for each of two receivers: at one nobody listens,
    the other takes a request and never answers."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()  # until the sender gives up

    world = World(server.data_dir)
    world.alerts(ALERTS, "refusing", "silent")
    world.store.close()
    async with listening(silent) as closed_port:
        pass  # a port at which nobody listens any more
    async with listening(silent) as silent_port:
        ports = {"refusing": closed_port, "silent": silent_port}
        channels = ChannelFile(server.data_dir / "channels.json", write_private)
        for name, port in ports.items():
            channels.keep(Channel(name, name, "webhook", f"http://localhost:{port}/hook", SECRET))
        allowed = ",".join(f"localhost:{port}" for port in ports.values())
        with dashboard(server.data_dir, PAIRBRIDGE_BRIDGE_PORT=str(server.port), PAIRBRIDGE_ALLOWED_RECEIVERS=allowed):
            yield world


def tried(data_dir: Path) -> dict[str, int]:
    """How many attempts were made, by receiver."""
    return dict(query(data_dir / "analysis.db", "SELECT channel, sum(attempts) FROM outbox GROUP BY channel"))


@asynccontextmanager
async def posting(server: ServerProcess) -> AsyncIterator[list[int]]:
    """A dashboard over the server's folder, to which a process posts ``ROWS_PER_SECOND`` trades; at the end the list
    has how many were stored."""
    stored: list[int] = []
    with dashboard(server.data_dir, PAIRBRIDGE_BRIDGE_PORT=str(server.port)) as (_, url):
        key = (server.data_dir / "dashboard-key").read_text().strip()
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.durability.neighbours", url, key,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert program.stdout is not None
        await program.stdout.readline()  # its first batch is stored
        yield stored
        out, _ = await program.communicate(b"")
    assert program.returncode == 0
    stored.append(int(out))


async def _post(url: str, key: str) -> None:
    stored, numbers, begun_s = 0, itertools.count(), time.monotonic()
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.read))

    async def poster(client: httpx.AsyncClient) -> None:
        nonlocal stored
        while not ending.done():
            number = next(numbers)
            await asyncio.sleep(max(begun_s + number * BATCH / ROWS_PER_SECOND - time.monotonic(), 0))
            ticks = [
                {"symbol": "POSTUSDT", "price": "100.5", "quantity": "1", "time_ms": _T0 + (number * BATCH + n) // 10}
                for n in range(BATCH)
            ]
            body, named = {"market": "file-posts", "ticks": ticks}, {"Idempotency-Key": f"batch {number}"}
            answer = await client.post("api/ticks/batch", json=body, headers=named)
            stored += answer.raise_for_status().json()["stored"]
            if number == 0:
                print("posting", flush=True)  # noqa: T201

    async with httpx.AsyncClient(
        base_url=url, headers={"x-pairbridge-key": key}, trust_env=False, timeout=30
    ) as client:
        await asyncio.gather(*(poster(client) for _ in range(POSTERS)))
    print(stored)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_post(*sys.argv[1:]))
