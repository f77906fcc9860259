"""Guarantees 4 and 5 at the port: for all input, nothing invalid is stored, others are not disturbed, refusals are
counted.

While the attacks run, an honest bridge in a process of its own sends on, and the server's memory is watched. How long
the honest one waits at most is measured on a machine without other work: ``python -m bench hostile``.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.durability.attacks import ATTACKS, CROWDS
from tests.durability.bridge import ServerProcess
from tests.durability.corpus import GOOD_ROW, MIB, Attack, ticks
from tests.durability.generated import Stored, messages, rows_of
from tests.durability.honest import watched
from tests.durability.wire import BINARY, TEXT, Target, Wire, frame, greeted, wire
from tests.engine.store.harness import query

MEMORY = 64 * MIB
AT_ONCE = 8  # attacks side by side; more connections without a hello would be turned away


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("hostile"))
    process.start()
    yield process
    process.kill()


@asynccontextmanager
async def undisturbed(server: ServerProcess) -> AsyncIterator[Target]:
    """Attack inside the block. Afterwards every honest batch has been acknowledged, and the memory is unchanged."""
    async with watched(server) as seen:
        yield Target(server.port, server.token)
    assert server.process.poll() is None
    assert seen.memory_bytes <= MEMORY, f"memory grew by {seen.memory_bytes / MIB:.0f} MB"


async def refused(server: ServerProcess) -> Counter[str]:
    """What ``/health`` has counted."""
    return Counter((await server.health())["refused"])


async def test_every_attack_is_refused_by_name_and_counted(server: ServerProcess) -> None:
    assert len(ATTACKS) >= 60 and len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    before = await refused(server)
    waiting, failures = deque(ATTACKS), list[str]()

    async def attacker(target: Target) -> None:
        while waiting:
            attack: Attack = waiting.popleft()
            try:
                await asyncio.wait_for(attack.run(target), 60)
            except (AssertionError, TimeoutError) as failure:
                failures.append(f"{attack.name}: {failure}")

    async with undisturbed(server) as target:
        await asyncio.gather(*(attacker(target) for _ in range(AT_ONCE)))
    assert failures == []
    expected = Counter(attack.counted for attack in ATTACKS if attack.counted)
    assert await refused(server) - before == expected
    stored = query(server.ticks_db, "SELECT symbol, agg_id, price, quantity FROM v_ticks WHERE market='hostile'")
    assert stored == [("BTCUSDT", 7, 85_595.9, 0.411)]


async def test_of_5000_generated_messages_only_good_rows_are_stored(server: ServerProcess) -> None:
    stored, closed = dict[tuple[str, int], Stored](), 0
    before = await refused(server)
    async with undisturbed(server) as target:
        waiting = deque(messages(seed=5_000, count=5_000))
        while waiting:
            closed += await _converse(target, waiting, stored)
    assert closed > 1_000 and len(stored) > 2_000, "the generator makes enough of both"
    assert sum((await refused(server) - before).values()) == closed
    found = query(
        server.ticks_db,
        "SELECT symbol, agg_id, price, quantity, trade_time_ms, buyer_is_maker FROM v_ticks WHERE market='generated'",
    )
    assert {(row[0], row[1]): (*row[:5], None if row[5] is None else bool(row[5])) for row in found} == stored


async def _converse(target: Target, waiting: deque[str | bytes], stored: dict[tuple[str, int], Stored]) -> int:
    """Send messages until one ends the connection; 1 when that was refused. Notes what has to be in the store."""
    async with wire(target.port) as it:
        await it.shake_hands(target.port)
        await it.say(target.hello(market="generated"))
        await it.hear_json("welcome")
        batches: deque[list[Stored | None]] = deque()
        seq = number = 0
        while waiting:
            message, number = waiting.popleft(), number + 1
            rows, is_batch = None, False
            if isinstance(message, bytes):
                await it.send(frame(BINARY, message))
            else:
                text = message.replace('"seq": 1', f'"seq": {seq + 1}', 1)
                rows, is_batch = _rows(text)
                if rows is not None and is_batch:
                    batches.append(rows)
                await it.say(text)
            await it.say(f'{{"type":"subscribe","symbols":["FENCE{number}"]}}')
            ended = await _until_fence(it, f"FENCE{number}", batches)
            if ended:
                return int(ended == "refused")
            assert rows is not None, f"let in: {message!r}"
            seq += is_batch
            for row in rows:
                if row is not None:
                    stored.setdefault((row[0], row[1]), row)
        while batches:
            await _until_fence(it, "", batches)
    return 0


def _rows(text: str) -> tuple[list[Stored | None] | None, bool]:
    """(what each row has to become, whether it is a batch); None for what is no message at all."""
    try:
        return rows_of(text), json.loads(text).get("type") == "ticks"
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return None, False


async def _until_fence(it: Wire, fence: str, batches: deque[list[Stored | None]]) -> str:
    """Read up to the answer that follows the message; how the connection ended, if it did instead."""
    ended = "bye"
    while True:
        opcode, payload = await it.hear()
        if opcode != TEXT:
            return ended
        answer = json.loads(payload)
        if answer["type"] == "refused":
            ended = "refused"
        elif answer["type"] == "ack":
            rows = batches.popleft()
            assert [index for index, _ in answer["rejected"]] == [at for at, row in enumerate(rows) if row is None]
            assert sum(answer[key] for key in ("stored", "duplicates", "conflicts")) == sum(map(bool, rows))
            if not fence:
                return ""
        elif answer["type"] == "lease" and fence in answer["active"]:
            return ""


@pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: crowd.name)
async def test_a_thousand_connections_at_once_keep_nobody_out(server: ServerProcess, crowd: Attack) -> None:
    before = await refused(server)
    async with undisturbed(server) as target:
        await asyncio.gather(*(crowd.run(target) for _ in range(1_000)))
        async with greeted(target) as it:
            await it.say(ticks(f"[{GOOD_ROW}]"))
            assert (await it.hear_json("ack"))["rejected"] == []
    counted = await refused(server) - before
    assert sum(counted.values()) >= 900 and set(counted) <= {"too-many", "late", "handshake", "frame"}, counted
