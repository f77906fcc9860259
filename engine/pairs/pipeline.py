"""The pipeline: turns ticks, events and bars of one market, in commit order, into decisions.

Live, a restart and a replay differ only in the source of the items. ``feed`` and ``note`` take them one by one, so
results do not depend on the batch size.

A run ends on request, when a leg had no trade for longer than ``longest_gap_ms``, when its break alarm is
raised, when it exceeds ``RUN_BARS``, or when its computation fails. So long gaps are never filled with bars.

Bars that were not made from ticks (``StandIns``) stand in where ticks are not whole. A symbol with ticks is led by
them: a bar is complete when its ticks are. One without any is led by the other bars alone, until its first tick.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from engine.errors import StoreError
from engine.market.builder import GRACE_MS, BarBuilder
from engine.market.history import History
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.records import Decision, Event, Run, RunEnd
from engine.market.symbol_seconds import Change, Closed
from engine.market.ticks import Tick
from engine.pairs.known_times import KnownTimes
from engine.pairs.leg import Leg
from engine.pairs.legs import Legs
from engine.pairs.run import PairRun
from engine.pairs.run_end import ClosingRun
from engine.pairs.settings import PairSettings, longest_gap_ms
from engine.pairs.stand_ins import StandIns

SHORTEST_GAP_MS = 60_000  # the shortest gap that can end a run: 2 test windows of 50 bars of 1 s are 100 s
RUN_BARS = 400_000  # a longer run is ended, which bounds its memory


class Pipeline:
    """One market's bars and the runs that follow them."""

    def __init__(self, history: History, grace_ms: int = GRACE_MS) -> None:
        self.builder = BarBuilder(history, grace_ms)
        self.stand_ins = StandIns(history)
        self.runs: dict[str, PairRun] = {}
        self.runs_version = 0  # grows with each run that begins or ends
        self._runs_of: dict[str, dict[str, PairRun]] = {}  # by symbol: a second with 190 pairs looks 20 times
        self.closing: dict[str, ClosingRun] = {}
        self._ended: list[tuple[RunEnd, PairRun]] = []
        self.on_bars: Callable[[PairRun, int], None] = lambda _run, _seq: None  # after a run was computed at a tick
        self.on_event: Callable[[Event], None] = lambda _event: None
        self._legs = Legs(self.builder, self.stand_ins)
        self._down_ms: int | None = None  # the market's clock when the bridge disconnected

    @property
    def _times(self) -> KnownTimes:
        return self._legs.times

    def symbols(self) -> list[str]:
        """Every symbol with a tick or another bar, sorted."""
        return sorted({*self.builder.symbols(), *self.stand_ins.symbols()})

    def feed(self, seq: int, tick: Tick) -> list[Decision]:
        """Process the tick stored at ``seq``; returns the decisions it triggered."""
        if self._down_ms is not None and not tick.future and tick.trade_time_ms > self._down_ms:
            self._legs.outages.append((self._down_ms, tick.trade_time_ms))
            self._down_ms = None
        is_first = tick.symbol in self.stand_ins and self.builder.first_ms(tick.symbol) is None
        changes = self.builder.feed(seq, tick)
        if is_first:
            self._lead_by_ticks(tick.symbol, seq)
        return self._apply(changes, seq)

    def note(self, event: Event) -> list[Decision]:
        """Process an event; it lies between the tick ``after_seq`` and the next."""
        self.on_event(event)
        if event.kind == "absent" and event.symbol is not None:
            changes = self.builder.absent(event.symbol, int(event.detail["first"]), int(event.detail["last"]))
            return self._apply(changes, event.after_seq)
        if event.kind == "bridge" and event.detail["state"] == "down" and self.builder.watermark_ms:
            self._down_ms = self.builder.watermark_ms if self._down_ms is None else self._down_ms
        if event.kind == "bars" and event.symbol is not None:
            return self._take_bars(event.symbol, self.stand_ins.note(event), event.after_seq)
        return []

    def begins_at(
        self, y: str, x: str, settings: PairSettings, history_bars: int, seq: int, not_before_ms: int = 0
    ) -> int | None:
        """Open time of the first bar of a run that begins after the tick ``seq``: at most ``history_bars`` back, and
        after the last long gap of either leg. None while a leg has no trade, or none after such a gap."""
        width_ms, longest_ms = settings.interval_ms, longest_gap_ms(settings)
        now_ms = self._times.now_ms(y, x, width_ms)
        earliest_ms = max(now_ms - history_bars * width_ms, not_before_ms)
        for symbol in (y, x):
            first_ms, last_ms = self._times.first_ms(symbol, width_ms), self._times.last_ms(symbol, width_ms)
            if first_ms is None or last_ms is None or now_ms - last_ms > longest_ms:
                return None
            earliest_ms = max(earliest_ms, first_ms)
        start_ms = earliest_ms = bar_open(earliest_ms, width_ms)
        for symbol in (y, x):
            bars = self._legs.read(symbol, earliest_ms, self.builder.watermark_ms + SECOND_MS, seq)
            traded_ms = self._times.traded_ms(symbol, width_ms, earliest_ms, bars)
            for before_ms, after_ms in itertools.pairwise([earliest_ms, *traded_ms]):
                if after_ms - before_ms > longest_ms:
                    start_ms = max(start_ms, bar_open(after_ms, width_ms))
        return start_ms

    def begin(self, run: Run, seq: int, known: Iterable[Decision] = ()) -> list[Decision]:
        """Follow a run from now on, after the tick ``seq``; returns the new decisions from its history up to here.

        ``known``: its decisions from before a restart. Equal ones are not returned again.
        """
        legs = [self._legs.get(symbol, run.interval_ms, run.start_ms, seq) for symbol in (run.y, run.x)]
        self._legs.forget_read()
        followed = PairRun(run, legs[0], legs[1], known)
        self.runs[run.run_id] = followed
        self.runs_version += 1
        for symbol in (run.y, run.x):
            self._runs_of.setdefault(symbol, {})[run.run_id] = followed
        return self._catch_up(followed, seq)

    def end(self, run_id: str, seq: int, reason: str, detail: str = "", after_ms: int | None = None) -> None:
        """Follow a run no more after the tick ``seq``. An open position is closed at the next tradable bar."""
        run = self.runs.pop(run_id)
        self.runs_version += 1
        for symbol in (run.run.y, run.run.x):
            del self._runs_of[symbol][run_id]
        self._ended.append((RunEnd(run_id, seq, reason, detail, after_ms), run))
        entry = run.held()
        if entry is not None:
            width_ms = run.run.interval_ms
            newest_ms = max(self._times.last_ms(symbol, width_ms) or 0 for symbol in (run.run.y, run.run.x))
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
        """The ends of the runs that have ended since the last call, in order."""
        return [end for end, _ in self.take_ended_runs()]

    def take_ended_runs(self) -> list[tuple[RunEnd, PairRun]]:
        """As ``take_ended``, with the runs as they were then."""
        ended, self._ended = self._ended, []
        return ended

    def state(self) -> dict[str, Any]:
        """The state for a restart, besides the store and the runs, as plain JSON values."""
        closing = [each.state() for each in self.closing.values()]
        return {
            "builder": self.builder.state(), "stand_ins": self.stand_ins.state(), "outages": self._legs.outages,
            "down_ms": self._down_ms, "closing": closing,
        }  # fmt: skip

    @classmethod
    def resume(cls, state: dict[str, Any], history: History, before_seq: int) -> Pipeline:
        """The pipeline that returned ``state()`` after the tick just before ``before_seq``, without its runs."""
        pipeline = cls(history)
        pipeline.builder = BarBuilder.resume(state["builder"], history, before_seq)
        if "stand_ins" in state:  # a state from before there were any has none
            pipeline.stand_ins = StandIns.resume(state["stand_ins"], history)
        pipeline._legs = Legs(pipeline.builder, pipeline.stand_ins)
        pipeline._legs.outages = [(start, end) for start, end in state["outages"]]
        pipeline._down_ms = state["down_ms"]
        for each in state.get("closing", ()):  # older states lack it
            quantities = each["quantity_y"], each["quantity_x"]
            pipeline._close_position(Run(**each["run"]), quantities, each["first_slot"], before_seq - 1)
        return pipeline

    def _close_position(self, run: Run, quantities: tuple[float, float], first_slot: int, seq: int) -> None:
        start_ms = first_slot * run.interval_ms
        y, x = (self._legs.get(symbol, run.interval_ms, start_ms, seq) for symbol in (run.y, run.x))
        self.closing[run.run_id] = ClosingRun(run, *quantities, first_slot, (y, x))

    def _drop_legs(self) -> None:
        followed = [run.legs for run in self.runs.values()] + [closing.legs for closing in self.closing.values()]
        self._legs.keep({leg for legs in followed for leg in legs})

    def _computed(self, run: PairRun, seq: int, work: Callable[[], list[Decision]]) -> list[Decision]:
        """The result of a run's work. A failed run is ended with its reason; the others continue."""
        try:
            given = work()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - no error may stop the other pairs
            self.end(run.run.run_id, seq, "failed", f"{type(error).__name__}: {error}")
            return []
        self.on_bars(run, seq)
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
                given += self._redo(change.symbol, self._legs.revise(change, seq), seq)
        return given

    def _close(self, change: Closed, seq: int) -> list[Decision]:
        times_ms = [*(bar.open_time_ms for bar in change.bars), change.through_ms]
        self._end_silent(change.symbol, self._legs.of(change.symbol), times_ms, seq)
        return self._grow(change.symbol, self._legs.close(change), seq)

    def _grow(self, symbol: str, grown: set[Leg], seq: int) -> list[Decision]:
        """These legs have more complete bars."""
        given: list[Decision] = []
        if grown:
            for run in self._following(symbol):
                if not grown.isdisjoint(run.legs):
                    given += self._catch_up(run, seq)
            given += self._exits(symbol, seq)
        return given

    def _catch_up(self, run: PairRun, seq: int) -> list[Decision]:
        now_ms = self._times.now_ms(run.run.y, run.run.x, run.run.interval_ms)
        return self._computed(run, seq, lambda: run.catch_up(seq, now_ms))

    def _exits(self, symbol: str, seq: int) -> list[Decision]:
        """Positions of ended runs that can be closed now."""
        given = []
        for closing in self._closing_of(symbol):
            found = closing.catch_up(seq, self._times.now_ms(closing.run.y, closing.run.x, closing.run.interval_ms))
            if found is not None:
                given.append(found)
                del self.closing[closing.run.run_id]
        if given:
            self._drop_legs()
        return given

    def _take_bars(self, symbol: str, span: tuple[int, int, int], seq: int) -> list[Decision]:
        """Bars not made from ticks have come. ``span``: their width, and from when to when."""
        width_ms, from_ms, to_ms = span
        is_led = self.builder.first_ms(symbol) is not None
        for width in {leg.width_ms for leg in self._legs.of(symbol) if leg.width_ms % width_ms == 0 and not is_led}:
            through_ms = self._times.through_ms(symbol, width) or 0
            times_ms = [*self._times.traded_ms(symbol, width, bar_open(from_ms, width), ()), through_ms]
            self._end_silent(symbol, [leg for leg in self._legs.of(symbol) if leg.width_ms == width], times_ms, seq)
        legs = [leg for leg in self._legs.of(symbol) if leg.width_ms % width_ms == 0]
        changed = self._legs.stand_in(symbol, legs, from_ms, to_ms)
        grown = set() if is_led else self._legs.lead(symbol, legs)
        return self._redo(symbol, changed, seq) + self._grow(symbol, grown, seq)

    def _lead_by_ticks(self, symbol: str, seq: int) -> None:
        """Its first tick: what followed its other bars alone ends; it can begin again with those that ticks leave."""
        self._legs.drop(symbol)
        for run in self._following(symbol):
            self.end(run.run.run_id, seq, "history")
        for closing in self._closing_of(symbol):
            self._close_position(closing.run, (closing.quantity_y, closing.quantity_x), closing.first_slot, seq)

    def _end_silent(self, symbol: str, legs: Iterable[Leg], times_ms: list[int], seq: int) -> None:
        """End the runs with a leg that was silent for too long, before any bars are filled through the gap.

        ``times_ms``: when it traded next, and the time up to which there is nothing else.
        """
        silence_ms = {leg: leg.longest_silence_ms(times_ms) for leg in legs}
        if max(silence_ms.values(), default=0) <= SHORTEST_GAP_MS:
            return
        for run in self._following(symbol):
            longest_ms = max(silence_ms.get(leg, 0) for leg in run.legs)
            if longest_ms > run.longest_gap_ms:
                self.end(run.run.run_id, seq, "gap", f"{symbol} had no trade for {longest_ms // SECOND_MS} s")
        for closing in self._closing_of(symbol):
            longest_ms = max(silence_ms.get(leg, 0) for leg in closing.legs)
            if longest_ms > longest_gap_ms(closing.settings):  # look for a bar after this gap too
                first_slot = times_ms[-1] // closing.run.interval_ms
                self._close_position(closing.run, (closing.quantity_y, closing.quantity_x), first_slot, seq)
        self._drop_legs()

    def _redo(self, symbol: str, changed: dict[Leg, int], seq: int) -> list[Decision]:
        """Bars of these legs may differ from a slot on."""
        given: list[Decision] = []
        for run in self._following(symbol):
            slots = [changed[leg] for leg in run.legs if leg in changed]
            if slots:
                given += self._revised(run, min(slots), seq)
        return given

    def _revised(self, run: PairRun, slot: int, seq: int) -> list[Decision]:
        now_ms = self._times.now_ms(run.run.y, run.run.x, run.run.interval_ms)
        return self._computed(run, seq, lambda: run.revise(slot, seq, now_ms))

    def _following(self, symbol: str) -> list[PairRun]:
        return list(self._runs_of.get(symbol, {}).values())

    def _closing_of(self, symbol: str) -> list[ClosingRun]:
        return [closing for closing in self.closing.values() if symbol in (closing.run.y, closing.run.x)]
