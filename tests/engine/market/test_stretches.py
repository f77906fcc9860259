"""Sets of times against a plain walk over them, and the number of their comparisons."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from engine.market.stretches import Stretch, length_ms, overlap, united, without

some = st.lists(st.tuples(st.integers(0, 60), st.integers(-2, 12)).map(lambda at: (at[0], at[0] + at[1])), max_size=20)


def cut_one_by_one(stretches: Iterable[Stretch], taken: Iterable[Stretch]) -> list[Stretch]:
    """The definition: each hole is cut out of everything that is left."""
    left = united(stretches)
    for from_ms, to_ms in united(taken):
        pieces = [piece for begin, end in left for piece in ((begin, min(end, from_ms)), (max(begin, to_ms), end))]
        left = [piece for piece in pieces if piece[0] < piece[1]]
    return left


def times(stretches: Iterable[Stretch]) -> set[int]:
    return {at for from_ms, to_ms in stretches for at in range(from_ms, to_ms)}


@given(some, some)
def test_what_is_left_is_what_cutting_one_by_one_leaves(stretches: list[Stretch], taken: list[Stretch]) -> None:
    left = without(stretches, taken)
    assert left == cut_one_by_one(stretches, taken)
    assert times(left) == times(stretches) - times(taken)
    assert length_ms(left) == len(times(left))
    assert left == united(left), "rising, and none touches another"


@given(some, some)
def test_what_two_have_in_common_is_in_both(stretches: list[Stretch], others: list[Stretch]) -> None:
    common = overlap(stretches, others)
    assert times(common) == times(stretches) & times(others)
    assert common == united(common) == overlap(others, stretches)


class Counted(int):
    """A time that counts its comparisons."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) < int(other)

    def __le__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) <= int(other)

    def __gt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) > int(other)

    __hash__ = int.__hash__


def compared(count: int) -> int:
    """Comparisons for so many holes in one stretch, in as many stretches, and for what these have in common."""
    holes = [(Counted(10 * at), Counted(10 * at + 5)) for at in range(count)]
    parts = [(Counted(10 * at + 3), Counted(10 * at + 8)) for at in range(count)]
    Counted.compared = 0
    assert len(without([(Counted(0), Counted(10 * count))], holes)) == count
    assert len(without(parts, holes)) == count
    assert len(overlap(parts, holes)) == count
    return Counted.compared


def test_the_work_grows_as_the_number_of_stretches() -> None:
    few, many = compared(100), compared(1_600)
    assert many < 20 * few and many < 60 * 1_600
