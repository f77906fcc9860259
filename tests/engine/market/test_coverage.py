from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.market.coverage import Arrival, Coverage, Gap


def test_how_ids_arrive() -> None:
    coverage = Coverage()
    assert coverage.add(10) == (Arrival.FIRST, None)
    assert coverage.add(11) == (Arrival.NEXT, None)
    assert coverage.add(11) == (Arrival.KNOWN, None)
    assert coverage.add(15) == (Arrival.JUMP, Gap(12, 14))
    assert coverage.add(13) == (Arrival.FILL, Gap(12, 14))
    assert coverage.missing_of(Gap(12, 14)) == (Gap(12, 12), Gap(14, 14))
    assert coverage.add(7) == (Arrival.BEFORE, Gap(8, 9))
    assert coverage.add(6) == (Arrival.BEFORE, None)
    assert (coverage.first, coverage.high_water) == (6, 15)


def test_a_gap_stays_open_until_nothing_of_it_is_missing() -> None:
    coverage = Coverage(1, 1)
    coverage.add(6)
    gap = Gap(2, 5)
    coverage.add(4)
    coverage.add(2)
    assert coverage.is_open(gap)
    coverage.add(3)
    assert coverage.is_open(gap)
    coverage.add(5)
    assert not coverage.is_open(gap)
    assert coverage.missing() == []


def test_ids_that_do_not_exist_close_a_gap() -> None:
    coverage = Coverage(1, 1)
    coverage.add(10)
    coverage.add(20)
    assert coverage.account_for(5, 14) == []
    assert coverage.missing() == [(Gap(2, 9), Gap(2, 4)), (Gap(11, 19), Gap(15, 19))]
    assert coverage.account_for(1, 30) == [Gap(2, 9), Gap(11, 19)]


ids = st.lists(st.integers(0, 60), min_size=1, max_size=60)


@given(ids)
def test_it_knows_what_a_set_knows(arrivals: list[int]) -> None:
    coverage, seen = Coverage(), set[int]()
    for agg_id in arrivals:
        arrival, _ = coverage.add(agg_id)
        assert (arrival is Arrival.KNOWN) == (agg_id in seen)
        seen.add(agg_id)
        missing = {i for _, run in coverage.missing() for i in range(run.first, run.last + 1)}
        assert missing == set(range(min(seen), max(seen))) - seen
    assert (coverage.first, coverage.high_water) == (min(seen), max(seen))


@given(ids, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 15)), max_size=5))
def test_a_coverage_can_be_stored_and_resumed(arrivals: list[int], absent: list[tuple[int, int]]) -> None:
    coverage = Coverage()
    for agg_id in arrivals:
        coverage.add(agg_id)
    for first, width in absent:
        coverage.account_for(first, first + width)
    again = Coverage(coverage.first, coverage.high_water, coverage.missing())
    for agg_id in range(62):
        assert again.arrival(agg_id) == coverage.arrival(agg_id)
        assert again.add(agg_id) == coverage.add(agg_id)
