"""The aggregate ids of one symbol that are accounted for, and the gaps between them.

Ids rise by 1 per symbol, so the stored set is one range with gaps in it. A gap keeps its original bounds in the index
until none of its ids is missing, even when filled in pieces.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Gap(NamedTuple):
    """Ids ``first..last`` inclusive, missing when the gap opened."""

    first: int
    last: int


class Arrival(Enum):
    """The position of an id relative to earlier ones."""

    FIRST = "first"  # opens the symbol's coverage
    NEXT = "next"  # one past the greatest
    JUMP = "jump"  # further past it: a gap opens
    FILL = "fill"  # inside a gap
    BEFORE = "before"  # older than all: extends the coverage downwards
    KNOWN = "known"  # already accounted for


@dataclass(slots=True)
class _MissingRun:
    """A run of missing ids, and the gap it remains from."""

    first: int
    last: int
    gap: Gap


class Coverage:
    """Ids ``first..high_water`` of one symbol, and those still missing among them."""

    __slots__ = ("_firsts", "_runs", "first", "high_water")

    def __init__(
        self, first: int | None = None, high_water: int | None = None, missing: Iterable[tuple[Gap, Gap]] = ()
    ) -> None:
        """``missing``: (gap, run of its missing ids), in any order."""
        self.first = first
        self.high_water = high_water
        self._runs = sorted((_MissingRun(run.first, run.last, gap) for gap, run in missing), key=_first)
        self._firsts = [run.first for run in self._runs]  # of the gaps: bisect with a key would call it at each step

    def arrival(self, agg_id: int) -> Arrival:
        """The position of ``agg_id``; changes nothing."""
        if self.high_water is None or self.first is None:
            return Arrival.FIRST
        if agg_id > self.high_water:
            return Arrival.NEXT if agg_id == self.high_water + 1 else Arrival.JUMP
        if agg_id < self.first:
            return Arrival.BEFORE
        return Arrival.FILL if self._run_at(agg_id) is not None else Arrival.KNOWN

    def add(self, agg_id: int) -> tuple[Arrival, Gap | None]:
        """Account for one id. The gap is the one that a JUMP or BEFORE opened, or that a FILL went into."""
        arrival = self.arrival(agg_id)
        gap: Gap | None = None
        if arrival is Arrival.FIRST:
            self.first = self.high_water = agg_id
        elif arrival is Arrival.NEXT or arrival is Arrival.JUMP:
            if arrival is Arrival.JUMP:
                gap = self._open((self.high_water or 0) + 1, agg_id - 1)
            self.high_water = agg_id
        elif arrival is Arrival.BEFORE:
            if agg_id + 1 < (self.first or 0):
                gap = self._open(agg_id + 1, (self.first or 0) - 1)
            self.first = agg_id
        elif arrival is Arrival.FILL:
            run = self._run_at(agg_id)
            gap = run.gap if run else None
            self.account_for(agg_id, agg_id)
        return arrival, gap

    def account_for(self, first: int, last: int) -> list[Gap]:
        """Mark ``first..last`` as no longer missing (fetched, or the exchange has no such ids); returns the gaps that
        this closed."""
        low, high = self._range(first, last)
        touched = list(dict.fromkeys(run.gap for run in self._runs[low:high]))
        left: list[_MissingRun] = []
        for run in self._runs[low:high]:
            if run.first < first:
                left.append(_MissingRun(run.first, first - 1, run.gap))
            if run.last > last:
                left.append(_MissingRun(last + 1, run.last, run.gap))
        self._runs[low:high] = left
        self._firsts[low:high] = [run.first for run in left]
        # The runs of one gap are adjacent, so only these neighbours can belong to a changed gap.
        still_open = {run.gap for run in self._runs[max(low - 1, 0) : low + len(left) + 1]}
        return [gap for gap in touched if gap not in still_open]

    def run_at(self, agg_id: int) -> Gap | None:
        """The run of missing ids that contains ``agg_id``."""
        run = self._run_at(agg_id)
        return Gap(run.first, run.last) if run else None

    def is_open(self, gap: Gap) -> bool:
        """Whether anything of ``gap`` is still missing."""
        at = bisect_left(self._firsts, gap.first)
        return at < len(self._runs) and self._runs[at].gap == gap

    def missing_of(self, gap: Gap) -> tuple[Gap, ...]:
        """The runs still missing from ``gap``, ascending."""
        at = bisect_left(self._firsts, gap.first)
        if at < len(self._runs) and (self._runs[at].first, self._runs[at].last) == gap:
            return (gap,)  # none of it has arrived
        found: list[Gap] = []
        while at < len(self._runs) and self._runs[at].gap == gap:
            found.append(Gap(self._runs[at].first, self._runs[at].last))
            at += 1
        return tuple(found)

    def missing(self) -> list[tuple[Gap, Gap]]:
        """(gap, run of its missing ids) in ascending order."""
        return [(run.gap, Gap(run.first, run.last)) for run in self._runs]

    def missing_in(self, first: int, last: int) -> list[tuple[Gap, Gap]]:
        """``missing()`` of the runs that share an id with ``first..last``."""
        low, high = self._range(first, last)
        return [(run.gap, Gap(run.first, run.last)) for run in self._runs[low:high]]

    def gaps_in(self, first: int, last: int) -> list[Gap]:
        """The gaps with a missing id in ``first..last``, ascending."""
        low, high = self._range(first, last)
        return list(dict.fromkeys(run.gap for run in self._runs[low:high]))

    def open_gaps(self) -> list[Gap]:
        """Every open gap, ascending."""
        return list(dict.fromkeys(run.gap for run in self._runs))

    def _open(self, first: int, last: int) -> Gap:
        gap = Gap(first, last)
        at = bisect_left(self._firsts, first)
        self._runs.insert(at, _MissingRun(first, last, gap))
        self._firsts.insert(at, first)
        return gap

    def _range(self, first: int, last: int) -> tuple[int, int]:
        """Index range [from, to) of the gaps that share an id with ``first..last``."""
        low = bisect_left(self._firsts, first)
        if low > 0 and self._runs[low - 1].last >= first:
            low -= 1
        return low, bisect_left(self._firsts, last + 1, lo=low)

    def _run_at(self, agg_id: int) -> _MissingRun | None:
        at = bisect_left(self._firsts, agg_id + 1) - 1
        if at >= 0 and self._runs[at].last >= agg_id:
            return self._runs[at]
        return None


def _first(run: _MissingRun) -> int:
    return run.first
