"""One market's stored data, read from the store."""

from __future__ import annotations

from engine.market.bars import Bar, second_bar
from engine.market.sourced import SourcedBar
from engine.market.ticks import Tick
from engine.store.interface import TickReader


class StoreHistory:
    """See ``engine.market.history.History``."""

    def __init__(self, reader: TickReader, market: str) -> None:
        self._reader = reader
        self._market = market

    def ticks(self, symbol: str, second_ms: int, before_seq: int) -> list[Tick]:
        """See History."""
        return self._reader.ticks_of_second(self._market, symbol, second_ms, before_seq)

    def bars(self, symbol: str, from_ms: int, to_ms: int, before_seq: int) -> list[Bar]:
        """See History."""
        return self._reader.bars(self._market, symbol, from_ms, to_ms, before_seq)

    def sourced_bars(self, symbol: str, width_ms: int, from_ms: int, to_ms: int, up_to_event: int) -> list[SourcedBar]:
        """See History."""
        return self._reader.sourced_bars(self._market, symbol, width_ms, from_ms, to_ms, up_to_event)


class TickHistory(StoreHistory):
    """The same out of stored ticks alone: no bar is taken as it is stored."""

    def bars(self, symbol: str, from_ms: int, to_ms: int, before_seq: int) -> list[Bar]:
        """See History."""
        found = []
        for bar in self._reader.bars(self._market, symbol, from_ms, to_ms):
            ticks = self.ticks(symbol, bar.open_time_ms, before_seq)
            if ticks:
                found.append(second_bar(bar.open_time_ms, ticks))
        return found
