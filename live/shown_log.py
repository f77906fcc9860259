"""The displayed part of a run's log: its newest decisions, and their total number."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.store.interface import LoggedDecision


@dataclass(frozen=True, slots=True)
class LogCount:
    """Kinds of decisions: entries, exits and corrections, or bars beyond entry without an entry."""

    trades: int = 0
    refusals: int = 0


KEPT = LogCount(trades=2_000, refusals=1_000)


class ShownLog:
    """The newest trades (entries, exits, corrections) and, separately, the newest refusals: bars beyond entry without
    an entry are far more frequent, and would displace the trades. ``count`` includes all that were ever added."""

    def __init__(self, kept: LogCount = KEPT) -> None:
        self._trades: deque[LoggedDecision] = deque(maxlen=kept.trades)
        self._refusals: deque[LoggedDecision] = deque(maxlen=kept.refusals)
        self.count = LogCount()

    def __iter__(self) -> Iterator[LoggedDecision]:
        """The kept decisions, in their original order."""
        return heapq.merge(self._trades, self._refusals, key=_given)

    def append(self, entry: LoggedDecision) -> None:
        """Add the run's next decision."""
        is_refusal = entry.decision.kind == "no_entry"
        (self._refusals if is_refusal else self._trades).append(entry)
        self.count = LogCount(self.count.trades + (not is_refusal), self.count.refusals + is_refusal)

    def extend(self, entries: Iterable[LoggedDecision]) -> None:
        """Add the run's next decisions, in order."""
        for entry in entries:
            self.append(entry)

    def clear(self) -> None:
        """Start another run."""
        self._trades.clear()
        self._refusals.clear()
        self.count = LogCount()

    @property
    def newest(self) -> int:
        """Number of the last decision; 0 before the first."""
        return max((kept[-1].given for kept in (self._trades, self._refusals) if kept), default=0)


def _given(entry: LoggedDecision) -> int:
    return entry.given
