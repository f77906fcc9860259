"""An ended run with an open position: closed at the next tradable bar, for every reason of the end.

The exit is never revised: the end and the next bar are fixed by commit order.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.market.records import Decision, Run
from engine.pairs.enums import LegFlag, Reason
from engine.pairs.layout import In
from engine.pairs.leg import Leg
from engine.pairs.settings import PairSettings

_NOT_TRADABLE = int(LegFlag.FILLED | LegFlag.TAINTED)


@dataclass(slots=True)
class ClosingRun:
    """``quantity_y`` and ``quantity_x``: the coins that the exit trades, + to buy; both legs start at the same slot."""

    run: Run
    quantity_y: float
    quantity_x: float
    first_slot: int
    legs: tuple[Leg, Leg]
    _looked_at: int = 0  # bars of both legs that were not tradable

    @property
    def settings(self) -> PairSettings:
        """Those of the ended run."""
        return PairSettings.from_json(self.run.settings)

    def catch_up(self, seq: int, watermark_ms: int) -> Decision | None:
        """The exit, once both legs have a bar with trades and no open gap; None before."""
        y, x = (leg.inputs for leg in self.legs)
        row = In.LAST if self.settings.price == "last" else In.MID
        for place in range(self._looked_at, min(y.size, x.size)):
            prices = float(y.columns[row, place]), float(x.columns[row, place])
            flags = int(y.columns[In.FLAGS, place]) | int(x.columns[In.FLAGS, place])
            if not flags & _NOT_TRADABLE and not np.isnan(prices).any():
                return self._exit(place, prices, seq, watermark_ms)
            self._looked_at = place + 1
        return None

    def state(self) -> dict[str, Any]:
        """The state for a restart, as plain JSON values."""
        return {
            "run": dataclasses.asdict(self.run), "quantity_y": self.quantity_y, "quantity_x": self.quantity_x,
            "first_slot": self.first_slot,
        }  # fmt: skip

    def _exit(self, place: int, prices: tuple[float, float], seq: int, watermark_ms: int) -> Decision:
        bar_ms = (self.first_slot + place) * self.run.interval_ms
        return Decision(
            self.run.run_id, bar_ms, 0, "exit", Reason.RUN_END.name, None, None, None, None, None, None,
            *prices, self.quantity_y, self.quantity_x, 0, seq, watermark_ms - (bar_ms + self.run.interval_ms),
        )  # fmt: skip
