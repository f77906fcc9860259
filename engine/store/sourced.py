"""What may be asked of the store about bars that were not made from ticks, and about funding: a part of
``engine.store.interface``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from engine.market.funding import Funding
from engine.market.sourced import BarsStored, SourcedBar
from engine.market.stretches import Stretch


class SourcedExtent(NamedTuple):
    """From when to when there are bars of one width that were not made from ticks; inside, some may be missing."""

    market: str
    symbol: str
    width_ms: int
    first_ms: int
    end_ms: int


class SourcedHistory(Protocol):
    """Of a TickReader: bars as they were known at a place in the order of commits."""

    def sourced_bars(
        self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int, up_to_event: int | None = None
    ) -> list[SourcedBar]:
        """Bars not made from ticks that open in ``[from_ms, to_ms)``, rising; where the width has none, rolled up from
        narrower ones. Only those known with the event ``up_to_event`` (None: all)."""


class SourcedReader(Protocol):
    """Of a BarReader: what there is now."""

    def sourced_extents(self) -> list[SourcedExtent]:
        """Every market, symbol and width that has bars not made from ticks."""

    def sourced_bars(self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int) -> list[SourcedBar]:
        """As ``SourcedHistory.sourced_bars``."""

    def funding(self, market: str, symbol: str, kind: str, from_ms: int, to_ms: int) -> list[Funding]:
        """Readings of one kind in ``[from_ms, to_ms)``, rising."""


class SourcedWriter(Protocol):
    """Of a TickWriter."""

    async def store_bars(self, market: str, bars: Sequence[SourcedBar]) -> BarsStored:
        """Store bars that passed ``check_bar``, in one durable transaction, with one event ``bars`` for each symbol
        and width that has new ones. Of two for the same stretch the first stays. Raises as ``commit`` does."""

    async def store_all_bars(self, parts: Sequence[tuple[str, Sequence[SourcedBar]]]) -> list[BarsStored]:
        """As ``store_bars`` of each market and its bars, one after the other, in one durable transaction."""

    async def store_funding(self, market: str, rows: Sequence[Funding]) -> int:
        """Store readings durably; returns how many were new. Raises as ``commit`` does."""

    async def bar_spans(self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int) -> list[Stretch]:
        """The stretches of ``[from_ms, to_ms)`` that hold a bar of the width, or of narrower ones that make one up."""

    async def settled_ms(self) -> dict[tuple[str, str], int]:
        """By market and symbol, the time of the newest settled funding rate."""
