"""One run: two legs into one model, and its decisions with their revisions."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from engine.market.records import Decision, Run
from engine.pairs.enums import Action, Reason
from engine.pairs.layout import Out
from engine.pairs.leg import Col, Leg
from engine.pairs.model import PairModel
from engine.pairs.quantities import Coins, order_quantities
from engine.pairs.settings import PairSettings, longest_gap_ms
from engine.pairs.snapshot import Snapshot


class PairRun:
    """Follows its two legs; both start at the run's first slot."""

    def __init__(self, run: Run, y: Leg, x: Leg, known: Iterable[Decision] = ()) -> None:
        """``known``: decisions of this run from before a restart, in their original order."""
        self.run = run
        self.settings = PairSettings.from_json(run.settings)
        self.legs = (y, x)
        self.model = PairModel(self.settings)
        self.revisions = 0  # counts recomputations of bars that a screen may have shown
        self.current: dict[int, Decision] = {}
        self._latest_ms = 0
        for decision in known:
            self._record(decision)

    @property
    def first_slot(self) -> int | None:
        """The slot of the model's first bar: the first in which both prices are known."""
        return self.model.first_slot

    def catch_up(self, seq: int, watermark_ms: int) -> list[Decision]:
        """Take the bars that both legs have completed since; returns their decisions."""
        if self.model.first_slot is None:
            start = self._first_priced()
            if start is None:
                return []
            y, x = self.legs
            self.model = PairModel(self.settings, start, (y.inputs, x.inputs))
        place = self.model.size
        return self._give(place, seq, watermark_ms) if self.model.follow() else []

    def revise(self, slot: int, seq: int, watermark_ms: int) -> list[Decision]:
        """The legs' bars from ``slot`` on may have changed; returns the decisions that differ now."""
        first = self.model.first_slot
        self.revisions += 1
        if first is None or slot <= first:
            self.model = PairModel(self.settings)
            given = self.catch_up(seq, watermark_ms)
            return self._withdraw_before(seq, watermark_ms) + given
        place = slot - first
        if place >= self.model.size:
            return []
        self.model.redo(place)
        return self._give(place, seq, watermark_ms)

    @property
    def longest_gap_ms(self) -> int:
        """A leg without a trade for longer than this ends the run."""
        return longest_gap_ms(self.settings)

    def held(self) -> Decision | None:
        """The entry of the currently open position."""
        entry = None
        for _, decision in sorted(self.current.items()):
            if decision.kind in ("enter_long", "enter_short"):
                entry = decision
            elif decision.kind == "exit":
                entry = None
        return entry

    def snapshot(self, place: int) -> Snapshot:
        """The pair's values at the close of the bar at ``place``."""
        return self.model.snapshot(place)

    def _first_priced(self) -> int | None:
        """The first slot from which both legs have their price."""
        bars = min(leg.size for leg in self.legs)
        known = self._is_priced(self.legs[0])[:bars] & self._is_priced(self.legs[1])[:bars]
        return self.legs[0].first_slot + int(known.argmax()) if known.any() else None

    def _is_priced(self, leg: Leg) -> npt.NDArray[np.bool_]:
        """From here on the leg has its price, without prints in place of later quotes."""
        if self.settings.price == "last":
            return ~np.isnan(leg.column(Col.LAST))
        is_priced: npt.NDArray[np.bool_] = ~np.isnan(leg.column(Col.MID)) | (leg.column(Col.SIDED) == 0.0)
        return is_priced

    def _give(self, place: int, seq: int, watermark_ms: int) -> list[Decision]:
        """Compare the model's decisions from ``place`` on with the earlier ones; record the new ones."""
        actions = self.model.column(Out.ACTION, place)
        from_ms = self.model.open_time_ms(place)
        if not actions.any() and from_ms > self._latest_ms:
            return []
        said = {self.model.open_time_ms(place + int(at)): place + int(at) for at in np.flatnonzero(actions)}
        before = [bar_ms for bar_ms in self.current if bar_ms >= from_ms] if from_ms <= self._latest_ms else []
        given = []
        for bar_ms in sorted(said.keys() | set(before)):
            old = self.current.get(bar_ms)
            at = said.get(bar_ms)
            new = self._withdrawal(old, seq, watermark_ms) if at is None else self._decision(at, seq, watermark_ms)
            if new is None or (old is not None and new.says_the_same(old)):
                continue
            given.append(self._record(_revised(new, old)))
        return given

    def _withdraw_before(self, seq: int, watermark_ms: int) -> list[Decision]:
        first_ms = math.inf if self.model.first_slot is None else self.model.open_time_ms(0)
        given = []
        for bar_ms in sorted(at for at in self.current if at < first_ms):
            old = self.current[bar_ms]
            new = self._withdrawal(old, seq, watermark_ms)
            if new is not None:
                given.append(self._record(_revised(new, old)))
        return given

    def _withdrawal(self, old: Decision | None, seq: int, watermark_ms: int) -> Decision | None:
        if old is None or old.kind == "withdrawn":
            return None
        late_ms = watermark_ms - (old.bar_ms + self.settings.interval_ms)
        return Decision(
            old.run_id, old.bar_ms, 0, "withdrawn", "revised", None, None, None, None, None, None,
            old.y_price, old.x_price, 0.0, 0.0, 0, seq, late_ms,
        )  # fmt: skip

    def _decision(self, place: int, seq: int, watermark_ms: int) -> Decision:
        shot = self.model.snapshot(place)
        y_price, x_price = self.model.prices(place)
        held = self._entered(place) if shot.action is Action.EXIT else (0.0, 0.0)
        quantity_y, quantity_x = order_quantities(self.settings, shot.action, shot.beta, (y_price, x_price), held)
        return Decision(
            run_id=self.run.run_id,
            bar_ms=shot.open_time_ms,
            revision=0,
            kind=shot.action.name.lower(),
            reason="" if shot.reason is Reason.NONE else shot.reason.name,
            z=_known(shot.z),
            spread=_known(shot.spread),
            beta=_known(shot.beta),
            alpha=_known(shot.alpha),
            deviation=_known(shot.deviation),
            gate_pvalue=_known(shot.gate_pvalue),
            y_price=y_price,
            x_price=x_price,
            quantity_y=quantity_y,
            quantity_x=quantity_x,
            position=int(shot.position),
            given_seq=seq,
            late_ms=watermark_ms - (shot.open_time_ms + self.settings.interval_ms),
        )

    def _entered(self, place: int) -> Coins:
        """The quantities of the entry before ``place``, as decided then."""
        entry = self.current.get(self.model.open_time_ms(self.model.entered_before(place)))
        return (entry.quantity_y, entry.quantity_x) if entry is not None else (0.0, 0.0)

    def _record(self, decision: Decision) -> Decision:
        self.current[decision.bar_ms] = decision
        self._latest_ms = max(self._latest_ms, decision.bar_ms)
        return decision


def _revised(new: Decision, old: Decision | None) -> Decision:
    if old is None:
        return new
    fields = {name: getattr(new, name) for name in Decision.__slots__}
    return Decision(**{**fields, "revision": old.revision + 1})


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
