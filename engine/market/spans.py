"""Stretches of time that open gaps touch, found without walking all of them: there may be a hundred thousand."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
SHORT_MS = 60_000  # a gap of trades seldom lasts longer; those that do are few, and are walked

Span = tuple[int, int]  # [from, to) in whole seconds


class SpanIndex:
    """Spans with their number; one may stand in it several times."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._counts: Counter[Span] = Counter()
        self._short: list[Span] = []  # each once, by its beginning
        self._long: set[Span] = set()
        for span in spans:
            self.add(span)

    def __len__(self) -> int:
        """How many different spans there are."""
        return len(self._counts)

    def __iter__(self) -> Iterator[Span]:
        """Each span once, in no order."""
        return iter(self._counts)

    def add(self, span: Span) -> None:
        """One more of this span."""
        self._counts[span] += 1
        if self._counts[span] == 1:
            if span[1] - span[0] <= SHORT_MS:
                insort(self._short, span)
            else:
                self._long.add(span)

    def remove(self, span: Span) -> None:
        """One less of this span; there must be one."""
        self._counts[span] -= 1
        if not self._counts[span]:
            del self._counts[span]
            if span[1] - span[0] <= SHORT_MS:
                del self._short[bisect_left(self._short, span)]
            else:
                self._long.remove(span)

    def touches(self, from_ms: int, to_ms: int) -> bool:
        """Whether a span shares a moment with ``[from_ms, to_ms)``."""
        place = bisect_left(self._short, (from_ms - SHORT_MS,))
        while place < len(self._short) and self._short[place][0] < to_ms:
            if self._short[place][1] > from_ms:
                return True
            place += 1
        return any(start < to_ms and end > from_ms for start, end in self._long)

    def first_after(self, time_ms: int) -> int | None:
        """The earliest beginning of the spans that end after this time."""
        place = bisect_left(self._short, (time_ms - SHORT_MS,))
        while place < len(self._short) and self._short[place][1] <= time_ms:
            place += 1
        starts = [start for start, end in self._long if end > time_ms]
        if place < len(self._short):
            starts.append(self._short[place][0])
        return min(starts, default=None)


class KeyedSpans(Generic[K]):
    """A span by its key, and all of them by time."""

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
        """Take one out. Raises KeyError."""
        span = self._by_key.pop(key)
        self.index.remove(span)
        return span

    def items(self) -> list[tuple[K, Span]]:
        """All of them."""
        return list(self._by_key.items())
