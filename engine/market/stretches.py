"""Sets of times as rising stretches ``[from_ms, to_ms)`` that neither overlap nor touch."""

from __future__ import annotations

from collections.abc import Iterable

Stretch = tuple[int, int]


def united(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Every time that is in one of them.

    >>> united([(5, 9), (1, 3), (3, 4), (8, 12)])
    [(1, 4), (5, 12)]
    """
    found: list[Stretch] = []
    for from_ms, to_ms in sorted(each for each in stretches if each[0] < each[1]):
        if found and from_ms <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], to_ms))
        else:
            found.append((from_ms, to_ms))
    return found


def without(stretches: Iterable[Stretch], taken: Iterable[Stretch]) -> list[Stretch]:
    """Every time that is in one of the first and in none of the others.

    >>> without([(0, 10), (20, 30)], [(3, 5), (8, 22)])
    [(0, 3), (5, 8), (22, 30)]
    """
    holes = united(taken)
    found: list[Stretch] = []
    at = 0  # the first hole that ends after the current stretch begins
    for begin, end in united(stretches):
        while at < len(holes) and holes[at][1] <= begin:
            at += 1
        while at < len(holes) and holes[at][0] < end:
            from_ms, to_ms = holes[at]
            if begin < from_ms:
                found.append((begin, from_ms))
            begin = to_ms
            if end <= to_ms:  # this hole may reach into the next stretch
                break
            at += 1
        if begin < end:
            found.append((begin, end))
    return found


def overlap(stretches: Iterable[Stretch], others: Iterable[Stretch]) -> list[Stretch]:
    """Every time that is in one of the first and in one of the others.

    >>> overlap([(0, 10), (20, 30)], [(3, 5), (8, 22)])
    [(3, 5), (8, 10), (20, 22)]
    """
    first, second = united(stretches), united(others)
    found: list[Stretch] = []
    at = beside = 0
    while at < len(first) and beside < len(second):
        begin, end = max(first[at][0], second[beside][0]), min(first[at][1], second[beside][1])
        if begin < end:
            found.append((begin, end))
        if first[at][1] == end:  # the one that ends here meets nothing more
            at += 1
        else:
            beside += 1
    return found


def length_ms(stretches: Iterable[Stretch]) -> int:
    """How much time they hold; they must not overlap."""
    return sum(to_ms - from_ms for from_ms, to_ms in stretches)
