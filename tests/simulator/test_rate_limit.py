"""Request weights per minute, 429, 418."""

from __future__ import annotations

from simulator.rate_limit import Charge, RequestWeights

MINUTE = 1_790_000_040.0  # the beginning of a wall-clock minute


def test_a_minute_has_its_weight_and_the_next_one_begins_anew() -> None:
    weights = RequestWeights(100, ban_after=3, ban_s=120)
    used = [weights.charge(20, MINUTE + n) for n in range(5)]
    assert used == [Charge(200, 20), Charge(200, 40), Charge(200, 60), Charge(200, 80), Charge(200, 100)]
    assert weights.charge(20, MINUTE + 50.5) == Charge(429, 120, 10)
    assert weights.charge(20, MINUTE + 60) == Charge(200, 20)


def test_who_goes_on_after_429_is_banned_for_a_while() -> None:
    weights = RequestWeights(20, ban_after=2, ban_s=120)
    statuses = [weights.charge(20, MINUTE + n).status for n in range(4)]
    assert statuses == [200, 429, 429, 418]
    assert weights.banned_until_s == MINUTE + 3 + 120
    assert weights.charge(1, MINUTE + 63) == Charge(418, 0, 60)
    assert weights.charge(1, MINUTE + 123) == Charge(200, 1)


def test_who_waits_as_told_is_never_banned() -> None:
    weights = RequestWeights(20, ban_after=1, ban_s=120)
    now = MINUTE
    for _ in range(50):
        charge = weights.charge(20, now)
        assert charge.status in (200, 429)
        now += charge.retry_after_s


def test_a_block_on_demand_ends_by_itself_or_when_cleared() -> None:
    weights = RequestWeights(2_400, ban_after=10, ban_s=120)
    weights.block(5, MINUTE)
    assert weights.charge(1, MINUTE + 1) == Charge(429, 1, 4)
    assert weights.charge(1, MINUTE + 5).status == 200
    weights.block(5, MINUTE + 6)
    weights.clear()
    assert weights.charge(1, MINUTE + 7).status == 200
