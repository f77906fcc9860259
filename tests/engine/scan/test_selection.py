"""The strongest find of each leg, and which find explains the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.scan.selection import NONE, strongest_of_each_leg
from engine.stats.checks import Floats, Ints
from tests.engine.stats.worlds import examples

A, B, C, D, E = range(5)


def judged(*rows: tuple[int, int, float], candidates: int | None = None) -> tuple[list[bool], list[int]]:
    """Of rows (y, x, statistic) the first ``candidates`` (default: all) are candidates."""
    count = len(rows) if candidates is None else candidates
    pairs = np.array([row[:2] for row in rows], dtype=np.int64)
    is_candidate = np.arange(len(rows)) < count
    found, explained = strongest_of_each_leg(np.array([row[2] for row in rows]), pairs, is_candidate)
    return found.tolist(), explained.tolist()


@pytest.mark.parametrize(
    ("rows", "found", "explained"),
    [
        (((A, B, -9.0), (C, A, -6.0), (C, B, -5.0)), [True, False, False], [NONE, 0, 0]),
        (((C, A, -5.0), (A, B, -9.0)), [False, True], [1, NONE]),  # in any order of the rows
        (((A, B, -9.0), (C, D, -8.0)), [True, True], [NONE, NONE]),  # nothing shared
        (((A, B, -9.0), (C, D, -8.0), (C, B, -7.0)), [True, True, False], [NONE, NONE, 0]),  # by the stronger of two
        (((A, B, -9.0), (C, A, -8.0), (D, C, -7.0)), [True, False, True], [NONE, 0, NONE]),  # what is explained is none
        (((A, B, -5.0), (A, C, -5.0)), [True, False], [NONE, 0]),  # of equal ones the first
    ],
)
def test_a_pair_is_found_only_if_neither_leg_has_a_stronger_find(
    rows: tuple[tuple[int, int, float], ...], found: list[bool], explained: list[int]
) -> None:
    assert judged(*rows) == (found, explained)


def test_only_candidates_are_found_or_explained() -> None:
    assert judged((A, B, -5.0), (C, A, -9.0), candidates=1) == ([True, False], [NONE, NONE])
    assert judged((A, B, -5.0), (C, A, -9.0), candidates=0) == ([False, False], [NONE, NONE])
    found, explained = strongest_of_each_leg(np.empty(0), np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.bool_))
    assert found.size == explained.size == 0


def universe_of(seed: int, symbols: int) -> tuple[Floats, Ints]:
    y, x = np.tril_indices(symbols, -1)
    return np.random.default_rng(seed).normal(-3, 1, y.size).round(1), np.stack([y, x], axis=1).astype(np.int64)


@examples
@given(seed=st.integers(0, 10_000), symbols=st.integers(2, 9), below=st.floats(-5, -1))
def test_every_candidate_is_found_or_explained_by_a_stronger_find_with_one_of_its_legs(
    seed: int, symbols: int, below: float
) -> None:
    statistic, pairs = universe_of(seed, symbols)
    is_candidate = statistic <= below
    found, explained = strongest_of_each_leg(statistic, pairs, is_candidate)
    assert ((found | (explained != NONE)) == is_candidate).all() and not (found & (explained != NONE)).any()
    legs = pairs[found].ravel().tolist()
    assert len(legs) == len(set(legs))
    for row in np.flatnonzero(explained != NONE):
        by = explained[row]
        assert found[by] and statistic[by] <= statistic[row] and set(pairs[by]) & set(pairs[row])
