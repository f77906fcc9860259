"""The outbox of one client. Strangers, frames and crowds: tests/durability/test_hostile_frames.py."""

from __future__ import annotations

import asyncio

import pytest

from engine.intake.actions import Close, Send
from serving.connections import OUTBOX_BYTES, SendQueue


async def test_an_outbox_is_full_by_bytes_and_has_room_again_when_they_are_taken() -> None:
    outbox = SendQueue()
    for number in range(2_000):
        outbox.put_nowait(Send(number, "{}"))
    assert not outbox.full(), "many short messages are no reason to cut anybody off"
    outbox.put_nowait(Send(2_000, "x" * OUTBOX_BYTES))
    with pytest.raises(asyncio.QueueFull):
        outbox.put_nowait(Close(2_001, 1000, "bye"))
    taken = [outbox.get_nowait() for _ in range(2_001)]
    assert taken[0] == Send(0, "{}") and isinstance(taken[-1], Send) and len(taken[-1].text) == OUTBOX_BYTES
    assert not outbox.full()
