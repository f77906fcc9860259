"""When a one-second bar is given out, and when it is given out again.

The builder takes one market's ticks and events one by one, in the order in which they were stored,
and returns what became known with each. Since it looks at nothing else, reading the store in any
number of pieces gives the same changes in the same order.

A second is *closed* once a later tick of its symbol follows without a gap between, or once the
market's watermark (the latest believable trade time over its symbols) is ``GRACE_MS`` past its end.
A tick that lands in a closed second makes it *stale*; it is given out again, revised, when the
symbol has moved on without a gap around it, or at the watermark's next second; beside an open gap
when the gap closes, or ``HOLD_MS`` later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from engine.market.bars import Bar, SecondFold, second_bar
from engine.market.coverage import Arrival, Coverage, Gap
from engine.market.history import History
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.spans import KeyedSpans
from engine.market.ticks import Tick

GRACE_MS = 2_000
HOLD_MS = 10_000  # a stale second beside an open gap is held back so long, so that a fill revises it once


class Closed(NamedTuple):
    """Every second of ``symbol`` before ``through_ms`` has now been given out; ``bars`` are the new ones."""

    symbol: str
    through_ms: int
    bars: tuple[Bar, ...]


class Revised(NamedTuple):
    """Seconds in ``[from_ms, to_ms)`` that were given out changed: these bars, or whether a gap touches them."""

    symbol: str
    from_ms: int
    to_ms: int
    bars: tuple[Bar, ...]


Change = Closed | Revised


@dataclass(slots=True)
class _Series:
    """What the builder knows of one symbol."""

    coverage: Coverage
    first_ms: int  # time of the oldest tick
    last_ms: int  # time of the newest tick
    closed_through: int
    folds: dict[int, SecondFold] = field(default_factory=dict)
    stale: dict[int, tuple[int, int]] = field(default_factory=dict)  # second: first seq not given out, watermark then
    spans: KeyedSpans[Gap] = field(default_factory=KeyedSpans)  # by missing run: seconds [from, to) it touches
    freed: dict[Gap, tuple[int, int, int]] = field(default_factory=dict)  # by gap partly filled: [from, to), since


class BarBuilder:
    """Closings and revisions of one market's one-second bars."""

    def __init__(self, history: History, grace_ms: int = GRACE_MS) -> None:
        self._history = history
        self._grace_ms = grace_ms
        self._series: dict[str, _Series] = {}
        self.watermark_ms = 0

    def feed(self, seq: int, tick: Tick) -> list[Change]:
        """Take the tick stored at ``seq``; returns what it made known, mostly nothing."""
        series = self._series.get(tick.symbol)
        if series is None:
            series = self._open(tick)
        previous_ms = series.last_ms
        run = series.coverage.run_at(tick.agg_id)
        arrival, gap = series.coverage.add(tick.agg_id)
        if arrival is Arrival.KNOWN:
            return []
        if not tick.future:
            self._fold(series, tick, seq)
        changes: list[Change] = []
        if arrival is Arrival.FILL and run is not None and gap is not None:
            changes += self._fill(series, run, gap, tick)
        elif gap is not None:
            changes += self._open_gap(series, gap, arrival, tick, previous_ms)
        if arrival is Arrival.BEFORE:
            series.first_ms = min(series.first_ms, tick.trade_time_ms)
        if changes or bar_open(series.last_ms, SECOND_MS) > bar_open(previous_ms, SECOND_MS):
            changes += self._settle(tick.symbol, series, swept=False)
        return changes + self._advance(tick)

    def absent(self, symbol: str, first: int, last: int) -> list[Change]:
        """The exchange has no ids ``first..last``: nothing is missing there."""
        series = self._series.get(symbol)
        if series is None:
            return []
        touched = series.coverage.missing_in(first, last)
        series.coverage.account_for(first, last)
        changes: list[Change] = []
        for gap, run in touched:
            span = series.spans.pop(run)
            for left in series.coverage.missing_of(gap):
                if run.first <= left.first <= run.last:
                    series.spans[left] = span
            changes += self._free(symbol, series, gap, span)
        return changes + self._settle(symbol, series, swept=False)

    def closed_through(self, symbol: str) -> int | None:
        """Every second before this has been given out; None before the symbol's first tick."""
        series = self._series.get(symbol)
        return None if series is None else series.closed_through

    def first_ms(self, symbol: str) -> int | None:
        """Time of the symbol's oldest tick; None before it has one."""
        series = self._series.get(symbol)
        return None if series is None else series.first_ms

    def last_ms(self, symbol: str) -> int | None:
        """Time of the symbol's newest believable trade; None before its first tick."""
        series = self._series.get(symbol)
        return None if series is None else series.last_ms

    def last_price(self, symbol: str) -> float | None:
        """Price of the symbol's newest believable trade, complete second or not; None before it has one."""
        series = self._series.get(symbol)
        return None if series is None or not series.folds else series.folds[max(series.folds)].bar().close

    @property
    def symbol_count(self) -> int:
        """How many symbols have a tick."""
        return len(self._series)

    def symbols(self) -> list[str]:
        """Every symbol with a tick, sorted."""
        return sorted(self._series)

    def gap_spans(self, symbol: str) -> list[tuple[int, int]]:
        """The stretches ``[from_ms, to_ms)`` of whole seconds that an open gap touches."""
        series = self._series.get(symbol)
        return [] if series is None else sorted({*series.spans.index, *(free[:2] for free in series.freed.values())})

    def gap_count(self, symbol: str) -> int:
        """How many stretches an open gap touches."""
        series = self._series.get(symbol)
        return 0 if series is None else len(series.spans.index) + len(series.freed)

    def is_touched(self, symbol: str) -> Callable[[int, int], bool]:
        """Whether an open gap touches a moment of ``[from_ms, to_ms)``, as a function of both."""
        series = self._series.get(symbol)
        return partial(_touches, series) if series is not None else _untouched

    def given_out(self, symbol: str, from_ms: int, to_ms: int, before_seq: int) -> list[Bar]:
        """The bars of ``[from_ms, to_ms)`` as they were last given out: without what makes some of them stale."""
        bars = self._history.bars(symbol, from_ms, to_ms, before_seq)
        series = self._series.get(symbol)
        if series is None or not series.stale:
            return bars
        kept: list[Bar] = []
        for bar in bars:
            stale = series.stale.get(bar.open_time_ms)
            if stale is None:
                kept.append(bar)
            elif ticks := list(self._history.ticks(symbol, bar.open_time_ms, stale[0])):
                kept.append(second_bar(bar.open_time_ms, ticks))
        return kept

    def forming(self, symbol: str) -> list[Bar]:
        """The bars so far of the seconds not given out yet, in time order."""
        series = self._series.get(symbol)
        if series is None:
            return []
        return [fold.bar() for at, fold in sorted(series.folds.items()) if at >= series.closed_through]

    def state(self) -> dict[str, Any]:
        """All that a restart needs, as plain JSON values; folds are recalled when a tick asks for them."""
        return {
            "watermark_ms": self.watermark_ms,
            "grace_ms": self._grace_ms,
            "series": {
                symbol: {
                    "first": series.coverage.first,
                    "high_water": series.coverage.high_water,
                    "missing": series.coverage.missing(),
                    "first_ms": series.first_ms,
                    "last_ms": series.last_ms,
                    "closed_through": series.closed_through,
                    "stale": sorted(series.stale.items()),
                    "spans": series.spans.items(),
                    "freed": list(series.freed.items()),
                    "open": sorted(series.folds),
                }
                for symbol, series in self._series.items()
            },
        }

    @classmethod
    def resume(cls, state: dict[str, Any], history: History, before_seq: int) -> BarBuilder:
        """The builder that gave ``state()`` after the tick just before ``before_seq``."""
        builder = cls(history, state["grace_ms"])
        builder.watermark_ms = state["watermark_ms"]
        for symbol, kept in state["series"].items():
            missing = [(Gap(*gap), Gap(*run)) for gap, run in kept["missing"]]
            builder._series[symbol] = _Series(
                coverage=Coverage(kept["first"], kept["high_water"], missing),
                first_ms=kept["first_ms"],
                last_ms=kept["last_ms"],
                closed_through=kept["closed_through"],
                folds={at: SecondFold(at, history.ticks(symbol, at, before_seq)) for at in kept["open"]},
                stale={at: (seq, since_ms) for at, (seq, since_ms) in kept["stale"]},
                spans=KeyedSpans((Gap(*run), (start, end)) for run, (start, end) in kept["spans"]),
                freed={Gap(*gap): (start, end, since) for gap, (start, end, since) in kept["freed"]},
            )
        return builder

    def _open(self, tick: Tick) -> _Series:
        # An unbelievable first tick says nothing about when trading was: the watermark stands in for it.
        time_ms = self.watermark_ms if tick.future else tick.trade_time_ms
        series = _Series(Coverage(), time_ms, time_ms, bar_open(time_ms, SECOND_MS))
        self._series[tick.symbol] = series
        return series

    def _fold(self, series: _Series, tick: Tick, seq: int) -> None:
        second = bar_open(tick.trade_time_ms, SECOND_MS)
        fold = series.folds.get(second)
        if fold is None:
            # Only a second that the symbol has already reached can have earlier ticks.
            known = second <= bar_open(series.last_ms, SECOND_MS)
            ticks = self._history.ticks(tick.symbol, second, seq) if known else ()
            fold = series.folds[second] = SecondFold(second, ticks)
        fold.add(tick)
        if second < series.closed_through:
            series.stale.setdefault(second, (seq, self.watermark_ms))
        series.last_ms = max(series.last_ms, tick.trade_time_ms)

    def _open_gap(self, series: _Series, gap: Gap, arrival: Arrival, tick: Tick, previous_ms: int) -> list[Change]:
        """Ids are missing between two trades: all seconds from the one to the other may change."""
        time_ms = self.watermark_ms if tick.future else tick.trade_time_ms
        start_ms, end_ms = (time_ms, series.first_ms) if arrival is Arrival.BEFORE else (previous_ms, time_ms)
        start_ms = bar_open(start_ms, SECOND_MS)
        end_ms = max(bar_open(end_ms, SECOND_MS), start_ms) + SECOND_MS
        series.spans[gap] = (start_ms, end_ms)  # so far all of the gap is one missing run
        if start_ms < series.closed_through:  # given out by grace, before anyone could know of the gap
            return [Revised(tick.symbol, start_ms, min(end_ms, series.closed_through), ())]
        return []

    def _fill(self, series: _Series, run: Gap, gap: Gap, tick: Tick) -> list[Change]:
        """A missing id came: what is left of its run touches less."""
        start_ms, end_ms = span = series.spans.pop(run)
        split_ms = bar_open(tick.trade_time_ms, SECOND_MS)
        if run.first < tick.agg_id:
            left_end_ms = end_ms if tick.future else min(split_ms + SECOND_MS, end_ms)
            series.spans[Gap(run.first, tick.agg_id - 1)] = (start_ms, left_end_ms)
        if run.last > tick.agg_id:
            right_start_ms = start_ms if tick.future else max(split_ms, start_ms)
            series.spans[Gap(tick.agg_id + 1, run.last)] = (right_start_ms, end_ms)
        return self._free(tick.symbol, series, gap, span)

    def _free(self, symbol: str, series: _Series, gap: Gap, span: tuple[int, int]) -> list[Change]:
        """What ``span`` touched may be clear now: given out again when the gap closes, or ``HOLD_MS`` later."""
        start_ms, end_ms, since_ms = series.freed.pop(gap, (*span, self.watermark_ms))
        start_ms, end_ms = min(start_ms, span[0]), max(end_ms, span[1])
        if series.coverage.is_open(gap):
            series.freed[gap] = (start_ms, end_ms, since_ms)
            return []
        return self._give_again(symbol, series, start_ms, end_ms)

    def _give_again(self, symbol: str, series: _Series, start_ms: int, end_ms: int) -> list[Change]:
        end_ms = min(end_ms, series.closed_through)
        if start_ms >= end_ms:
            return []
        settled = [at for at in series.stale if start_ms <= at < end_ms and not _in_spans(series, at)]
        return [self._revise(symbol, series, settled, start_ms, end_ms)]

    def _advance(self, tick: Tick) -> list[Change]:
        """Move the watermark; at each new second of it, close what is past its grace on every symbol."""
        if tick.future or tick.trade_time_ms <= self.watermark_ms:
            return []
        before = bar_open(self.watermark_ms, SECOND_MS)
        self.watermark_ms = tick.trade_time_ms
        if bar_open(self.watermark_ms, SECOND_MS) == before:
            return []
        changes: list[Change] = []
        for symbol, series in self._series.items():
            changes += self._settle(symbol, series, swept=True)
        return changes

    def _settle(self, symbol: str, series: _Series, swept: bool) -> list[Change]:
        changes: list[Change] = []
        for gap, (start_ms, end_ms, since_ms) in list(series.freed.items()):
            if self.watermark_ms - since_ms >= HOLD_MS:
                del series.freed[gap]
                changes += self._give_again(symbol, series, start_ms, end_ms)
        reached = bar_open(series.last_ms, SECOND_MS)
        settled = [
            at
            for at, (_, since_ms) in series.stale.items()
            if (self.watermark_ms - since_ms >= HOLD_MS if _in_spans(series, at) else swept or at < reached)
        ]
        if settled:
            changes.append(self._revise(symbol, series, settled, min(settled), max(settled) + SECOND_MS))
        through = max(self._contiguous_through(series), bar_open(self.watermark_ms - self._grace_ms, SECOND_MS))
        if through > series.closed_through:
            due = sorted(at for at in series.folds if series.closed_through <= at < through)
            changes.append(Closed(symbol, through, tuple(series.folds[at].bar() for at in due)))
            series.closed_through = through
            self._forget(series)
        return changes

    def _revise(self, symbol: str, series: _Series, settled: list[int], from_ms: int, to_ms: int) -> Revised:
        bars = tuple(series.folds[at].bar() for at in sorted(settled))
        for at in settled:
            del series.stale[at]
        self._forget(series)
        return Revised(symbol, from_ms, to_ms, bars)

    def _contiguous_through(self, series: _Series) -> int:
        """Up to here no id can be missing or still to come: before the first gap not yet passed."""
        reached = bar_open(series.last_ms, SECOND_MS)
        ahead = series.spans.index.first_after(series.closed_through)
        return reached if ahead is None else min(reached, ahead)

    def _forget(self, series: _Series) -> None:
        """Drop the folds that no in-order tick can touch any more; a late one recalls its second."""
        reached = bar_open(series.last_ms, SECOND_MS)
        for at in [at for at in series.folds if at < series.closed_through and at < reached and at not in series.stale]:
            del series.folds[at]


def _in_spans(series: _Series, second_ms: int) -> bool:
    return _touches(series, second_ms, second_ms + SECOND_MS)


def _touches(series: _Series, from_ms: int, to_ms: int) -> bool:
    if series.spans.index.touches(from_ms, to_ms):
        return True
    return any(start < to_ms and end > from_ms for start, end, _ in series.freed.values())


def _untouched(_from_ms: int, _to_ms: int) -> bool:
    return False
