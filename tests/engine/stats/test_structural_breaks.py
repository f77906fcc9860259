from __future__ import annotations

import numpy as np
import pytest

from engine.stats import cusum, cusum_threshold, whiten
from engine.stats.structural_breaks import cusum_step, run_length
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
