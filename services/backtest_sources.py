"""What a backtest can read from the store: the watched pairs, the symbols of each market, from when to when."""

from __future__ import annotations

from dataclasses import dataclass

from engine.market.intervals import SECOND_MS
from engine.store.interface import Backend
from services.pairs import Pair, PairService


@dataclass(frozen=True, slots=True)
class Offered:
    """The symbols with trades or bars, by market, and the watched pairs by their watch ids."""

    symbols: dict[str, list[str]]
    watched: dict[int, Pair]


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """Stored of both legs: from ``from_ms`` to ``end_ms``. ``widths_ms``: of the candles and imported bars of each leg,
    none where it has trades only."""

    from_ms: int
    end_ms: int
    widths_ms: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())


class BacktestSources:
    """What there is to choose from. Any thread may call."""

    def __init__(self, pairs: PairService, backend: Backend) -> None:
        self._pairs, self._backend = pairs, backend

    def offered(self) -> Offered:
        """Markets, symbols and watched pairs."""
        return Offered(self._pairs.symbols(), self._pairs.watched())

    def span(self, market: str, y: str, x: str) -> StoredSpan | None:
        """What is stored of both symbols; None where they have no time in common. Raises StoreError."""
        bars, ticks = self._backend.bar_reader(), self._backend.tick_reader()
        try:
            firsts = {each.symbol: each.first_ms for each in bars.symbols(market)}
            extents = [each for each in bars.sourced_extents() if each.market == market]
            newest = {name: ticks.newest_second(market, name) for name in (y, x)}
        finally:
            bars.close()
            ticks.close()
        begins, ends = [], []
        for name in (y, x):
            own = [each for each in extents if each.symbol == name]
            begin = [*([firsts[name]] if name in firsts else []), *(each.first_ms for each in own)]
            last = newest[name]
            end = [*([] if last is None else [last + SECOND_MS]), *(each.end_ms for each in own)]
            if not begin or not end:
                return None
            begins.append(min(begin))
            ends.append(max(end))
        widths = [tuple(sorted({each.width_ms for each in extents if each.symbol == name})) for name in (y, x)]
        found = StoredSpan(max(begins), min(ends), (widths[0], widths[1]))
        return found if found.from_ms < found.end_ms else None
