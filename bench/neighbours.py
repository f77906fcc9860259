"""How long an honest bridge waits for its acknowledgements beside other work: ``python -m bench neighbours``.

It delivers 1,000 rows a second, while the dashboard has 300 alerts for each of two receivers that are down, and while a
program posts 10,000 trades a second to the API. Server, dashboard, bridge and program are processes of their own.
"""

from __future__ import annotations

import asyncio

from bench.report import Row, row, show
from bench.store import serving
from tests.durability.honest import watched
from tests.durability.neighbours import posting, receivers_down, tried

SECONDS = 60
SETTLE_S = 5.0


def run() -> list[Row]:
    """Measure and print the table."""
    lines: list[Row] = []
    for measure in (_receivers, _posts):
        found = asyncio.run(measure())
        show(found, heading=not lines)
        lines += found
    return lines


async def _receivers() -> list[Row]:
    async with serving() as server, receivers_down(server) as world:
        await asyncio.sleep(SETTLE_S)
        async with watched(server) as seen:
            await asyncio.sleep(SECONDS)
        counts, attempts = world.outbox.counts(), min(tried(server.data_dir).values())
    what = "two alert receivers down"
    return [
        row(f"{what}: attempts at each, at least", attempts, "", bounds={"ours": ("at least", 3)}),
        row(f"{what}: alerts sent", counts.get("sent", 0), "", bounds={"ours": ("at most", 0)}),
        row(f"{what}: ack p99", 1_000 * seen.p99_s, "ms", bounds={"ours": ("at most", 100)}),
    ]


async def _posts() -> list[Row]:
    async with serving() as server, posting(server) as stored:
        await asyncio.sleep(SETTLE_S)
        async with watched(server) as seen:
            await asyncio.sleep(SECONDS)
    what = "10,000 trades a second posted"
    return [
        row(f"{what}: stored", stored[0] / (SECONDS + SETTLE_S), "1/s"),
        row(f"{what}: honest ack p99", 1_000 * seen.p99_s, "ms", bounds={"ours": ("at most", 100)}),
    ]
