"""Simulated time as a function of real time."""

from __future__ import annotations

import pytest

from simulator.clock import Clock


def test_it_follows_real_time_at_its_speed() -> None:
    clock = Clock(10.0)
    clock.start(5_000, 1_000.0)
    assert [clock.advance(real) for real in (1_000.0, 1_001.0, 1_100.5)] == [5_000, 5_010, 6_005]


def test_it_never_runs_backwards_when_real_time_does() -> None:
    clock = Clock()
    clock.start(0, 1_000.0)
    assert [clock.advance(real) for real in (1_500.0, 1_200.0, 1_600.0)] == [500, 500, 600]


def test_as_read_it_moves_a_step_a_call() -> None:
    clock = Clock(as_read=True, step_ms=250)
    clock.start(1_000, 9_000.0)
    assert [clock.advance(9_000.0) for _ in range(3)] == [1_250, 1_500, 1_750]


def test_catching_up_it_meets_real_time_and_stays_with_it() -> None:
    clock = Clock(as_read=True, meets=True, step_ms=400)
    clock.start(8_000, 9_000.0)
    assert [clock.advance(9_000.0 + n) for n in range(3)] == [8_400, 8_800, 9_002]
    assert not clock.as_read
    assert clock.advance(9_100.0) == 9_100


def test_it_stands_still_until_it_is_started() -> None:
    clock = Clock()
    assert not clock.started
    with pytest.raises(ValueError, match="not been started"):
        clock.advance(0.0)
