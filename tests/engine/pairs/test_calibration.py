"""What a calibration fixes: a half-life that knows that the line was fitted, and windows that never shrink with it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from engine.pairs import classic, defended
from engine.pairs.calibration import Calibration, calibrate, filter_start, parameters, windows_in_use
from engine.pairs.layout import Floats
from engine.pairs.settings import PairSettings
from engine.stats import half_life, ols
from tests.engine.stats.worlds import cointegrated, recursion, walk

DERIVED = defended()


def calibrated(pair: tuple[Floats, Floats], settings: PairSettings = DERIVED) -> Calibration:
    found = calibrate(*pair, settings)
    assert found is not None
    return found


def standing_still(n: int = 500) -> tuple[Floats, Floats]:
    """A pair whose calibration shows no reversion: y walks away from x."""
    rng = np.random.default_rng(1)
    x = walk(rng, n)
    return x + recursion(np.full(n, 0.01), 1.01, 0.0) + 0.01 * walk(rng, n), x


def test_it_is_the_half_life_of_the_residual() -> None:
    y, x = cointegrated(np.random.default_rng(2), 500, 20)
    found, expected = calibrated((y, x)), half_life(ols(y, x).residuals, residual=True)
    assert found.half_life == pytest.approx(expected.bars, rel=1e-6) and found.reverts and found.is_testable
    assert found.memory == max(25 * found.half_life, found.bars)
    plain = calibrated((y, x), classic())
    assert plain.memory == 25 * plain.half_life, "it does not wait for its windows"
    assert found.beta_window == round(25 * found.half_life) and found.z_window == round(10 * found.half_life)
    assert found.test_window == max(round(40 * found.half_life), 500)


def test_without_reversion_the_windows_are_the_longest_and_the_gate_is_locked() -> None:
    found = calibrated(standing_still())
    assert (found.half_life, found.reverts, found.is_testable) == (math.inf, False, False)
    assert (found.memory, found.beta_window, found.z_window, found.test_window) == (1e6, 5_000, 5_000, 5_000)
    started = replace(found, start=filter_start(*standing_still()))
    kernel = parameters(DERIVED, started)
    assert (
        kernel.gate_locked
        and kernel.max_hold * kernel.half_life == math.inf
        and 0.0 < kernel.q_alpha < 1e-11 * kernel.v_e
    )


def test_who_sets_windows_keeps_them_and_an_open_gate() -> None:
    found = calibrated(standing_still(), classic())
    assert not found.reverts and found.is_testable and found.memory == 1e6
    assert windows_in_use(classic(), found) == {"z": 50, "test": 511}
    assert calibrated(standing_still(), classic(memory_half_life=150.0)).memory == 150.0
    assert not parameters(classic(), found).gate_locked


def test_what_comes_back_within_one_bar_counts_as_one() -> None:
    rng = np.random.default_rng(3)
    x = walk(rng, 500)
    for u in (rng.standard_normal(500), np.diff(rng.standard_normal(501))):  # phi is 0, and below 0
        found = calibrated((x + u, x))
        assert (found.half_life, found.reverts, found.memory, found.test_window) == (1.0, True, 500.0, 500)


def test_a_slower_spread_never_has_a_shorter_window() -> None:
    """Through the point where no reversion is left to time, on one series of shocks."""
    rng = np.random.default_rng(4)
    x, shocks = walk(rng, 500), rng.standard_normal(500)
    found = [calibrated((x + recursion(shocks, phi, 0.0), x)) for phi in np.linspace(0.5, 1.02, 60)]
    assert found[0].reverts and not found[-1].reverts
    for name in ("half_life", "memory", "beta_window", "z_window", "test_window"):
        lengths = [getattr(each, name) for each in found]
        assert all(a <= b for a, b in pairwise(lengths)), name
    locked = [not each.is_testable for each in found]
    assert locked == sorted(locked)


@pytest.mark.parametrize(
    ("bars", "true", "no_reversion", "locked"),
    [(500, 10, 0.0, 0.0), (500, 20, 0.002, 0.008), (500, 60, 0.20, 0.33), (500, None, 0.50, 0.62),
     (1_000, 60, 0.03, 0.17), (2_000, 60, 0.0, 0.04)],
)  # fmt: skip
def test_how_often_a_run_finds_nothing_to_time(bars: int, true: int | None, no_reversion: float, locked: float) -> None:
    """The derived windows of the defended preset, 2,000 pairs a cell: figures of docs/mathematics.md.

    ``true`` is the half-life, None two unrelated walks.
    """
    rng = np.random.default_rng([bars, true or 0])
    pairs = (cointegrated(rng, bars, true) if true else (walk(rng, bars), walk(rng, bars)) for _ in range(2_000))
    found = [calibrated(each) for each in pairs]
    for found_share, share in (
        (np.mean([not each.reverts for each in found]), no_reversion),
        (np.mean([not each.is_testable for each in found]), locked),
    ):
        assert found_share == pytest.approx(share, abs=0.005 + 3 * math.sqrt(share * (1 - share) / len(found)))
    half_lives = np.array([each.half_life for each in found])
    assert np.median(half_lives) == pytest.approx(true, rel=0.1) if true else np.median(half_lives) > 1_000


def test_legs_that_stand_still_have_no_calibration() -> None:
    x = walk(np.random.default_rng(6), 100)
    assert calibrate(np.full(100, 2.0), x, DERIVED) is None and calibrate(x, np.full(100, 2.0), DERIVED) is None
    assert calibrate(2.0 * x, x, replace(DERIVED, calibration_bars=100)) is None
