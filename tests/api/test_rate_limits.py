"""Token buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.rate_limits import BURST_S, MOST_KNOWN, RateLimits


@given(st.floats(0.5, 50), st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_never_more_than_the_rate_allows(per_s: float, pauses: list[float]) -> None:
    now = [0.0]
    limits = RateLimits(per_s, lambda: now[0])
    allowed = 0
    for pause in pauses:
        now[0] += pause
        wait_s = limits.allow("a")
        allowed += wait_s == 0.0
        assert allowed <= max(per_s * BURST_S, 1.0) + per_s * now[0] + 1e-6
        if wait_s:
            now[0] += wait_s + 1e-9
            assert limits.allow("a") == 0.0
            allowed += 1


def test_one_does_not_slow_another_and_the_table_is_bounded() -> None:
    limits = RateLimits(1.0, lambda: 0.0)
    assert [limits.allow("a") for _ in range(2)] == [0.0, 0.0] and limits.allow("a") > 0
    assert limits.allow("b") == 0.0
    for number in range(2 * MOST_KNOWN):
        limits.allow(str(number))
    assert len(limits._buckets) == MOST_KNOWN
