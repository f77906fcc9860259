"""The queue between the sockets and the file: batches that arrive during one commit go into the next."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable

from engine.errors import StoreError
from engine.market.records import Batch, Commit, Event
from engine.store.interface import Now, TickWriter

log = logging.getLogger("pairbridge.server")

RETRY_S = 0.5
ACKS_KEPT = 4_000  # batches whose time to the acknowledgement is remembered
ACK_OVER_MS = 60_000
MAX_COMMIT_ROWS = 8_000  # half of a bridge's in-flight limit: one half is stored while the other arrives


class CommitQueue:
    """Batches and events go in; calls ``on_commit`` after each successful transaction."""

    def __init__(self, writer: TickWriter, now: Callable[[], Now], on_commit: Callable[[Commit, int], None]) -> None:
        """``on_commit(commit, mono_ms)`` is called on the event loop, before waiters resume."""
        self._writer = writer
        self._now = now
        self._on_commit = on_commit
        self._batches: list[Batch] = []
        self._arrived_ms: deque[int] = deque()  # of each waiting batch
        self._acks: deque[tuple[int, int]] = deque(maxlen=ACKS_KEPT)  # when a batch was stored, and how long that took
        self._events: list[Event] = []
        self._waiting_since_ms: int | None = None
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._is_stopping = False
        self.error: str | None = None
        self.last_ms = 0
        self.added = 0  # number of batches added, and stored
        self.stored = 0

    @property
    def waiting_batches(self) -> int:
        """Batches that are not stored yet."""
        return len(self._batches)

    @property
    def waiting_rows(self) -> int:
        """Their ticks."""
        return sum(len(batch.ticks) for batch in self._batches)

    def unstored_ms(self) -> int:
        """The waiting time of the oldest batch; 0 when none waits."""
        return 0 if self._waiting_since_ms is None else self._now().mono_ms - self._waiting_since_ms

    def ack_ms(self) -> dict[str, int]:
        """From a batch's arrival to its acknowledgement over the last minute, by quantile; empty without a batch."""
        since_ms = self._now().mono_ms - ACK_OVER_MS
        found = sorted(took for at_ms, took in self._acks if at_ms >= since_ms)
        return {q: found[round(float(q) * (len(found) - 1))] for q in ("0.5", "0.95", "0.99")} if found else {}

    def add(self, item: Batch | Event) -> None:
        """Add a batch to the next commit."""
        if isinstance(item, Batch):
            self._batches.append(item)
            self._arrived_ms.append(self._now().mono_ms)
            self.added += 1
        else:
            self._events.append(item)
        if self._waiting_since_ms is None:
            self._waiting_since_ms = self._now().mono_ms
        self._wake.set()

    async def moved(self) -> None:
        """Return after the next commit attempt, or the next ``nudge``."""
        await self._moved.wait()

    def nudge(self) -> None:
        """Something was stored beside the queue: whoever waits for room is to look again."""
        self._move()

    def stop(self) -> None:
        """Makes ``run`` return when all waiting batches are stored, or the first attempt has failed."""
        self._is_stopping = True
        self._wake.set()

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Commit until stopped: a quiet market's trade at once, a busy one's in large groups."""
        while not (self._is_stopping and not self._batches and not self._events):
            await self._wake.wait()
            self._wake.clear()
            while self._batches or self._events:
                await self._commit_once()
                await asyncio.sleep(self._writer.pause_s())

    async def _commit_once(self) -> None:
        rows = taken = 0
        while taken < len(self._batches) and rows < MAX_COMMIT_ROWS:
            rows += len(self._batches[taken].ticks)
            taken += 1
        batches, events = self._batches[:taken], self._events[:]
        started = self._now()
        try:
            commit = await self._writer.commit(batches, events, started)
        except StoreError as error:
            await self._failed(str(error))
            return
        del self._batches[:taken]
        self.stored += taken
        del self._events[: len(events)]
        ended_ms = self._now().mono_ms
        self._acks.extend((ended_ms, ended_ms - self._arrived_ms.popleft()) for _ in range(taken))
        self.last_ms = ended_ms - started.mono_ms
        self.error = None
        self._waiting_since_ms = started.mono_ms if self._batches or self._events else None
        self._on_commit(commit, ended_ms)
        self._move()

    async def _failed(self, error: str) -> None:
        if self.error != error:
            log.error("%s; %d batches wait", error, len(self._batches))
        self.error = error
        if self._is_stopping:
            log.error("stopping with %d batches that could not be stored; the bridge has them", len(self._batches))
            self._batches, self._events = [], []
            self._arrived_ms.clear()
        else:
            await asyncio.sleep(RETRY_S)
        self._move()


class IntakeSink:
    """The sink of the server's own backfill of one market: passes rows to the intake, without a connection."""

    def __init__(self, commits: CommitQueue, take: Callable[[list[object]], None]) -> None:
        """``take`` passes rows to the intake and performs the returned actions."""
        self._commits = commits
        self._take = take

    async def put(self, rows: Iterable[list[object]]) -> int:
        """Take rows, once there is capacity; returns their position, for ``when_stored``."""
        while self._commits.waiting_rows >= MAX_COMMIT_ROWS:
            await self._commits.moved()
        self._take(list(rows))
        return self._commits.added

    async def when_stored(self, place: int) -> None:
        """Return when every row up to position ``place`` is stored."""
        while self._commits.stored < place:
            await self._commits.moved()
