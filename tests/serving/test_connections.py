"""The send queue of one client. Unauthenticated clients, frames and many connections:
tests/durability/test_hostile_frames.py."""

from __future__ import annotations

import asyncio

import pytest

from engine.intake.actions import Close, Send
from serving.connections import OUTBOX_BYTES, SendQueue


async def test_an_outbox_is_full_by_bytes_and_has_room_again_when_they_are_taken() -> None:
    send_queue = SendQueue()
    for number in range(2_000):
        send_queue.put_nowait(Send(number, "{}"))
    assert not send_queue.full(), "many short messages are no reason to cut anybody off"
    send_queue.put_nowait(Send(2_000, "x" * OUTBOX_BYTES))
    with pytest.raises(asyncio.QueueFull):
        send_queue.put_nowait(Close(2_001, 1000, "bye"))
    taken = [send_queue.get_nowait() for _ in range(2_001)]
    assert taken[0] == Send(0, "{}") and isinstance(taken[-1], Send) and len(taken[-1].text) == OUTBOX_BYTES
    assert not send_queue.full()
