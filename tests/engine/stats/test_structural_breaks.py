from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from engine.stats import cusum, cusum_threshold, whiten
from engine.stats.structural_breaks import cusum_step, run_length, sign_cusum_threshold, sign_run_length
from tests.engine.stats.worlds import ar1


@pytest.mark.parametrize("arl0", [200, 1000, 5000])
def test_false_alarms_are_as_far_apart_as_designed(arl0: float) -> None:
    bars = 400 * arl0
    alarms = cusum(np.random.default_rng(arl0).standard_normal(bars), arl0).alarm.sum()
    assert bars / alarms == pytest.approx(arl0, rel=0.15)  # 5 % of it is chance


def test_a_shift_is_found_at_once_where_false_alarms_are_rare() -> None:
    z = np.random.default_rng(1).standard_normal(2000)
    z[1000:] += 2.0
    alarms = np.flatnonzero(cusum(z, 1e6).alarm)
    assert 1000 < alarms[0] < 1020


def test_autocorrelated_errors_alarm_many_times_as_often_until_whitened() -> None:
    errors = ar1(np.random.default_rng(2), 100_000, 10)
    raw, white = cusum(errors, 1000).alarm.sum(), cusum(whiten(errors)[0], 1000).alarm.sum()
    assert raw > 20 * white
    assert 100_000 / white == pytest.approx(1000, rel=0.3)


def test_a_step_is_the_array_form_and_skips_the_unknown() -> None:
    z = np.random.default_rng(3).standard_normal(300)
    z[50] = np.nan
    found, state = cusum(z, 100), (0.0, 0.0)
    for t in range(300):
        state = cusum_step(*state, z[t], 0.5)
        assert state == (found.up[t], found.down[t])
        assert found.alarm[t] == (max(state) > found.threshold)
        if found.alarm[t]:
            state = (0.0, 0.0)
    assert (found.up[50], found.down[50]) == (0.0 if found.alarm[49] else found.up[49], found.down[50])


def test_the_threshold_is_the_inverse_of_the_run_length() -> None:
    for arl0 in (20.0, 465.0, 1e6):
        assert run_length(cusum_threshold(arl0)) == pytest.approx(arl0, rel=1e-9)
    assert cusum_threshold(465.0) == pytest.approx(5.0, abs=0.03)  # the textbook's h = 5 at k = 0.5
    with pytest.raises(ValueError, match="arl0 is 5; expected at least 10 bars"):
        cusum_threshold(5)


def sign_alarms(errors: np.ndarray, reference: float, threshold: float) -> int:
    alarms, sums = 0, (0.0, 0.0)
    for error in np.sign(errors).tolist():
        sums = cusum_step(*sums, error, reference)
        if max(sums) > threshold:
            alarms, sums = alarms + 1, (0.0, 0.0)
    return alarms


@pytest.mark.parametrize("reference", [0.1, 0.25, 0.5])
def test_signs_alarm_as_seldom_as_designed_on_any_tails(reference: float) -> None:
    threshold = sign_cusum_threshold(1_000.0, reference)
    designed = sign_run_length(Fraction(threshold).limit_denominator(1_000), Fraction(reference).limit_denominator(100))
    assert 1_000.0 <= designed < 1_800.0  # the sums move in steps, so the next lower threshold is under 1,000
    rng = np.random.default_rng(7)
    quiet, loud = rng.standard_normal(300_000), rng.standard_normal(300_000) * np.repeat([1.0, 25.0], 150_000)
    for errors in (quiet, rng.standard_t(3, 300_000), loud):
        assert errors.size / sign_alarms(errors, reference, threshold) == pytest.approx(designed, rel=0.2)


def test_sizes_alarm_far_too_often_on_fat_tails() -> None:
    errors = np.random.default_rng(8).standard_t(3, 200_000) / np.sqrt(3.0)
    assert errors.size / cusum(errors, 5_000.0).alarm.sum() < 1_500


def test_the_least_threshold_is_taken_and_nonsense_refused() -> None:
    step, least = Fraction(1, 4), Fraction(sign_cusum_threshold(5_000.0, 0.25))
    assert sign_run_length(least - step, step) < 5_000.0 <= sign_run_length(least, step)
    with pytest.raises(ValueError, match=r"reference is 1.0; expected 0.01 to 0.99"):
        sign_cusum_threshold(5_000.0, 1.0)
    with pytest.raises(ValueError, match=r"arl0 is 5.0; expected at least 10 bars"):
        sign_cusum_threshold(5.0, 0.5)
