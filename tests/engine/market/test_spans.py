"""The index of spans against a full scan, and the number of its comparisons."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.market.spans import SHORT_MS, SpanIndex

S = 1_000
spans = st.tuples(st.integers(0, 300), st.integers(1, 90)).map(lambda at: (at[0] * S, (at[0] + at[1]) * S))


@given(st.lists(spans, max_size=30), st.data())
def test_it_answers_as_a_walk_over_all_spans(kept: list[tuple[int, int]], data: st.DataObject) -> None:
    index = SpanIndex(kept)
    for gone in data.draw(st.lists(st.sampled_from(kept), max_size=len(kept), unique_by=id)) if kept else []:
        if gone in kept:
            kept.remove(gone)
            index.remove(gone)
    at = data.draw(st.integers(0, 400)) * S
    length = data.draw(st.integers(1, 100)) * S
    assert index.touches(at, at + length) == any(start < at + length and end > at for start, end in kept)
    assert index.first_after(at) == min((start for start, end in kept if end > at), default=None)
    assert sorted(index) == sorted(set(kept)) and len(index) == len(set(kept))


class Counted(int):
    """A time that counts its comparisons."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) < int(other)

    __hash__ = int.__hash__


def test_a_question_costs_a_logarithm_of_the_number_of_spans() -> None:
    index = SpanIndex((Counted(at * 2 * S), Counted(at * 2 * S + S)) for at in range(100_000))
    Counted.compared = 0
    assert index.touches(100_000_000, 100_000_000 + S) and not index.touches(100_001_000, 100_002_000)
    assert index.first_after(150_000_000) == 150_000_000
    assert Counted.compared < 3 * (SHORT_MS // S + 40)
