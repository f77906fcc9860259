"""Every leg that runs of one market follow: made from what is known, closed, revised and filled in together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.market.bars import Bar
from engine.market.builder import BarBuilder
from engine.market.intervals import bar_open
from engine.market.symbol_seconds import Closed, Revised
from engine.pairs.known_times import KnownTimes
from engine.pairs.leg import Leg
from engine.pairs.stand_ins import StandIns


class Legs:
    """By symbol, width and first slot; a leg is shared by all runs that begin with it."""

    def __init__(self, builder: BarBuilder, stand_ins: StandIns) -> None:
        self.times = KnownTimes(builder, stand_ins)
        self.outages: list[tuple[int, int]] = []  # the stretches without the bridge
        self._builder = builder
        self._stand_ins = stand_ins
        self._legs: dict[tuple[str, int, int], Leg] = {}
        self._read: dict[str, tuple[int, int, list[Bar]]] = {}  # by symbol: after which tick, from when, what

    def __iter__(self) -> Iterator[Leg]:
        """Every leg."""
        return iter(self._legs.values())

    def get(self, symbol: str, width_ms: int, start_ms: int, seq: int) -> Leg:
        """The leg that begins with the bar of ``start_ms``, as it is after the tick ``seq``."""
        key = (symbol, width_ms, start_ms // width_ms)
        leg = self._legs.get(key)
        if leg is None:
            leg = self._legs[key] = Leg(width_ms, key[2])
            leg.take(self._stand_ins.bars(symbol, width_ms, start_ms))
            leg.ticks_from_ms = self.times.ticks_from_ms(symbol)
            through_ms = self.times.through_ms(symbol, width_ms)
            if through_ms is not None and through_ms > start_ms:
                seconds = self._given_out(symbol, start_ms, through_ms, seq)
                leg.close(seconds, through_ms, self._builder.is_touched(symbol), self.outages)
        return leg

    def read(self, symbol: str, from_ms: int, to_ms: int, seq: int) -> list[Bar]:
        """Seconds given out before the tick after ``seq``; ``get`` need not read them again until ``forget_read``."""
        bars = self._builder.given_out(symbol, from_ms, to_ms, seq + 1)
        self._read[symbol] = (seq, from_ms, bars)
        return bars

    def forget_read(self) -> None:
        """What was read is not needed any more."""
        self._read.clear()

    def of(self, symbol: str) -> list[Leg]:
        """The legs of a symbol."""
        return [leg for (of, _, _), leg in self._legs.items() if of == symbol]

    def keep(self, used: set[Leg]) -> None:
        """Nobody follows the others any more."""
        self._legs = {key: leg for key, leg in self._legs.items() if leg in used}

    def drop(self, symbol: str) -> None:
        """The legs of a symbol have to be made anew."""
        self._legs = {key: leg for key, leg in self._legs.items() if key[0] != symbol}

    def close(self, change: Closed) -> set[Leg]:
        """Seconds have been given out; returns the legs that have more complete bars now."""
        is_touched, ticks_from_ms = self._builder.is_touched(change.symbol), self.times.ticks_from_ms(change.symbol)
        grown = set()
        for leg in self.of(change.symbol):
            leg.ticks_from_ms = ticks_from_ms
            if leg.close(change.bars, change.through_ms, is_touched, self.outages):
                grown.add(leg)
        return grown

    def stand_in(self, symbol: str, legs: Iterable[Leg], from_ms: int, to_ms: int) -> dict[Leg, int]:
        """Bars not made from ticks have come; returns the slot of each leg from which on it may differ."""
        is_touched, changed = self._builder.is_touched(symbol), {}
        for leg in legs:
            start_ms = bar_open(from_ms, leg.width_ms)
            leg.take(self._stand_ins.bars(symbol, leg.width_ms, start_ms, to_ms))
            leg.ticks_from_ms = self.times.ticks_from_ms(symbol)
            place = leg.stand_in(start_ms, to_ms, is_touched, self.outages)
            if place < leg.size:
                changed[leg] = leg.first_slot + place
        return changed

    def lead(self, symbol: str, legs: Iterable[Leg]) -> set[Leg]:
        """Legs of a symbol without ticks go as far as its other bars do; returns those that have more bars now."""
        is_touched = self._builder.is_touched(symbol)
        through_ms = {leg: self.times.through_ms(symbol, leg.width_ms) or 0 for leg in legs}
        return {leg for leg, until_ms in through_ms.items() if leg.close([], until_ms, is_touched, self.outages)}

    def revise(self, change: Revised, seq: int) -> dict[Leg, int]:
        """Seconds that were given out have changed; returns the slot of each leg from which on it may differ."""
        symbol, from_ms, to_ms, _ = change
        is_touched = self._builder.is_touched(symbol)

        def seconds(start_ms: int, end_ms: int) -> list[Bar]:
            return self._builder.given_out(symbol, start_ms, end_ms, seq + 1)

        changed: dict[Leg, int] = {}
        for leg in self.of(symbol):
            if to_ms > leg.first_slot * leg.width_ms:
                leg.ticks_from_ms = self.times.ticks_from_ms(symbol)
                changed[leg] = leg.first_slot + leg.revise(from_ms, to_ms, seconds, is_touched, self.outages)
        return changed

    def _given_out(self, symbol: str, from_ms: int, to_ms: int, seq: int) -> list[Bar]:
        read_at, read_from_ms, bars = self._read.get(symbol, (-1, 0, []))
        if read_at == seq and read_from_ms <= from_ms:
            return [bar for bar in bars if from_ms <= bar.open_time_ms < to_ms]
        return self._builder.given_out(symbol, from_ms, to_ms, seq + 1)
