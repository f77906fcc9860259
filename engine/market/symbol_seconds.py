"""One symbol's seconds until they are emitted: folds, gaps, and stale seconds (see ``engine.market.builder``).

Everything is a function of the symbol's ticks and gaps and of the market's watermark, passed by the builder.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.market.bars import Bar, SecondFold, second_bar
from engine.market.coverage import Arrival, Coverage, Gap
from engine.market.history import History
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.spans import KeyedSpans
from engine.market.ticks import Tick

HOLD_MS = 10_000  # delay of a stale second next to an open gap, so that a fill revises it once


class Closed(NamedTuple):
    """Every second of ``symbol`` before ``through_ms`` has now been emitted; ``bars`` are the new ones."""

    symbol: str
    through_ms: int
    bars: tuple[Bar, ...]


class Revised(NamedTuple):
    """Emitted seconds in ``[from_ms, to_ms)`` changed: these bars, or whether a gap overlaps them."""

    symbol: str
    from_ms: int
    to_ms: int
    bars: tuple[Bar, ...]


Change = Closed | Revised


class SymbolSeconds:
    """The builder's state of one symbol. ``watermark_ms`` is always the market's current one."""

    def __init__(self, symbol: str, history: History, grace_ms: int, time_ms: int) -> None:
        """``time_ms``: when its first tick was traded."""
        self.symbol = symbol
        self.first_ms = time_ms  # of the oldest tick
        self.last_ms = time_ms  # of the newest
        self.closed_through = bar_open(time_ms, SECOND_MS)
        self.folds: dict[int, SecondFold] = {}
        self.spans: KeyedSpans[Gap] = KeyedSpans()  # by missing run: the seconds [from, to) it overlaps
        self.freed: dict[Gap, tuple[int, int, int]] = {}  # by gap partly filled: [from, to), since
        self._history = history
        self._grace_ms = grace_ms
        self._coverage = Coverage()
        self._stale: dict[int, tuple[int, int]] = {}  # second: first seq not emitted, watermark then

    @property
    def newest_id(self) -> int | None:
        """Highest aggregate trade id; None before the first."""
        return self._coverage.high_water

    def feed(self, seq: int, tick: Tick, watermark_ms: int) -> list[Change] | None:
        """Process the tick stored at ``seq``; returns the changes it caused, None for a known id."""
        previous_ms = self.last_ms
        run = self._coverage.run_at(tick.agg_id)
        arrival, gap = self._coverage.add(tick.agg_id)
        if arrival is Arrival.KNOWN:
            return None
        if not tick.future:
            self._fold(tick, seq, watermark_ms)
        changes: list[Change] = []
        if arrival is Arrival.FILL and run is not None and gap is not None:
            changes += self._fill(run, gap, tick, watermark_ms)
        elif gap is not None:
            changes += self._open_gap(gap, arrival, tick, previous_ms, watermark_ms)
        if arrival is Arrival.BEFORE:
            changes += self._begin_earlier(tick.trade_time_ms, is_told=gap is not None)
        if changes or bar_open(self.last_ms, SECOND_MS) > bar_open(previous_ms, SECOND_MS):
            changes += self.settle(watermark_ms, swept=False)
        return changes

    def absent(self, first: int, last: int, watermark_ms: int) -> list[Change]:
        """The exchange has no ids ``first..last``: they are not missing."""
        touched = self._coverage.missing_in(first, last)
        self._coverage.account_for(first, last)
        changes: list[Change] = []
        for gap, run in touched:
            span = self.spans.pop(run)
            for left in self._coverage.missing_of(gap):
                if run.first <= left.first <= run.last:
                    self.spans[left] = span
            changes += self._free(gap, span, watermark_ms)
        return changes + self.settle(watermark_ms, swept=False)

    def settle(self, watermark_ms: int, swept: bool) -> list[Change]:
        """Emit and revise what is due; ``swept``: the market's watermark has reached a new second."""
        changes: list[Change] = []
        for gap, (start_ms, end_ms, since_ms) in list(self.freed.items()):
            if watermark_ms - since_ms >= HOLD_MS:
                del self.freed[gap]
                changes += self._give_again(start_ms, end_ms)
        reached = bar_open(self.last_ms, SECOND_MS)
        settled = [
            at
            for at, (_, since_ms) in self._stale.items()
            if (watermark_ms - since_ms >= HOLD_MS if self._in_gap(at) else swept or at < reached)
        ]
        if settled:
            changes.append(self._revise(settled, min(settled), max(settled) + SECOND_MS))
        through = max(self._contiguous_through(), bar_open(watermark_ms - self._grace_ms, SECOND_MS))
        if through > self.closed_through:
            due = sorted(at for at in self.folds if self.closed_through <= at < through)
            changes.append(Closed(self.symbol, through, tuple(self.folds[at].bar() for at in due)))
            self.closed_through = through
            self._forget()
        return changes

    def touches(self, from_ms: int, to_ms: int) -> bool:
        """Whether an open gap overlaps ``[from_ms, to_ms)``."""
        if self.spans.index.touches(from_ms, to_ms):
            return True
        return any(start < to_ms and end > from_ms for start, end, _ in self.freed.values())

    def given_out(self, from_ms: int, to_ms: int, before_seq: int) -> list[Bar]:
        """The bars of ``[from_ms, to_ms)`` as last emitted, without the ticks that make some of them stale."""
        bars = self._history.bars(self.symbol, from_ms, to_ms, before_seq)
        if not self._stale:
            return bars
        kept: list[Bar] = []
        for bar in bars:
            stale = self._stale.get(bar.open_time_ms)
            if stale is None:
                kept.append(bar)
            elif ticks := list(self._history.ticks(self.symbol, bar.open_time_ms, stale[0])):
                kept.append(second_bar(bar.open_time_ms, ticks))
        return kept

    def forming(self) -> list[Bar]:
        """The partial bars of the seconds not emitted yet, in time order."""
        return [fold.bar() for at, fold in sorted(self.folds.items()) if at >= self.closed_through]

    def state(self) -> dict[str, Any]:
        """The state for a restart, as plain JSON values; folds are reloaded when a tick needs them."""
        return {
            "first": self._coverage.first,
            "high_water": self._coverage.high_water,
            "missing": self._coverage.missing(),
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
            "closed_through": self.closed_through,
            "stale": sorted(self._stale.items()),
            "spans": self.spans.items(),
            "freed": list(self.freed.items()),
            "open": sorted(self.folds),
        }

    @classmethod
    def resume(
        cls, symbol: str, kept: dict[str, Any], history: History, grace_ms: int, before_seq: int
    ) -> SymbolSeconds:
        """The symbol that returned ``state()`` after the tick just before ``before_seq``."""
        series = cls(symbol, history, grace_ms, kept["last_ms"])
        missing = [(Gap(*gap), Gap(*run)) for gap, run in kept["missing"]]
        series._coverage = Coverage(kept["first"], kept["high_water"], missing)
        series.first_ms, series.closed_through = kept["first_ms"], kept["closed_through"]
        series.folds = {at: SecondFold(at, history.ticks(symbol, at, before_seq)) for at in kept["open"]}
        series._stale = {at: (seq, since_ms) for at, (seq, since_ms) in kept["stale"]}
        series.spans = KeyedSpans((Gap(*run), (start, end)) for run, (start, end) in kept["spans"])
        series.freed = {Gap(*gap): (start, end, since) for gap, (start, end, since) in kept["freed"]}
        return series

    def _fold(self, tick: Tick, seq: int, watermark_ms: int) -> None:
        second = bar_open(tick.trade_time_ms, SECOND_MS)
        fold = self.folds.get(second)
        if fold is None:
            # Only a second that the symbol has already reached can have earlier ticks.
            known = second <= bar_open(self.last_ms, SECOND_MS)
            ticks = self._history.ticks(self.symbol, second, seq) if known else ()
            fold = self.folds[second] = SecondFold(second, ticks)
        fold.add(tick)
        if second < self.closed_through:
            self._stale.setdefault(second, (seq, watermark_ms))
        self.last_ms = max(self.last_ms, tick.trade_time_ms)

    def _open_gap(self, gap: Gap, arrival: Arrival, tick: Tick, previous_ms: int, watermark_ms: int) -> list[Change]:
        """Ids are missing between two trades: all seconds between them may change."""
        time_ms = watermark_ms if tick.future else tick.trade_time_ms
        start_ms, end_ms = (time_ms, self.first_ms) if arrival is Arrival.BEFORE else (previous_ms, time_ms)
        start_ms = bar_open(start_ms, SECOND_MS)
        end_ms = max(bar_open(end_ms, SECOND_MS), start_ms) + SECOND_MS
        self.spans[gap] = (start_ms, end_ms)  # so far all of the gap is one missing run
        if start_ms < self.closed_through:  # emitted by grace, before the gap was known
            return [Revised(self.symbol, start_ms, min(end_ms, self.closed_through), ())]
        return []

    def _begin_earlier(self, time_ms: int, is_told: bool) -> list[Change]:
        """Ticks may reach further back now: in the seconds between, what stood in for them has to go."""
        start_ms, end_ms = bar_open(time_ms, SECOND_MS), bar_open(self.first_ms, SECOND_MS) + SECOND_MS
        end_ms = min(end_ms, self.closed_through)
        self.first_ms = min(self.first_ms, time_ms)
        return [] if is_told or start_ms >= end_ms else [Revised(self.symbol, start_ms, end_ms, ())]

    def _fill(self, run: Gap, gap: Gap, tick: Tick, watermark_ms: int) -> list[Change]:
        """A missing id arrived: the rest of its run overlaps fewer seconds."""
        start_ms, end_ms = span = self.spans.pop(run)
        split_ms = bar_open(tick.trade_time_ms, SECOND_MS)
        if run.first < tick.agg_id:
            left_end_ms = end_ms if tick.future else min(split_ms + SECOND_MS, end_ms)
            self.spans[Gap(run.first, tick.agg_id - 1)] = (start_ms, left_end_ms)
        if run.last > tick.agg_id:
            right_start_ms = start_ms if tick.future else max(split_ms, start_ms)
            self.spans[Gap(tick.agg_id + 1, run.last)] = (right_start_ms, end_ms)
        return self._free(gap, span, watermark_ms)

    def _free(self, gap: Gap, span: tuple[int, int], watermark_ms: int) -> list[Change]:
        """The seconds of ``span`` may now be complete: emit them again when the gap closes, or ``HOLD_MS`` later."""
        start_ms, end_ms, since_ms = self.freed.pop(gap, (*span, watermark_ms))
        start_ms, end_ms = min(start_ms, span[0]), max(end_ms, span[1])
        if self._coverage.is_open(gap):
            self.freed[gap] = (start_ms, end_ms, since_ms)
            return []
        return self._give_again(start_ms, end_ms)

    def _give_again(self, start_ms: int, end_ms: int) -> list[Change]:
        end_ms = min(end_ms, self.closed_through)
        if start_ms >= end_ms:
            return []
        settled = [at for at in self._stale if start_ms <= at < end_ms and not self._in_gap(at)]
        return [self._revise(settled, start_ms, end_ms)]

    def _revise(self, settled: list[int], from_ms: int, to_ms: int) -> Revised:
        bars = tuple(self.folds[at].bar() for at in sorted(settled))
        for at in settled:
            del self._stale[at]
        self._forget()
        return Revised(self.symbol, from_ms, to_ms, bars)

    def _contiguous_through(self) -> int:
        """Up to here no id is missing or still expected: before the first gap not yet passed."""
        reached = bar_open(self.last_ms, SECOND_MS)
        ahead = self.spans.index.first_after(self.closed_through)
        return reached if ahead is None else min(reached, ahead)

    def _forget(self) -> None:
        """Drop the folds that no in-order tick can change; a late tick reloads its second."""
        reached = bar_open(self.last_ms, SECOND_MS)
        for at in [at for at in self.folds if at < self.closed_through and at < reached and at not in self._stale]:
            del self.folds[at]

    def _in_gap(self, second_ms: int) -> bool:
        return self.touches(second_ms, second_ms + SECOND_MS)
