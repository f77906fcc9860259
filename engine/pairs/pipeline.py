"""The path: ticks and events of one market, in the order they were stored, become decisions.

Live, a restart and a replay differ only in where the items come from. ``feed`` and ``note`` take them
one by one, so nothing depends on how many were read at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.market.bars import Bar
from engine.market.builder import GRACE_MS, BarBuilder, Change, Closed
from engine.market.history import History
from engine.market.records import Decision, Event, Run
from engine.market.ticks import Tick
from engine.pairs.leg import Leg
from engine.pairs.run import PairRun

_LegKey = tuple[str, int, int]  # symbol, width in ms, first slot


class Pipeline:
    """One market's bars and the runs that follow them."""

    def __init__(self, history: History, grace_ms: int = GRACE_MS) -> None:
        self.builder = BarBuilder(history, grace_ms)
        self.runs: dict[str, PairRun] = {}
        self._legs: dict[_LegKey, Leg] = {}
        self._outages: list[tuple[int, int]] = []
        self._down_ms: int | None = None  # the market's clock when the bridge went

    def feed(self, seq: int, tick: Tick) -> list[Decision]:
        """Take the tick stored at ``seq``; returns the decisions that it made known."""
        if self._down_ms is not None and not tick.future and tick.trade_time_ms > self._down_ms:
            self._outages.append((self._down_ms, tick.trade_time_ms))
            self._down_ms = None
        return self._apply(self.builder.feed(seq, tick), seq)

    def note(self, event: Event) -> list[Decision]:
        """Take an event; it stands between the tick ``after_seq`` and the next."""
        if event.kind == "absent" and event.symbol is not None:
            changes = self.builder.absent(event.symbol, int(event.detail["first"]), int(event.detail["last"]))
            return self._apply(changes, event.after_seq)
        if event.kind == "bridge" and event.detail["state"] == "down" and self.builder.watermark_ms:
            self._down_ms = self.builder.watermark_ms if self._down_ms is None else self._down_ms
        return []

    def begin(self, run: Run, seq: int, known: Iterable[Decision] = ()) -> list[Decision]:
        """Follow a run from now on, after the tick ``seq``; returns what its history up to here says anew.

        ``known``: its decisions from before a restart. Equal ones are not given again.
        """
        legs = [self._leg(symbol, run, seq) for symbol in (run.y, run.x)]
        followed = PairRun(run, legs[0], legs[1], known)
        self.runs[run.run_id] = followed
        return followed.catch_up(seq, self.builder.watermark_ms)

    def end(self, run_id: str) -> None:
        """Follow a run no more."""
        del self.runs[run_id]
        used = {leg for run in self.runs.values() for leg in run.legs}
        self._legs = {key: leg for key, leg in self._legs.items() if leg in used}

    def state(self) -> dict[str, Any]:
        """What a restart needs besides the store and the runs, as plain JSON values."""
        return {"builder": self.builder.state(), "outages": self._outages, "down_ms": self._down_ms}

    @classmethod
    def resume(cls, state: dict[str, Any], history: History, before_seq: int) -> Pipeline:
        """The pipeline that gave ``state()`` after the tick just before ``before_seq``, without its runs."""
        pipeline = cls(history)
        pipeline.builder = BarBuilder.resume(state["builder"], history, before_seq)
        pipeline._outages = [(start, end) for start, end in state["outages"]]
        pipeline._down_ms = state["down_ms"]
        return pipeline

    def _leg(self, symbol: str, run: Run, seq: int) -> Leg:
        first_slot = run.start_ms // run.interval_ms
        key = (symbol, run.interval_ms, first_slot)
        leg = self._legs.get(key)
        if leg is None:
            leg = self._legs[key] = Leg(run.interval_ms, first_slot)
            through_ms = self.builder.closed_through(symbol)
            if through_ms is not None:
                seconds = self.builder.given_out(symbol, run.start_ms, through_ms, seq + 1)
                leg.close(seconds, through_ms, self.builder.hole_spans(symbol), self._outages)
        return leg

    def _apply(self, changes: Iterable[Change], seq: int) -> list[Decision]:
        given: list[Decision] = []
        for change in changes:
            if isinstance(change, Closed):
                given += self._close(change, seq)
            else:
                given += self._revise(change.symbol, change.from_ms, change.to_ms, seq)
        return given

    def _close(self, change: Closed, seq: int) -> list[Decision]:
        spans = self.builder.hole_spans(change.symbol)
        grown = {
            leg
            for leg in self._of_symbol(change.symbol)
            if leg.close(change.bars, change.through_ms, spans, self._outages)
        }
        given: list[Decision] = []
        if grown:
            for run in self._following(change.symbol):
                if not grown.isdisjoint(run.legs):
                    given += run.catch_up(seq, self.builder.watermark_ms)
        return given

    def _revise(self, symbol: str, from_ms: int, to_ms: int, seq: int) -> list[Decision]:
        spans = self.builder.hole_spans(symbol)

        def seconds(start_ms: int, end_ms: int) -> list[Bar]:
            return self.builder.given_out(symbol, start_ms, end_ms, seq + 1)

        changed: dict[Leg, int] = {}  # the first slot that may differ
        for leg in self._of_symbol(symbol):
            if to_ms > leg.first_slot * leg.width_ms:
                changed[leg] = leg.first_slot + leg.revise(from_ms, to_ms, seconds, spans, self._outages)
        given: list[Decision] = []
        for run in self._following(symbol):
            slots = [changed[leg] for leg in run.legs if leg in changed]
            if slots:
                given += run.revise(min(slots), seq, self.builder.watermark_ms)
        return given

    def _of_symbol(self, symbol: str) -> list[Leg]:
        return [leg for (of, _, _), leg in self._legs.items() if of == symbol]

    def _following(self, symbol: str) -> list[PairRun]:
        return [run for run in self.runs.values() if symbol in (run.run.y, run.run.x)]
