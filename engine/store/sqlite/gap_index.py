"""Coverage as the writer keeps it: finds the open gaps in a range of ids without walking all of them."""

from __future__ import annotations

from engine.market.coverage import Coverage, Gap


class GapIndex(Coverage):
    """Ids of one symbol and its gaps. Lookups cost O(log n) in the number of gaps, however wide they are."""

    __slots__ = ()

    def gaps_in(self, first: int, last: int) -> list[Gap]:
        """The gaps that still miss some id of ``first..last``, rising."""
        low, high = self._range(first, last)
        return list(dict.fromkeys(run.gap for run in self._runs[low:high]))

    def open_holes(self) -> list[Gap]:
        """Every gap that misses something, rising."""
        return list(dict.fromkeys(run.gap for run in self._runs))
