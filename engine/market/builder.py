"""Decides when a one-second bar is emitted, and when it is emitted again as a revision.

The builder takes one market's ticks and events one by one in commit order, and returns the changes that each caused. It
has no other input, so reading the store in any number of pieces gives the same changes in the same order.

A second is *closed* once a later tick of its symbol follows without a gap between, or once the market's watermark (the
latest plausible trade time over its symbols) is ``GRACE_MS`` past its end. A tick in a closed second makes it *stale*;
the builder emits a revision when a later tick of the symbol follows without a gap between, or at the watermark's next
second; next to an open gap when the gap closes, or ``HOLD_MS`` later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.market.bars import Bar
from engine.market.history import History
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.symbol_seconds import Change, SymbolSeconds
from engine.market.ticks import Tick

GRACE_MS = 2_000


class BarBuilder:
    """Closings and revisions of one market's one-second bars."""

    def __init__(self, history: History, grace_ms: int = GRACE_MS) -> None:
        self._history = history
        self._grace_ms = grace_ms
        self._series: dict[str, SymbolSeconds] = {}
        self.watermark_ms = 0

    def feed(self, seq: int, tick: Tick) -> list[Change]:
        """Process the tick stored at ``seq``; returns the changes it caused, usually none."""
        series = self._series.get(tick.symbol)
        if series is None:
            # The time of an implausible first tick is useless: use the watermark instead.
            time_ms = self.watermark_ms if tick.future else tick.trade_time_ms
            series = self._series[tick.symbol] = SymbolSeconds(tick.symbol, self._history, self._grace_ms, time_ms)
        changes = series.feed(seq, tick, self.watermark_ms)
        return [] if changes is None else changes + self._advance(tick)

    def absent(self, symbol: str, first: int, last: int) -> list[Change]:
        """The exchange has no ids ``first..last``: they are not missing."""
        series = self._series.get(symbol)
        return [] if series is None else series.absent(first, last, self.watermark_ms)

    def closed_through(self, symbol: str) -> int | None:
        """Every second before this has been emitted; None before the symbol's first tick."""
        series = self._series.get(symbol)
        return None if series is None else series.closed_through

    def first_ms(self, symbol: str) -> int | None:
        """Time of the symbol's oldest tick; None before it has one."""
        series = self._series.get(symbol)
        return None if series is None else series.first_ms

    def last_ms(self, symbol: str) -> int | None:
        """Time of the symbol's newest plausible trade; None before its first tick."""
        series = self._series.get(symbol)
        return None if series is None else series.last_ms

    def newest_id(self, symbol: str) -> int | None:
        """Highest aggregate trade id of the symbol; None before its first tick."""
        series = self._series.get(symbol)
        return None if series is None else series.newest_id

    def last_price(self, symbol: str) -> float | None:
        """Price of the symbol's newest plausible trade, in a complete second or not; None before it has one."""
        series = self._series.get(symbol)
        return None if series is None or not series.folds else series.folds[max(series.folds)].bar().close

    @property
    def symbol_count(self) -> int:
        """The number of symbols with a tick."""
        return len(self._series)

    def symbols(self) -> list[str]:
        """Every symbol with a tick, sorted."""
        return sorted(self._series)

    def gap_spans(self, symbol: str) -> list[tuple[int, int]]:
        """The spans ``[from_ms, to_ms)`` of whole seconds that overlap an open gap."""
        series = self._series.get(symbol)
        return [] if series is None else sorted({*series.spans.index, *(free[:2] for free in series.freed.values())})

    def gap_count(self, symbol: str) -> int:
        """The number of spans of whole seconds that overlap an open gap."""
        series = self._series.get(symbol)
        return 0 if series is None else len(series.spans.index) + len(series.freed)

    def is_touched(self, symbol: str) -> Callable[[int, int], bool]:
        """A function of ``from_ms`` and ``to_ms``: whether an open gap overlaps ``[from_ms, to_ms)``."""
        series = self._series.get(symbol)
        return _untouched if series is None else series.touches

    def given_out(self, symbol: str, from_ms: int, to_ms: int, before_seq: int) -> list[Bar]:
        """The bars of ``[from_ms, to_ms)`` as last emitted, without the ticks that make some of them stale."""
        series = self._series.get(symbol)
        if series is None:
            return self._history.bars(symbol, from_ms, to_ms, before_seq)
        return series.given_out(from_ms, to_ms, before_seq)

    def forming(self, symbol: str) -> list[Bar]:
        """The partial bars of the seconds not emitted yet, in time order."""
        series = self._series.get(symbol)
        return [] if series is None else series.forming()

    def state(self) -> dict[str, Any]:
        """The state for a restart, as plain JSON values."""
        series = {symbol: each.state() for symbol, each in self._series.items()}
        return {"watermark_ms": self.watermark_ms, "grace_ms": self._grace_ms, "series": series}

    @classmethod
    def resume(cls, state: dict[str, Any], history: History, before_seq: int) -> BarBuilder:
        """The builder that returned ``state()`` after the tick just before ``before_seq``."""
        builder = cls(history, state["grace_ms"])
        builder.watermark_ms = state["watermark_ms"]
        for symbol, kept in state["series"].items():
            builder._series[symbol] = SymbolSeconds.resume(symbol, kept, history, state["grace_ms"], before_seq)
        return builder

    def _advance(self, tick: Tick) -> list[Change]:
        """Move the watermark; at each new second, close the seconds past their grace on every symbol."""
        if tick.future or tick.trade_time_ms <= self.watermark_ms:
            return []
        before = bar_open(self.watermark_ms, SECOND_MS)
        self.watermark_ms = tick.trade_time_ms
        if bar_open(self.watermark_ms, SECOND_MS) == before:
            return []
        changes: list[Change] = []
        for series in self._series.values():
            changes += series.settle(self.watermark_ms, swept=True)
        return changes


def _untouched(_from_ms: int, _to_ms: int) -> bool:
    return False
