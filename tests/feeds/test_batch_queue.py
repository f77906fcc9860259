"""The outbox against its promise: whatever is lost on the way, every row is acknowledged once, in order."""

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
    outbox = BatchQueue()
    outbox.add(row(n) for n in range(10))
    assert outbox.ready() == [], "nothing leaves before the welcome"
    outbox.connected(max_rows=3, max_in_flight=2)
    sent = [json.loads(message) for message in outbox.ready()]
    assert [(m["seq"], len(m["rows"])) for m in sent] == [(1, 3), (2, 3)]
    assert outbox.ready() == []
    outbox.acknowledged(ack(1, 3))
    assert [json.loads(message)["seq"] for message in outbox.ready()] == [3]
    assert (outbox.unacked, outbox.queued, len(outbox)) == (2, 1, 7)


def test_refusals_are_kept_with_their_rows() -> None:
    outbox = BatchQueue()
    outbox.connected(10, 2)
    outbox.add([row(1), row(2)])
    outbox.ready()
    outbox.acknowledged(ack(1, 1, rejected=[[1, "price is '0'; expected more than 0"]]))
    assert outbox.tally.rejected == [(row(2), "price is '0'; expected more than 0")]
    outbox.acknowledged(ack(1, 1))
    assert outbox.tally.stored == 1, "the same acknowledgement again changes nothing"


@pytest.mark.parametrize("seed", range(30))
def test_through_losses_and_reconnects_every_row_arrives_once(seed: int) -> None:
    rng = random.Random(seed)
    outbox = BatchQueue()
    stored: list[int] = []
    wire: list[dict[str, object]] = []
    acks: list[int] = []
    connected = False
    produced = 0
    while produced < 300 or len(outbox):
        step = rng.random()
        if step < 0.3 and produced < 300:
            outbox.add([row(produced + k) for k in range(5)])
            produced += 5
        elif step < 0.4:
            connected, wire, acks = False, [], []
        elif step < 0.5 and not connected:
            connected = True
            outbox.connected(rng.choice([1, 7, 500]), rng.choice([1, 4]))
        elif step < 0.7 and connected:
            wire += [json.loads(message) for message in outbox.ready()]
        elif step < 0.85 and wire:
            message = wire.pop(0)
            for each in message["rows"]:  # type: ignore[attr-defined]
                if each[1] not in stored:
                    stored.append(each[1])
            acks.append(int(message["seq"]))  # type: ignore[call-overload]
        elif acks:
            outbox.acknowledged(ack(acks.pop(0), 0))
    assert stored == list(range(produced))
    assert outbox.added == outbox.acked == produced
