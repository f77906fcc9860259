"""From when to when a symbol is known: by its ticks where it has any, else by its other bars."""

from __future__ import annotations

import math
from collections.abc import Iterable

from engine.market.bars import Bar
from engine.market.builder import BarBuilder
from engine.pairs.stand_ins import StandIns


class KnownTimes:
    """Of one market's symbols. All of it is a function of the order of commits."""

    def __init__(self, builder: BarBuilder, stand_ins: StandIns) -> None:
        self._builder = builder
        self._stand_ins = stand_ins

    def first_ms(self, symbol: str, width_ms: int) -> int | None:
        """Where its bars of a width begin; None while there is nothing."""
        span, tick_ms = self._stand_ins.span(symbol, width_ms), self._builder.first_ms(symbol)
        return min((at for at in (tick_ms, span[0] if span else None) if at is not None), default=None)

    def last_ms(self, symbol: str, width_ms: int) -> int | None:
        """When it was last seen to trade; None while there is nothing."""
        tick_ms, span = self._builder.last_ms(symbol), self._stand_ins.span(symbol, width_ms)
        return tick_ms if tick_ms is not None else span[1] if span else None

    def through_ms(self, symbol: str, width_ms: int) -> int | None:
        """Every bar before is complete; None while there is nothing."""
        closed_ms, span = self._builder.closed_through(symbol), self._stand_ins.span(symbol, width_ms)
        return closed_ms if closed_ms is not None else span[1] if span else None

    def ticks_from_ms(self, symbol: str) -> float:
        """From here on its bars are made from ticks; inf while it has none."""
        first_ms = self._builder.first_ms(symbol)
        return math.inf if first_ms is None else first_ms

    def now_ms(self, y: str, x: str, width_ms: int) -> int:
        """The clock of a pair: the market's, or where neither has a tick the end of its newest bar; 0 before any."""
        if self._builder.first_ms(y) is not None or self._builder.first_ms(x) is not None:
            return self._builder.watermark_ms
        return max(self.last_ms(y, width_ms) or 0, self.last_ms(x, width_ms) or 0)

    def traded_ms(self, symbol: str, width_ms: int, from_ms: int, seconds: Iterable[Bar]) -> list[int]:
        """When it traded, rising: the ``seconds`` given out, and the bars beside them that have a volume."""
        known = {bar.open_time_ms for bar in seconds}
        known.update(bar.open_time_ms for bar in self._stand_ins.bars(symbol, width_ms, from_ms) if bar.volume > 0.0)
        through_ms = self.through_ms(symbol, width_ms) or 0
        return sorted(at for at in known if at < max(through_ms, self._builder.watermark_ms + 1))
