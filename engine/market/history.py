"""Lookup of ticks and bars stored before a point in commit order, for late ticks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Protocol

from engine.market.bars import Bar, second_bar
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.ticks import Tick


class History(Protocol):
    """One market's stored data. The monitor reads it from the store; a replay keeps it in memory."""

    def ticks(self, symbol: str, second_ms: int, before_seq: int) -> Iterable[Tick]:
        """The plausible ticks of one second that were stored before ``before_seq``."""

    def bars(self, symbol: str, from_ms: int, to_ms: int, before_seq: int) -> list[Bar]:
        """One-second bars in ``[from_ms, to_ms)``, ascending, as of ``before_seq``."""


class MemoryHistory:
    """An in-memory History of every added tick."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[int, list[tuple[int, Tick]]]] = {}

    def add(self, seq: int, tick: Tick) -> None:
        """Add one tick; ``seq`` must increase."""
        if not tick.future:
            second = bar_open(tick.trade_time_ms, SECOND_MS)
            self._seconds.setdefault(tick.symbol, {}).setdefault(second, []).append((seq, tick))

    def ticks(self, symbol: str, second_ms: int, before_seq: int) -> list[Tick]:
        """See History."""
        kept = self._seconds.get(symbol, {}).get(second_ms, [])
        return [tick for _, tick in kept[: bisect_left(kept, before_seq, key=_seq)]]

    def bars(self, symbol: str, from_ms: int, to_ms: int, before_seq: int) -> list[Bar]:
        """See History."""
        found = []
        for second in sorted(at for at in self._seconds.get(symbol, {}) if from_ms <= at < to_ms):
            ticks = self.ticks(symbol, second, before_seq)
            if ticks:
                found.append(second_bar(second, ticks))
        return found


def _seq(kept: tuple[int, Tick]) -> int:
    return kept[0]
