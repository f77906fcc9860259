"""Trades that programs post: forwarded to the bridge server, the one writer of trades, through the bridge protocol.

The dashboard holds one connection for each market that was posted to lately, and few of them: the server has room for
so many, and the exchange's page needs one too. A request is one batch of the protocol, so its key and its rows are one
transaction there; after a lost connection the same batch is sent once more, and stored once, because it has a key:
where the client gave none, one of this request alone.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.errors import PairbridgeError, SettingsError
from engine.intake.messages import MAX_KEY, MAX_ROWS
from engine.market.records import AGAIN, OTHER_ROWS
from feeds.bridge_client import RefusedError
from feeds.tick_link import LinkLost, TickLink
from services.requests import OtherRequest

IDLE_S = 30.0  # after which an unused connection is closed
LOOK_S = 5.0  # between two looks for those
MOST_LINKS = 8  # connections at a time; the server takes 64 of all bridges
TRIES = 2


class FeedAway(PairbridgeError):
    """The bridge server does not answer; the rows may or may not be stored: post them again with the same key."""


class FeedRefused(PairbridgeError):
    """The bridge server refused the batch as a whole."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of the rows. ``again``: the key was known, and this is the first answer; ``rejected``: index and
    reason of refused rows; ``gaps``: opened and filled."""

    stored: int
    duplicates: int
    conflicts: int
    rejected: tuple[tuple[int, str], ...]
    gaps: tuple[int, int]
    again: bool


@dataclass(slots=True)
class _Slot:
    """One market's place among the connections. ``users``: posts that hold it."""

    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    link: TickLink | None = None
    users: int = 0
    used_s: float = 0.0

    async def close(self) -> None:
        if self.link is not None:
            await self.link.close()


class TickPostService:
    """Posts to one bridge server, from one event loop."""

    def __init__(self, url: str, token: Callable[[], str | None]) -> None:
        """``token`` gives None while there is none."""
        self._url = url
        self._token = token
        self._slots: dict[str, _Slot] = {}
        self._room = asyncio.Condition()

    async def run(self) -> None:
        """Close the connections that nobody uses any more, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.close_idle(time.monotonic())

    async def post(self, market: str, rows: list[Any], key: str = "") -> Posted:
        """Store rows as the protocol has them, at most 500; returns after the commit.

        Raises SettingsError, OtherRequest for a key of other rows, FeedRefused, FeedAway.
        """
        if not 1 <= len(rows) <= MAX_ROWS:
            raise SettingsError(f"found {len(rows)} rows; expected 1 to {MAX_ROWS} in one request")
        if len(key) > MAX_KEY:
            raise SettingsError(f"the key has {len(key)} characters; expected at most {MAX_KEY}")
        ack = await self._sent(market, rows, key or f"once-{secrets.token_hex(16)}")
        if ack.get("again") == OTHER_ROWS:
            raise OtherRequest(f"the Idempotency-Key {key[:40]!r} belongs to other rows; expected a new key")
        rejected = tuple((index, reason) for index, reason in ack["rejected"])
        opened, filled = ack.get("gaps", (0, 0))
        return Posted(
            ack["stored"], ack["duplicates"], ack["conflicts"], rejected, (opened, filled), ack.get("again") == AGAIN
        )

    async def close(self) -> None:
        """Close every connection."""
        slots = list(self._slots.values())
        self._slots.clear()
        for slot in slots:
            await slot.close()

    async def close_idle(self, now_s: float) -> None:
        """Close the connections that were not used for ``IDLE_S``; ``now_s`` of the monotonic clock."""
        idle = [market for market, each in self._slots.items() if not each.users and now_s - each.used_s > IDLE_S]
        gone = [self._slots.pop(market) for market in idle]
        async with self._room:
            self._room.notify_all()
        for slot in gone:
            await slot.close()

    async def _sent(self, market: str, rows: list[Any], key: str) -> dict[str, Any]:
        lost = ""
        for _ in range(TRIES):
            try:
                async with self._slot(market) as slot:
                    return await (await self._link(market, slot)).send(rows, key)
            except RefusedError as error:
                raise FeedRefused(f"the bridge server refused the batch: {error}") from None
            except LinkLost as error:
                lost = str(error)
        raise FeedAway(f"{lost}; expected it to run: post the same rows again with the same Idempotency-Key")

    @asynccontextmanager
    async def _slot(self, market: str) -> AsyncIterator[_Slot]:
        """The market's place; of ``MOST_LINKS`` that are taken, the least recently used one that nobody holds is closed
        for it, and where all are held, this waits."""
        unused: _Slot | None = None
        async with self._room:
            while market not in self._slots and len(self._slots) >= MOST_LINKS:
                free = [name for name, each in self._slots.items() if not each.users]
                if free:
                    unused = self._slots.pop(min(free, key=lambda name: self._slots[name].used_s))
                else:
                    await self._room.wait()
            slot = self._slots.setdefault(market, _Slot())
            slot.users += 1
        try:
            if unused is not None:
                await unused.close()
            yield slot
        finally:
            slot.users -= 1
            slot.used_s = time.monotonic()
            async with self._room:
                self._room.notify_all()

    async def _link(self, market: str, slot: _Slot) -> TickLink:
        async with slot.opening:
            if slot.link is None or not slot.link.is_open:
                token = await asyncio.to_thread(self._token)
                if token is None:
                    raise LinkLost("the bridge server was never started")
                slot.link = await TickLink.open(self._url, token, market)
            return slot.link


def tick_row(
    symbol: str, agg_id: str | int | None, price: str, quantity: str, time_ms: int, buyer_is_maker: bool | None
) -> list[Any]:
    """A row of the protocol; an id may be text, as JavaScript has long ones. Raises SettingsError.

    >>> tick_row("A", "7", "1.5", "2", 1_700_000_000_000, None)[1]
    7
    """
    if isinstance(agg_id, str):
        if not (agg_id.isascii() and agg_id.isdecimal() and len(agg_id) < 20):
            raise SettingsError(f"id is {agg_id[:40]!r}; expected a whole number")
        agg_id = int(agg_id)
    return [symbol, agg_id, price, quantity, time_ms, buyer_is_maker]
