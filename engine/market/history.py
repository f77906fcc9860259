"""Lookup of ticks and bars stored before a point in commit order, for late ticks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Protocol

from engine.market.bars import Bar, second_bar
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.sourced import SourcedBar, at_width
from engine.market.ticks import Tick


class History(Protocol):
    """One market's stored data. The monitor reads it from the store; a replay keeps it in memory."""

    def ticks(self, symbol: str, second_ms: int, before_seq: int) -> Iterable[Tick]:
        """The plausible ticks of one second that were stored before ``before_seq``."""

    def bars(self, symbol: str, from_ms: int, to_ms: int, before_seq: int) -> list[Bar]:
        """One-second bars in ``[from_ms, to_ms)``, ascending, as of ``before_seq``."""

    def sourced_bars(self, symbol: str, width_ms: int, from_ms: int, to_ms: int, up_to_event: int) -> list[SourcedBar]:
        """Bars not made from ticks that open in ``[from_ms, to_ms)``, rising, as known with the event."""


class MemoryHistory:
    """An in-memory History of every added tick and bar."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[int, list[tuple[int, Tick]]]] = {}
        self._sourced: dict[tuple[str, int], dict[int, tuple[int, SourcedBar]]] = {}  # with the event of each

    def add(self, seq: int, tick: Tick) -> None:
        """Add one tick; ``seq`` must increase."""
        if not tick.future:
            second = bar_open(tick.trade_time_ms, SECOND_MS)
            self._seconds.setdefault(tick.symbol, {}).setdefault(second, []).append((seq, tick))

    def add_bars(self, event_id: int, bars: Iterable[SourcedBar]) -> None:
        """Keep bars that became known with an event; of two for the same stretch the first stays."""
        for bar in bars:
            kept = self._sourced.setdefault((bar.symbol, bar.width_ms), {})
            kept.setdefault(bar.open_time_ms, (event_id, bar))

    def sourced_bars(self, symbol: str, width_ms: int, from_ms: int, to_ms: int, up_to_event: int) -> list[SourcedBar]:
        """See History."""
        by_width = {
            width: [
                bar
                for at, (event_id, bar) in sorted(kept.items())
                if from_ms <= at and bar_open(at, width_ms) < to_ms and event_id <= up_to_event
            ]
            for (of, width), kept in self._sourced.items()
            if of == symbol
        }
        found = at_width(width_ms, by_width)
        return [bar for bar in found if from_ms <= bar.open_time_ms < to_ms]

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
