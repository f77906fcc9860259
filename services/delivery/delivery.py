"""Empties the outbox: takes what is due, sends it, and keeps what came of it.

What goes in a message, alone or with others, is stored before it is sent, and what came of it after that: a kill
between the two sends the same again, with the same key. One channel has one message under way, and all of them a
bounded number of slots: a receiver that hangs occupies one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.errors import StoreError
from engine.store.alerts import Outbox, OutboxRow
from services.delivery.channels import Channel, ChannelFile, ChannelMissing
from services.delivery.message import Outcome, digest_of, message_of
from services.delivery.pace import Limits, Pace, pause_ms, settled
from services.delivery.senders import Senders

log = logging.getLogger("pairbridge.delivery")

SLOTS = 8
MOST_DUE = 500  # read at once
POLL_S = 0.25
STORE_RETRY_S = 2.0


class Delivery:
    """The loop of one dashboard, in its event loop; it takes no lock of the monitor."""

    def __init__(
        self,
        outbox: Outbox,
        channels: ChannelFile,
        senders: Senders,
        limits: Limits | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        chance: random.Random | None = None,
    ) -> None:
        """``chance``: seeded by the machine if not given."""
        self._outbox = outbox
        self._channels = channels
        self._senders = senders
        self._limits = limits or Limits()
        self._pace = Pace(self._limits)
        self._clock_ms = clock_ms
        self._chance = chance or random.Random()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._resting: dict[str, int] = {}
        self._failures: dict[str, int] = {}  # in a row

    async def run(self) -> None:
        """Until cancelled."""
        is_restored = False
        try:
            while True:
                try:
                    if not is_restored:
                        await self._restore()
                        is_restored = True
                    is_busy = await self._turn()
                    await asyncio.sleep(0 if is_busy else POLL_S)
                except StoreError as error:
                    log.warning("%s; alerts wait", error)
                    await asyncio.sleep(STORE_RETRY_S)
                except Exception:  # alerts of other rules must still go out
                    log.exception("the delivery of alerts failed; it goes on")
                    await asyncio.sleep(STORE_RETRY_S)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _restore(self) -> None:
        """What was sent before a restart counts."""
        from_ms = self._clock_ms() - self._limits.window_ms
        self._pace.note_sent(await asyncio.to_thread(self._outbox.sent_since, from_ms))

    async def _turn(self) -> bool:
        """Start what can be started; whether there may be more at once."""
        now_ms = self._clock_ms()
        self._resting = {key: until for key, until in self._resting.items() if until > now_ms}
        occupied = self._under_way.keys() | self._senders.network.threads.live()
        if len(occupied) >= SLOTS:
            return False
        rows = await asyncio.to_thread(self._outbox.due, now_ms, MOST_DUE, occupied | self._resting.keys())
        by_channel: dict[str, list[OutboxRow]] = {}
        for row in await self._without_snoozed(rows) if rows else []:
            by_channel.setdefault(row.channel, []).append(row)
        later: list[OutboxRow] = []
        for key, due in list(by_channel.items())[: SLOTS - len(occupied)]:
            later += await self._begin(key, due, now_ms)
        if later:
            await asyncio.to_thread(self._outbox.keep_attempts, later)
        return len(rows) == MOST_DUE

    async def _begin(self, key: str, due: Sequence[OutboxRow], now_ms: int) -> Sequence[OutboxRow]:
        """Start the next message of a channel; those that wait."""
        try:
            channel = self._channels.get(key)
        except ChannelMissing:
            return [replace(row, state="dead", error="the channel was removed") for row in due]
        plan = self._pace.plan(key, due, now_ms)
        rows = plan.now
        if rows and not plan.is_begun:
            await asyncio.to_thread(self._outbox.keep_attempts, rows)
        if rows:
            together = await asyncio.to_thread(self._outbox.of_digest, rows[0].digest)
            self._under_way[key] = asyncio.create_task(self._send(channel, together or rows))
        return plan.later

    async def _try(self, channel: Channel, rows: Sequence[OutboxRow]) -> Outcome:
        is_alone = rows[0].digest == rows[0].outbox_id
        return await self._senders.send(channel, message_of(rows[0]) if is_alone else digest_of(rows))

    async def _send(self, channel: Channel, rows: Sequence[OutboxRow]) -> None:
        """Send one message and keep what came of it; until it is kept, the channel sends no other."""
        (found,) = await asyncio.gather(self._try(channel, rows), return_exceptions=True)
        if isinstance(found, BaseException):  # its text may hold an address
            log.error("sending to the channel %s failed: %s", channel.channel_id, type(found).__name__)
            found = Outcome("retry", f"failed: {type(found).__name__}")
        now_ms = self._clock_ms()
        kept = settled(rows, found, now_ms, self._limits, self._chance)
        while True:
            try:
                await asyncio.to_thread(self._outbox.keep_attempts, kept)
                break
            except StoreError as error:
                log.warning("%s; what was sent is kept later", error)
                await asyncio.sleep(STORE_RETRY_S)
        if found.state == "sent":
            self._pace.note_sent(kept)
            self._failures.pop(channel.channel_id, None)
        else:
            log.info("channel %s: %s, %s", channel.channel_id, found.error, kept[0].state)
            if kept[0].state == "pending":
                self._rest(channel.channel_id, found, now_ms)
        del self._under_way[channel.channel_id]

    def _rest(self, key: str, found: Outcome, now_ms: int) -> None:
        """A channel with many messages that fail is not asked for each of them as if it were the first."""
        self._failures[key] = failures = min(self._failures.get(key, 0) + 1, self._limits.tries)
        limits = replace(self._limits, longest_ms=self._limits.rest_ms)
        self._resting[key] = now_ms + pause_ms(failures, found.retry_after_s, limits, self._chance)

    async def _without_snoozed(self, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        """Messages of rules that were snoozed since are given up."""
        until = await asyncio.to_thread(self._outbox.snoozed)
        dropped = [row for row in rows if row.payload["close_ms"] <= until.get(row.payload["rule_id"], 0)]
        if dropped:
            given_up = [replace(row, state="dead", error="its rule is snoozed") for row in dropped]
            await asyncio.to_thread(self._outbox.keep_attempts, given_up)
        gone = {row.outbox_id for row in dropped}
        return [row for row in rows if row.outbox_id not in gone]
