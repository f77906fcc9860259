"""The queue's guarantee: despite losses, every row is acknowledged once, in order."""

from __future__ import annotations

import json
import random

import pytest

from feeds.batch_queue import BatchQueue, Row


def row(n: int) -> Row:
    return ["X", n, "1", "1", n, False]


def ack(number: int, rows: int, **changes: object) -> dict[str, object]:
    return {"seq": number, "stored": rows, "duplicates": 0, "conflicts": 0, "rejected": [], **changes}


def test_rows_leave_in_batches_within_the_limits() -> None:
    queue = BatchQueue()
    queue.add(row(n) for n in range(10))
    assert queue.ready() == [], "nothing leaves before the welcome"
    queue.connected(max_rows=3, max_in_flight=2)
    sent = [json.loads(message) for message in queue.ready()]
    assert [(m["seq"], len(m["rows"])) for m in sent] == [(1, 3), (2, 3)]
    assert queue.ready() == []
    queue.acknowledged(ack(1, 3))
    assert [json.loads(message)["seq"] for message in queue.ready()] == [3]
    assert (queue.unacked, queue.queued, len(queue)) == (2, 1, 7)


def test_refusals_are_kept_with_their_rows() -> None:
    queue = BatchQueue()
    queue.connected(10, 2)
    queue.add([row(1), row(2)])
    queue.ready()
    queue.acknowledged(ack(1, 1, rejected=[[1, "price is '0'; expected more than 0"]]))
    assert queue.tally.rejected == [(row(2), "price is '0'; expected more than 0")]
    queue.acknowledged(ack(1, 1))
    assert queue.tally.stored == 1, "the same acknowledgement again changes nothing"


@pytest.mark.parametrize("seed", range(30))
def test_through_losses_and_reconnects_every_row_arrives_once(seed: int) -> None:
    rng = random.Random(seed)
    queue = BatchQueue()
    stored: list[int] = []
    wire: list[dict[str, object]] = []
    acks: list[int] = []
    connected = False
    produced = 0
    while produced < 300 or len(queue):
        step = rng.random()
        if step < 0.3 and produced < 300:
            queue.add([row(produced + k) for k in range(5)])
            produced += 5
        elif step < 0.4:
            connected, wire, acks = False, [], []
        elif step < 0.5 and not connected:
            connected = True
            queue.connected(rng.choice([1, 7, 500]), rng.choice([1, 4]))
        elif step < 0.7 and connected:
            wire += [json.loads(message) for message in queue.ready()]
        elif step < 0.85 and wire:
            message = wire.pop(0)
            for each in message["rows"]:  # type: ignore[attr-defined]
                if each[1] not in stored:
                    stored.append(each[1])
            acks.append(int(message["seq"]))  # type: ignore[call-overload]
        elif acks:
            queue.acknowledged(ack(acks.pop(0), 0))
    assert stored == list(range(produced))
    assert queue.added == queue.acked == produced
