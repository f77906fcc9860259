"""Which aggregate ids of one symbol are accounted for, and where the holes are.

Ids rise by 1 per symbol, so the stored set is one range with holes in it. A hole keeps its first
shape in the ledger until nothing of it is missing any more, however many pieces the fill came in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Hole(NamedTuple):
    """Ids ``first..last`` inclusive, missing when the hole opened."""

    first: int
    last: int


class Arrival(Enum):
    """How an id stands to those seen before it."""

    FIRST = "first"  # opens the symbol's coverage
    NEXT = "next"  # one past the greatest
    JUMP = "jump"  # further past it: a hole opens
    FILL = "fill"  # inside a hole
    BEFORE = "before"  # older than all: coverage grows downwards
    KNOWN = "known"  # already accounted for


@dataclass(slots=True)
class _Gap:
    """A run of ids still missing, and the hole it is left of."""

    first: int
    last: int
    hole: Hole


class Coverage:
    """Ids ``first..high_water`` of one symbol, with what is still missing among them."""

    __slots__ = ("_firsts", "_gaps", "first", "high_water")

    def __init__(
        self, first: int | None = None, high_water: int | None = None, missing: Iterable[tuple[Hole, Hole]] = ()
    ) -> None:
        """``missing``: (hole, a run of ids that are still missing from it), in any order."""
        self.first = first
        self.high_water = high_water
        self._gaps = sorted((_Gap(run.first, run.last, hole) for hole, run in missing), key=_first)
        self._firsts = [gap.first for gap in self._gaps]  # of the gaps: a search by key would call it at each step

    def arrival(self, agg_id: int) -> Arrival:
        """How ``agg_id`` would arrive; changes nothing."""
        if self.high_water is None or self.first is None:
            return Arrival.FIRST
        if agg_id > self.high_water:
            return Arrival.NEXT if agg_id == self.high_water + 1 else Arrival.JUMP
        if agg_id < self.first:
            return Arrival.BEFORE
        return Arrival.FILL if self._gap_at(agg_id) is not None else Arrival.KNOWN

    def add(self, agg_id: int) -> tuple[Arrival, Hole | None]:
        """Account for one id. The hole is the one that a JUMP or BEFORE opened, or that a FILL went into."""
        arrival = self.arrival(agg_id)
        hole: Hole | None = None
        if arrival is Arrival.FIRST:
            self.first = self.high_water = agg_id
        elif arrival is Arrival.NEXT or arrival is Arrival.JUMP:
            if arrival is Arrival.JUMP:
                hole = self._open((self.high_water or 0) + 1, agg_id - 1)
            self.high_water = agg_id
        elif arrival is Arrival.BEFORE:
            if agg_id + 1 < (self.first or 0):
                hole = self._open(agg_id + 1, (self.first or 0) - 1)
            self.first = agg_id
        elif arrival is Arrival.FILL:
            gap = self._gap_at(agg_id)
            hole = gap.hole if gap else None
            self.account_for(agg_id, agg_id)
        return arrival, hole

    def account_for(self, first: int, last: int) -> list[Hole]:
        """Take ``first..last`` off what is missing (fetched, or the exchange has no such ids);
        returns the holes that have nothing missing any more."""
        low, high = self._range(first, last)
        touched = list(dict.fromkeys(gap.hole for gap in self._gaps[low:high]))
        left: list[_Gap] = []
        for gap in self._gaps[low:high]:
            if gap.first < first:
                left.append(_Gap(gap.first, first - 1, gap.hole))
            if gap.last > last:
                left.append(_Gap(last + 1, gap.last, gap.hole))
        self._gaps[low:high] = left
        self._firsts[low:high] = [gap.first for gap in left]
        # What is left of one hole lies side by side, so only these neighbours can belong to a touched one.
        still_open = {gap.hole for gap in self._gaps[max(low - 1, 0) : low + len(left) + 1]}
        return [hole for hole in touched if hole not in still_open]

    def run_at(self, agg_id: int) -> Hole | None:
        """The run of missing ids that ``agg_id`` is in."""
        gap = self._gap_at(agg_id)
        return Hole(gap.first, gap.last) if gap else None

    def is_open(self, hole: Hole) -> bool:
        """Whether anything of ``hole`` is still missing."""
        at = bisect_left(self._firsts, hole.first)
        return at < len(self._gaps) and self._gaps[at].hole == hole

    def missing_of(self, hole: Hole) -> tuple[Hole, ...]:
        """The runs still missing from ``hole``, rising."""
        at = bisect_left(self._firsts, hole.first)
        if at < len(self._gaps) and (self._gaps[at].first, self._gaps[at].last) == hole:
            return (hole,)  # nothing of it has come
        found: list[Hole] = []
        while at < len(self._gaps) and self._gaps[at].hole == hole:
            found.append(Hole(self._gaps[at].first, self._gaps[at].last))
            at += 1
        return tuple(found)

    def missing(self) -> list[tuple[Hole, Hole]]:
        """(hole, a run of ids still missing from it) in rising order."""
        return [(gap.hole, Hole(gap.first, gap.last)) for gap in self._gaps]

    def missing_in(self, first: int, last: int) -> list[tuple[Hole, Hole]]:
        """``missing()`` of the runs that share an id with ``first..last``."""
        low, high = self._range(first, last)
        return [(gap.hole, Hole(gap.first, gap.last)) for gap in self._gaps[low:high]]

    def missing_count(self) -> int:
        """How many ids are missing."""
        return sum(gap.last - gap.first + 1 for gap in self._gaps)

    def _open(self, first: int, last: int) -> Hole:
        hole = Hole(first, last)
        at = bisect_left(self._firsts, first)
        self._gaps.insert(at, _Gap(first, last, hole))
        self._firsts.insert(at, first)
        return hole

    def _range(self, first: int, last: int) -> tuple[int, int]:
        """Where the gaps stand that share an id with ``first..last``: from, and to before."""
        low = bisect_left(self._firsts, first)
        if low > 0 and self._gaps[low - 1].last >= first:
            low -= 1
        return low, bisect_left(self._firsts, last + 1, lo=low)

    def _gap_at(self, agg_id: int) -> _Gap | None:
        at = bisect_left(self._firsts, agg_id + 1) - 1
        if at >= 0 and self._gaps[at].last >= agg_id:
            return self._gaps[at]
        return None


def _first(gap: _Gap) -> int:
    return gap.first
