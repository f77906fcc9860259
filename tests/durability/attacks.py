"""Every attack on the bridge port: the corpus, slow attacks, and a thousand connections at once."""

from __future__ import annotations

import asyncio
import contextlib

from tests.durability.corpus import FRAMES, GOOD_ROW, MESSAGES, PROTOCOLS, ROWS, Attack, ticks
from tests.durability.wire import TEXT, Target, frame, greeted, wire

DEAF = 4_096  # bytes that the system takes in for who does not read; by itself it would take megabytes


async def _never_reading(target: Target) -> None:
    """Endless small batches without reading any answer: the server closes the connection."""
    async with greeted(target, DEAF) as it:
        it.writer.transport.set_write_buffer_limits(high=65_536)
        number = 0
        try:
            while not it.writer.transport.is_closing():
                for _ in range(100):
                    number += 1
                    it.write(frame(TEXT, ticks(f"[{GOOD_ROW}]", str(number)).encode()))
                await it.writer.drain()
        except ConnectionError:
            return


async def _never_reading_leases(target: Target) -> None:
    """The longest answers there are, and none is ever read."""
    names = ",".join(f'"{"L" * 27}{n:05}"' for n in range(1_024))
    text = f'{{"type":"subscribe","symbols":[{names}]}}'.encode()
    async with greeted(target, DEAF) as it:
        try:
            while not it.writer.transport.is_closing():
                it.write(frame(TEXT, text))
                await it.writer.drain()
        except ConnectionError:
            return


async def _slow_handshake(target: Target) -> None:
    async with wire(target.port) as it:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        for byte in b"GET / HTTP/1.1\r\nX-Slow: " + b"a" * 10_000:
            it.write(bytes([byte]))
            await asyncio.sleep(0.1)
            if it.writer.transport.is_closing():
                break
        assert loop.time() - begun_s < 20, "nobody may dawdle for longer than ten seconds"


async def _slow_hello(target: Target) -> None:
    async with wire(target.port) as it:
        await it.shake_hands(target.port)
        assert (await it.hear_json("refused"))["code"] == "late"
        assert await it.close_code() == 4408


async def _duplicate_keys(target: Target) -> None:
    """The last of two equal keys counts, as everywhere in JSON; what is stored is valid all the same."""
    async with greeted(target) as it:
        await it.say(ticks(f"[{GOOD_ROW}]", "1", f',"seq":2,"rows":[{GOOD_ROW}, 5]'))
        ack = await it.hear_json("ack")
        assert (ack["seq"], len(ack["rejected"])) == (2, 1)


OTHERS = [
    Attack("never reading acks", "does not read", _never_reading),
    Attack("never reading leases", "does not read", _never_reading_leases),
    Attack("slow handshake", "handshake", _slow_handshake),
    Attack("slow hello", "late", _slow_hello),
    Attack("duplicate keys", "", _duplicate_keys),
]

ATTACKS = [*MESSAGES, *ROWS, *FRAMES, *PROTOCOLS, *OTHERS]


async def _only_connect(target: Target) -> None:
    async with wire(target.port):
        await asyncio.sleep(2)


async def _long_heads(target: Target) -> None:
    async with wire(target.port) as it:
        await it.send(b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: %s\r\n" % (n, b"a" * 8_000) for n in range(120)))
        await it.close_code()


async def _only_shake_hands(target: Target) -> None:
    async with wire(target.port) as it:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await it.shake_hands(target.port)
            await it.close_code()


async def _unfinished_messages(target: Target) -> None:
    async with wire(target.port) as it:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await it.shake_hands(target.port)
            await it.send(frame(TEXT, b"x" * 450_000, last=False) * 2)
            await it.close_code()


CROWDS = [
    Attack("connections", "", _only_connect),
    Attack("long heads", "", _long_heads),
    Attack("handshakes", "", _only_shake_hands),
    Attack("unfinished messages", "", _unfinished_messages),
]
