"""Coverage as the writer keeps it: finds the open holes in a range of ids without walking all of them."""

from __future__ import annotations

from engine.market.coverage import Coverage, Hole


class Ledger(Coverage):
    """Ids of one symbol and its holes. Lookups cost O(log n) in the number of holes, however wide they are."""

    __slots__ = ()

    def holes_in(self, first: int, last: int) -> list[Hole]:
        """The holes that still miss some id of ``first..last``, rising."""
        low, high = self._range(first, last)
        return list(dict.fromkeys(gap.hole for gap in self._gaps[low:high]))

    def open_holes(self) -> list[Hole]:
        """Every hole that misses something, rising."""
        return list(dict.fromkeys(gap.hole for gap in self._gaps))
