"""An honest page next to a thousand incomplete requests: ``python -m bench requests``.

The dashboard may open 1,024 files. The attackers run in a separate process, so that the client measures only the
dashboard.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from bench.report import Row, row, show
from tests.conftest import ROOT

HALF = 1_000
FILES = 1_024
SECONDS = 10

_LIMITED = f"""
import resource, dashboard
resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))
dashboard.main()
"""

_ATTACK = """
import asyncio
from bench.requests import attack
asyncio.run(attack({port}))
"""


def run() -> list[Row]:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PAIRBRIDGE_DATA_DIR": str(Path(folder) / "data"), "PAIRBRIDGE_DASHBOARD_PORT": "0"}
        with subprocess.Popen(
            [sys.executable, "-c", _LIMITED], cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE
        ) as process:
            try:
                assert process.stdout is not None
                lines = asyncio.run(_measure(process.stdout.readline().split()[-1]))
            finally:
                process.terminate()
    show(lines)
    return lines


async def _measure(url: str) -> list[Row]:
    port = int(url.rstrip("/").rpartition(":")[2])
    attackers = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ATTACK.format(port=port), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert attackers.stdout is not None
    try:
        await attackers.stdout.readline()  # the attack is running
        rows = await _honest(url)
    finally:
        attackers.terminate()
    opened = (await attackers.stdout.read()).split()
    await attackers.wait()
    return [*rows, row("half requests open at once, most", max(map(int, opened)), "")]


async def _honest(url: str) -> list[Row]:
    waits_s: list[float] = []
    refused = 0
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        await client.get(url)  # the first one builds the layout
        ends_s = time.monotonic() + SECONDS
        while time.monotonic() < ends_s:
            asked_s = time.monotonic()
            try:
                (await client.get(url, headers={"Connection": "close"})).raise_for_status()
            except httpx.HTTPError:
                refused += 1
            waits_s.append(time.monotonic() - asked_s)
            await asyncio.sleep(0.02)
    what = f"{HALF:,} half requests:"
    p99 = 1_000 * statistics.quantiles(waits_s, n=100)[98]
    return [
        row(f"{what} honest GET p99", p99, "ms", bounds={"ours": ("at most", 300)}),
        row(f"{what} honest GETs refused", refused, "", bounds={"ours": ("at most", 0)}),
    ]


async def attack(port: int) -> None:
    """Keep this many half requests open until the process ends; print their number every second."""
    opened: set[asyncio.StreamWriter] = set()
    await asyncio.gather(_count(opened), *(_half(port, opened) for _ in range(HALF)))


async def _count(opened: set[asyncio.StreamWriter]) -> None:
    while True:
        await asyncio.sleep(1.0)
        print(len(opened), flush=True)


async def _half(port: int, opened: set[asyncio.StreamWriter]) -> None:
    """Half a request, and another one second after it is dropped."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.add(writer)
            try:
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ")
                await reader.read()
            finally:
                opened.discard(writer)
                writer.close()
        await asyncio.sleep(1.0)
