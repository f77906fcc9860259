"""Time spans of open gaps with sublinear lookup: there may be a hundred thousand."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
SHORT_MS = 60_000  # a gap of trades seldom lasts longer; the few that do are scanned linearly

Span = tuple[int, int]  # [from, to) in whole seconds


class SpanIndex:
    """A multiset of spans."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._counts: Counter[Span] = Counter()
        self._short: list[Span] = []  # each once, by its start
        self._long: set[Span] = set()
        for span in spans:
            self.add(span)

    def __len__(self) -> int:
        """The number of distinct spans."""
        return len(self._counts)

    def __iter__(self) -> Iterator[Span]:
        """Each span once, in any order."""
        return iter(self._counts)

    def add(self, span: Span) -> None:
        """Add this span once."""
        self._counts[span] += 1
        if self._counts[span] == 1:
            if span[1] - span[0] <= SHORT_MS:
                insort(self._short, span)
            else:
                self._long.add(span)

    def remove(self, span: Span) -> None:
        """Remove this span once; it must be present."""
        self._counts[span] -= 1
        if not self._counts[span]:
            del self._counts[span]
            if span[1] - span[0] <= SHORT_MS:
                del self._short[bisect_left(self._short, span)]
            else:
                self._long.remove(span)

    def touches(self, from_ms: int, to_ms: int) -> bool:
        """Whether a span overlaps ``[from_ms, to_ms)``."""
        place = bisect_left(self._short, (from_ms - SHORT_MS,))
        while place < len(self._short) and self._short[place][0] < to_ms:
            if self._short[place][1] > from_ms:
                return True
            place += 1
        return any(start < to_ms and end > from_ms for start, end in self._long)

    def first_after(self, time_ms: int) -> int | None:
        """The earliest start of the spans that end after this time."""
        place = bisect_left(self._short, (time_ms - SHORT_MS,))
        while place < len(self._short) and self._short[place][1] <= time_ms:
            place += 1
        starts = [start for start, end in self._long if end > time_ms]
        if place < len(self._short):
            starts.append(self._short[place][0])
        return min(starts, default=None)


class KeyedSpans(Generic[K]):
    """Spans by key and by time."""

    def __init__(self, known: Iterable[tuple[K, Span]] = ()) -> None:
        self._by_key: dict[K, Span] = {}
        self.index = SpanIndex()
        for key, span in known:
            self[key] = span

    def __setitem__(self, key: K, span: Span) -> None:
        """Add or replace."""
        if key in self._by_key:
            self.index.remove(self._by_key[key])
        self._by_key[key] = span
        self.index.add(span)

    def pop(self, key: K) -> Span:
        """Remove one. Raises KeyError."""
        span = self._by_key.pop(key)
        self.index.remove(span)
        return span

    def items(self) -> list[tuple[K, Span]]:
        """All of them."""
        return list(self._by_key.items())
