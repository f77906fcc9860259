"""The pipeline: turns ticks and events of one market, in commit order, into decisions.

Live, a restart and a replay differ only in the source of the items. ``feed`` and ``note`` take them one by one, so
results do not depend on the batch size.

A run ends on request, when a leg had no trade for longer than ``longest_gap_ms``, when its break alarm is
raised, when it exceeds ``RUN_BARS``, or when its computation fails. So long gaps are never filled with bars.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from engine.errors import StoreError
from engine.market.bars import Bar
from engine.market.builder import GRACE_MS, BarBuilder
from engine.market.history import History
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.records import Decision, Event, Run, RunEnd
from engine.market.symbol_seconds import Change, Closed
from engine.market.ticks import Tick
from engine.pairs.leg import Leg
from engine.pairs.run import PairRun
from engine.pairs.run_end import ClosingRun
from engine.pairs.settings import PairSettings, longest_gap_ms

SHORTEST_GAP_MS = 60_000  # the shortest gap that can end a run: 2 test windows of 50 bars of 1 s are 100 s
RUN_BARS = 400_000  # a longer run is ended, which bounds its memory

_LegKey = tuple[str, int, int]  # symbol, width in ms, first slot


class Pipeline:
    """One market's bars and the runs that follow them."""

    def __init__(self, history: History, grace_ms: int = GRACE_MS) -> None:
        self.builder = BarBuilder(history, grace_ms)
        self.runs: dict[str, PairRun] = {}
        self._runs_of: dict[str, dict[str, PairRun]] = {}  # by symbol: a second with 190 pairs looks 20 times
        self.closing: dict[str, ClosingRun] = {}
        self._ended: list[RunEnd] = []
        self._history_read: dict[str, tuple[int, int, list[Bar]]] = {}  # by symbol: (after tick, from time, bars)
        self._legs: dict[_LegKey, Leg] = {}
        self._outages: list[tuple[int, int]] = []
        self._down_ms: int | None = None  # the market's clock when the bridge disconnected

    def feed(self, seq: int, tick: Tick) -> list[Decision]:
        """Process the tick stored at ``seq``; returns the decisions it triggered."""
        if self._down_ms is not None and not tick.future and tick.trade_time_ms > self._down_ms:
            self._outages.append((self._down_ms, tick.trade_time_ms))
            self._down_ms = None
        return self._apply(self.builder.feed(seq, tick), seq)

    def note(self, event: Event) -> list[Decision]:
        """Process an event; it lies between the tick ``after_seq`` and the next."""
        if event.kind == "absent" and event.symbol is not None:
            changes = self.builder.absent(event.symbol, int(event.detail["first"]), int(event.detail["last"]))
            return self._apply(changes, event.after_seq)
        if event.kind == "bridge" and event.detail["state"] == "down" and self.builder.watermark_ms:
            self._down_ms = self.builder.watermark_ms if self._down_ms is None else self._down_ms
        return []

    def begins_at(
        self, y: str, x: str, settings: PairSettings, history_bars: int, seq: int, not_before_ms: int = 0
    ) -> int | None:
        """Open time of the first bar of a run that begins after the tick ``seq``: at most ``history_bars`` back, and
        after the last long gap of either leg. None while a leg has no trade, or none after such a gap."""
        width_ms, longest_ms = settings.interval_ms, longest_gap_ms(settings)
        known = {symbol: (self.builder.first_ms(symbol), self.builder.last_ms(symbol)) for symbol in (y, x)}
        earliest_ms = max(self.builder.watermark_ms - history_bars * width_ms, not_before_ms)
        for first_ms, last_ms in known.values():
            if first_ms is None or last_ms is None or self.builder.watermark_ms - last_ms > longest_ms:
                return None
            earliest_ms = max(earliest_ms, first_ms)
        start_ms = earliest_ms = bar_open(earliest_ms, width_ms)
        for symbol in known:
            bars = self.builder.given_out(symbol, earliest_ms, self.builder.watermark_ms + SECOND_MS, seq + 1)
            self._history_read[symbol] = (seq, earliest_ms, bars)
            for before_ms, after_ms in itertools.pairwise([earliest_ms, *(bar.open_time_ms for bar in bars)]):
                if after_ms - before_ms > longest_ms:
                    start_ms = max(start_ms, bar_open(after_ms, width_ms))
        return start_ms

    def begin(self, run: Run, seq: int, known: Iterable[Decision] = ()) -> list[Decision]:
        """Follow a run from now on, after the tick ``seq``; returns the new decisions from its history up to here.

        ``known``: its decisions from before a restart. Equal ones are not returned again.
        """
        legs = [self._leg(symbol, run.interval_ms, run.start_ms, seq) for symbol in (run.y, run.x)]
        self._history_read.clear()
        followed = PairRun(run, legs[0], legs[1], known)
        self.runs[run.run_id] = followed
        for symbol in (run.y, run.x):
            self._runs_of.setdefault(symbol, {})[run.run_id] = followed
        return self._computed(followed, seq, lambda: followed.catch_up(seq, self.builder.watermark_ms))

    def end(self, run_id: str, seq: int, reason: str, detail: str = "", after_ms: int | None = None) -> None:
        """Follow a run no more after the tick ``seq``. An open position is closed at the next tradable bar."""
        run = self.runs.pop(run_id)
        for symbol in (run.run.y, run.run.x):
            del self._runs_of[symbol][run_id]
        self._ended.append(RunEnd(run_id, seq, reason, detail, after_ms))
        entry = run.held()
        if entry is not None:
            width_ms = run.run.interval_ms
            newest_ms = max(self.builder.last_ms(symbol) or 0 for symbol in (run.run.y, run.run.x))
            after_ms = run.model.open_time_ms(run.model.size)
            gap_ms = newest_ms - after_ms
            first_ms = bar_open(newest_ms, width_ms) if gap_ms > run.longest_gap_ms else after_ms
            self._close_position(run.run, (-entry.quantity_y, -entry.quantity_x), first_ms // width_ms, seq)
        self._drop_legs()

    @property
    def has_ended(self) -> bool:
        """Whether ``take_ended`` has results."""
        return bool(self._ended)

    def take_ended(self) -> list[RunEnd]:
        """The runs that have ended since the last call, in order."""
        ended, self._ended = self._ended, []
        return ended

    def state(self) -> dict[str, Any]:
        """The state for a restart, besides the store and the runs, as plain JSON values."""
        closing = [each.state() for each in self.closing.values()]
        return {
            "builder": self.builder.state(), "outages": self._outages, "down_ms": self._down_ms, "closing": closing,
        }  # fmt: skip

    @classmethod
    def resume(cls, state: dict[str, Any], history: History, before_seq: int) -> Pipeline:
        """The pipeline that returned ``state()`` after the tick just before ``before_seq``, without its runs."""
        pipeline = cls(history)
        pipeline.builder = BarBuilder.resume(state["builder"], history, before_seq)
        pipeline._outages = [(start, end) for start, end in state["outages"]]
        pipeline._down_ms = state["down_ms"]
        for each in state.get("closing", ()):  # older states lack it
            quantities = each["quantity_y"], each["quantity_x"]
            pipeline._close_position(Run(**each["run"]), quantities, each["first_slot"], before_seq - 1)
        return pipeline

    def _close_position(self, run: Run, quantities: tuple[float, float], first_slot: int, seq: int) -> None:
        y, x = (self._leg(symbol, run.interval_ms, first_slot * run.interval_ms, seq) for symbol in (run.y, run.x))
        self.closing[run.run_id] = ClosingRun(run, *quantities, first_slot, (y, x))

    def _leg(self, symbol: str, width_ms: int, start_ms: int, seq: int) -> Leg:
        key = (symbol, width_ms, start_ms // width_ms)
        leg = self._legs.get(key)
        if leg is None:
            leg = self._legs[key] = Leg(width_ms, key[2])
            through_ms = self.builder.closed_through(symbol)
            if through_ms is not None and through_ms > start_ms:
                seconds = self._given_out(symbol, start_ms, through_ms, seq)
                leg.close(seconds, through_ms, self.builder.is_touched(symbol), self._outages)
        return leg

    def _given_out(self, symbol: str, from_ms: int, to_ms: int, seq: int) -> list[Bar]:
        """The builder's bars, without reading again what ``begins_at`` has just read."""
        read_at, read_from_ms, bars = self._history_read.get(symbol, (-1, 0, []))
        if read_at == seq and read_from_ms <= from_ms:
            return [bar for bar in bars if from_ms <= bar.open_time_ms < to_ms]
        return self.builder.given_out(symbol, from_ms, to_ms, seq + 1)

    def _drop_legs(self) -> None:
        followed = [run.legs for run in self.runs.values()] + [closing.legs for closing in self.closing.values()]
        used = {leg for legs in followed for leg in legs}
        self._legs = {key: leg for key, leg in self._legs.items() if leg in used}

    def _computed(self, run: PairRun, seq: int, work: Callable[[], list[Decision]]) -> list[Decision]:
        """The result of a run's work. A failed run is ended with its reason; the others continue."""
        try:
            given = work()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - no error may stop the other pairs
            self.end(run.run.run_id, seq, "failed", f"{type(error).__name__}: {error}")
            return []
        if run.model.is_broken:
            self.end(run.run.run_id, seq, "break", run.model.break_kind, run.model.open_time_ms(run.model.size))
        elif run.model.size > RUN_BARS:
            self.end(run.run.run_id, seq, "length")
        return given

    def _apply(self, changes: Iterable[Change], seq: int) -> list[Decision]:
        given: list[Decision] = []
        for change in changes:
            if isinstance(change, Closed):
                given += self._close(change, seq)
            else:
                given += self._revise(change.symbol, change.from_ms, change.to_ms, seq)
        return given

    def _close(self, change: Closed, seq: int) -> list[Decision]:
        self._end_silent(change, seq)
        is_touched = self.builder.is_touched(change.symbol)
        grown = {
            leg
            for leg in self._of_symbol(change.symbol)
            if leg.close(change.bars, change.through_ms, is_touched, self._outages)
        }
        given: list[Decision] = []
        if grown:
            for run in self._following(change.symbol):
                if not grown.isdisjoint(run.legs):
                    given += self._catch_up(run, seq)
            given += self._exits(change.symbol, seq)
        return given

    def _catch_up(self, run: PairRun, seq: int) -> list[Decision]:
        return self._computed(run, seq, lambda: run.catch_up(seq, self.builder.watermark_ms))

    def _exits(self, symbol: str, seq: int) -> list[Decision]:
        """Positions of ended runs that can be closed now."""
        given = []
        for closing in [each for each in self.closing.values() if symbol in (each.run.y, each.run.x)]:
            found = closing.catch_up(seq, self.builder.watermark_ms)
            if found is not None:
                given.append(found)
                del self.closing[closing.run.run_id]
        if given:
            self._drop_legs()
        return given

    def _end_silent(self, change: Closed, seq: int) -> None:
        """End the runs with a leg that was silent for too long, before any bars are filled through the gap."""
        times_ms = [*(bar.open_time_ms for bar in change.bars), change.through_ms]
        silence_ms = {leg: leg.longest_silence_ms(times_ms) for leg in self._of_symbol(change.symbol)}
        if max(silence_ms.values(), default=0) <= SHORTEST_GAP_MS:
            return
        for run in self._following(change.symbol):
            longest_ms = max(silence_ms.get(leg, 0) for leg in run.legs)
            if longest_ms > run.longest_gap_ms:
                self.end(run.run.run_id, seq, "gap", f"{change.symbol} had no trade for {longest_ms // SECOND_MS} s")
        for closing in [each for each in self.closing.values() if change.symbol in (each.run.y, each.run.x)]:
            longest_ms = max(silence_ms.get(leg, 0) for leg in closing.legs)
            if longest_ms > longest_gap_ms(closing.settings):  # look for a bar after this gap too
                first_slot = change.through_ms // closing.run.interval_ms
                quantities = closing.quantity_y, closing.quantity_x
                self._close_position(closing.run, quantities, first_slot, seq)
        self._drop_legs()

    def _revise(self, symbol: str, from_ms: int, to_ms: int, seq: int) -> list[Decision]:
        is_touched = self.builder.is_touched(symbol)

        def seconds(start_ms: int, end_ms: int) -> list[Bar]:
            return self.builder.given_out(symbol, start_ms, end_ms, seq + 1)

        changed: dict[Leg, int] = {}  # the first slot that may differ
        for leg in self._of_symbol(symbol):
            if to_ms > leg.first_slot * leg.width_ms:
                changed[leg] = leg.first_slot + leg.revise(from_ms, to_ms, seconds, is_touched, self._outages)
        given: list[Decision] = []
        for run in self._following(symbol):
            slots = [changed[leg] for leg in run.legs if leg in changed]
            if slots:
                given += self._redo(run, min(slots), seq)
        return given

    def _redo(self, run: PairRun, slot: int, seq: int) -> list[Decision]:
        return self._computed(run, seq, lambda: run.revise(slot, seq, self.builder.watermark_ms))

    def _of_symbol(self, symbol: str) -> list[Leg]:
        return [leg for (of, _, _), leg in self._legs.items() if of == symbol]

    def _following(self, symbol: str) -> list[PairRun]:
        return list(self._runs_of.get(symbol, {}).values())
