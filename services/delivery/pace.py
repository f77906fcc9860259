"""When what is sent: limits, digests, and the time until the next try. Pure: the time is given, chance is seeded."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.store.alerts import OutboxRow
from services.delivery.message import Outcome, digest_key


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one channel. In ``window_ms`` at most ``of_rule`` messages of one rule and ``in_all`` of all rules; what is
    beyond goes together, every ``digest_ms``. A message is tried ``tries`` times, with pauses of up to ``first_ms``,
    doubled each time, at most ``longest_ms``; the channel rests after failures in a row, at most ``rest_ms``."""

    of_rule: int = 10
    in_all: int = 30
    window_ms: int = 600_000
    digest_ms: int = 60_000
    tries: int = 15
    first_ms: int = 2_000
    longest_ms: int = 3_600_000
    rest_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with the due messages of a channel. ``now`` goes in one message, with its key in ``digest``; it
    ``is_begun`` if it was tried before. Keep ``later`` for another time."""

    now: tuple[OutboxRow, ...] = ()
    later: tuple[OutboxRow, ...] = ()
    is_begun: bool = False


class Pace:
    """The limits of every channel, and what was sent in their window."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._sent: dict[str, deque[tuple[int, str]]] = {}
        self._digest_at: dict[str, int] = {}

    def note_sent(self, rows: Iterable[OutboxRow]) -> None:
        """Rows that were sent count in their window; those of digests do not."""
        for row in rows:
            if row.digest == row.outbox_id:
                self._sent.setdefault(row.channel, deque()).append((row.sent_at_ms, row.payload["rule_id"]))

    def plan(self, channel: str, rows: Sequence[OutboxRow], now_ms: int) -> Plan:
        """For the due messages of one channel, the longest waiting first. What was tried before is tried in the
        same way, since it may have been taken: the caller adds the others of its digest."""
        begun = next((row for row in rows if row.digest), None)
        if begun is not None:
            return Plan((begun,), is_begun=True)
        free, over = self._split(channel, rows, now_ms)
        if free is not None:
            return Plan((_alone(free),))
        digest_at = self._digest_at.get(channel)
        if digest_at is None or now_ms - digest_at > self.limits.window_ms:  # none, or one of an earlier storm
            digest_at = self._digest_at[channel] = now_ms + self.limits.digest_ms
        if now_ms < digest_at:
            return Plan((), tuple(replace(row, next_at_ms=digest_at) for row in over))
        del self._digest_at[channel]
        if len(over) == 1:
            return Plan((_alone(over[0]),))
        key = digest_key(over)
        return Plan(tuple(replace(row, digest=key) for row in over))

    def _split(self, channel: str, rows: Sequence[OutboxRow], now_ms: int) -> tuple[OutboxRow | None, list[OutboxRow]]:
        """The first message within the limits, and those beyond."""
        sent = self._sent.setdefault(channel, deque())
        while sent and sent[0][0] <= now_ms - self.limits.window_ms:
            sent.popleft()
        over: list[OutboxRow] = []
        for row in rows:
            of_rule = sum(rule == row.payload["rule_id"] for _, rule in sent)
            if len(sent) < self.limits.in_all and of_rule < self.limits.of_rule:
                return row, over
            over.append(row)
        return None, over


def _alone(row: OutboxRow) -> OutboxRow:
    return replace(row, digest=row.outbox_id)


def settled(
    rows: Sequence[OutboxRow], outcome: Outcome, now_ms: int, limits: Limits, chance: random.Random
) -> list[OutboxRow]:  # fmt: skip
    """The rows of one message after a try."""
    attempts = max(row.attempts for row in rows) + 1
    if outcome.state == "sent":
        return [replace(row, state="sent", attempts=attempts, sent_at_ms=now_ms, error="") for row in rows]
    if outcome.state == "refused" or attempts >= limits.tries:
        return [replace(row, state="dead", attempts=attempts, error=outcome.error) for row in rows]
    at_ms = now_ms + pause_ms(attempts, outcome.retry_after_s, limits, chance)
    return [replace(row, attempts=attempts, next_at_ms=at_ms, error=outcome.error) for row in rows]


def pause_ms(attempts: int, retry_after_s: float | None, limits: Limits, chance: random.Random) -> int:
    """Until the next try: anything up to a bound that doubles, so that many senders do not return at once; no less than
    the receiver asked for, within the longest pause.

    >>> limits = Limits()
    >>> [pause_ms(9, 7.0, limits, random.Random(1)) >= 7_000, pause_ms(1, 1e9, limits, random.Random(1))]
    [True, 3600000]
    """
    bound = min(limits.longest_ms, limits.first_ms * 2 ** (attempts - 1))
    asked = min(max(retry_after_s or 0.0, 0.0) * 1_000, float(limits.longest_ms))
    return int(max(chance.uniform(0, bound), asked))
