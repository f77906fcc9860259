from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from engine.stats import KalmanSettings, KalmanState, kalman, kalman_calibrate, kalman_filter, ols
from engine.stats.checks import Floats
from engine.stats.kalman import KalmanRun, drift_of, kalman_step
from tests.engine.stats.worlds import examples, log_prices, recursion, walk

seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("n", [50, 500, 2000])
def test_without_drift_and_with_a_diffuse_start_it_is_ols(n: int) -> None:
    y, x = log_prices(np.random.default_rng(n), n)
    run = kalman_filter(y, x, KalmanState(0.0, 0.0, 1e8, 0.0, 1e8), KalmanSettings(0.0, 0.0, 1e-6, float(x[0])))
    line = ols(y, x)
    assert run.beta[-1] == pytest.approx(line.beta, rel=1e-8)
    assert run.alpha[-1] == pytest.approx(line.alpha, rel=1e-8, abs=1e-8)


def test_the_state_equals_the_textbook_matrices() -> None:
    y, x = log_prices(np.random.default_rng(1), 300)
    start, settings = kalman_calibrate(y[:100], x[:100], 50.0, q_beta=1e-6)
    run = kalman_filter(y[100:], x[100:], start, settings)
    theta, P = np.array(start[:2]), np.array([[start.p11, start.p12], [start.p12, start.p22]])
    W = np.diag([settings.q_beta, settings.q_alpha])
    for t, (yt, xt) in enumerate(zip(y[100:], x[100:] - settings.centre, strict=True)):
        F, R = np.array([xt, 1.0]), P + W
        Q = F @ R @ F + settings.v_e
        K = R @ F / Q
        error = yt - F @ theta
        theta, P = theta + K * error, R - np.outer(K, F @ R)
        assert_allclose((run.innovation[t], run.variance[t]), (error, Q), rtol=1e-7, atol=1e-12)
        assert_allclose(run.beta[t], theta[0], rtol=1e-8)
        assert_allclose(run.alpha[t], theta[1] - theta[0] * settings.centre, rtol=1e-8, atol=1e-9)


def test_the_array_form_is_the_step() -> None:
    y, x = log_prices(np.random.default_rng(2), 700)
    state, settings = kalman_calibrate(y[:500], x[:500], 300.0)
    run = kalman(y, x, 300.0)
    carried = tuple(state)
    for t in range(500, 700):
        *carried, error, variance = kalman_step(
            *carried, y[t], x[t] - settings.centre, settings.q_beta, settings.q_alpha, settings.v_e
        )
        assert (error, variance, carried[0]) == (run.innovation[t], run.variance[t], run.beta[t])
        assert carried[1] - carried[0] * settings.centre == run.alpha[t]


@examples
@given(seed=seeds, keep=st.integers(10, 300))
def test_what_comes_later_changes_nothing_before(seed: int, keep: int) -> None:
    y, x = log_prices(np.random.default_rng(seed), 300)
    whole, part = kalman(y, x, 40, calibration=60), kalman(y[:keep], x[:keep], 40, calibration=60)
    for name in ("beta", "alpha", "innovation", "variance"):
        assert_array_equal(getattr(whole, name)[:keep], getattr(part, name))
    assert np.isnan(whole.innovation[:60]).all() and np.isfinite(whole.innovation[60:]).all()


@examples
@given(seed=seeds, cents=st.sampled_from([0.01, 100.0, 1e-6, 1e8]))
def test_z_does_not_change_when_either_price_is_rescaled(seed: int, cents: float) -> None:
    y, x = log_prices(np.random.default_rng(seed), 300)

    def z(y: Floats, x: Floats) -> Floats:
        run = kalman(y, x, 40, calibration=60)
        return (run.innovation / np.sqrt(run.variance))[60:]

    for other in (z(y + np.log(cents), x), z(y, x + np.log(cents)), z(1e3 * y, x)):
        assert_allclose(other, z(y, x), rtol=1e-6, atol=1e-8)


@examples
@given(seed=seeds)
def test_the_covariance_stays_positive(seed: int) -> None:
    rng = np.random.default_rng(seed)
    state = (1.0, 0.0, 1e6, 0.0, 1e6)
    for x, y in zip(1e3 * rng.standard_normal(200), rng.standard_normal(200), strict=True):
        *state, _, variance = kalman_step(*state, float(y), float(x), 0.0, 1e-9, 1e-6)
        assert variance >= 1e-6
        assert state[2] >= 0 and state[4] >= 0 and state[3] ** 2 <= state[2] * state[4] * (1 + 1e-6)


def test_a_missing_bar_lets_the_state_drift_and_is_nan() -> None:
    before = (0.9, 0.1, 1e-3, 1e-5, 1e-4)
    *after, error, variance = kalman_step(*before, float("nan"), 1.0, 1e-6, 2e-6, 1e-3)
    assert np.isnan(error) and np.isnan(variance)
    assert after == [0.9, 0.1, 1e-3 + 1e-6, 1e-5, 1e-4 + 2e-6]


@pytest.mark.parametrize("memory", [30, 300, 1500])
def test_the_gain_settles_at_the_stated_memory(memory: float) -> None:
    rng = np.random.default_rng(3)
    x, y = np.zeros(40_000), rng.standard_normal(40_000)  # x at its centre: only alpha is observed
    run = kalman_filter(
        y, x, KalmanState(1.0, 0.0, 1.0, 0.0, 1.0), KalmanSettings(0.0, drift_of(memory, 1.0), 1.0, 0.0)
    )
    gain = 1.0 - 1.0 / run.variance[-1]  # F K = 1 - V_e / Q
    assert gain == pytest.approx(1 - 2 ** (-1 / memory), rel=1e-6)


def test_with_no_more_bars_than_the_calibration_nothing_is_known() -> None:
    y, x = log_prices(np.random.default_rng(4), 500)
    run = kalman(y, x, 100)
    assert np.isnan([run.beta, run.alpha, run.innovation, run.variance]).all()


def test_bad_settings_are_refused() -> None:
    y, x = log_prices(np.random.default_rng(5), 600)
    with pytest.raises(ValueError, match="memory_half_life is 0; expected a finite number above 0"):
        kalman(y, x, 0)
    with pytest.raises(ValueError, match="calibration is 2; expected at least 3"):
        kalman(y, x, 100, calibration=2)
    with pytest.raises(ValueError, match="q_beta is -1; expected a finite number of at least 0"):
        kalman(y, x, 100, q_beta=-1)


# The table of docs/mathematics.md: correlation of the innovation with the true spread, and standard deviation of z.
TABLE = {30: (0.49, 0.44), 60: (0.60, 0.54), 300: (0.87, 0.80), 1500: (0.95, 0.91), 6000: (0.96, 0.91)}


def table_world(seed: int) -> tuple[Floats, Floats, Floats]:
    """x a geometric walk of 2e-4 steps, Y = .02 + .9 X + spread, the spread AR(1) with half-life 60 and sd 2e-3."""
    rng = np.random.default_rng(seed)
    x = 2e-4 * walk(rng, 6000)
    phi = 2.0 ** (-1 / 60)
    spread = recursion(2e-3 * np.sqrt(1 - phi * phi) * rng.standard_normal(6000), phi, 0.0)
    x -= x[0]
    return 0.02 + 0.9 * x + spread, x, spread


def table_run(seed: int, memory: float) -> tuple[KalmanRun, Floats]:
    y, x, spread = table_world(seed)
    line, v_e = ols(y[:500], x[:500]), float(spread[:500].var())
    start = KalmanState(line.beta, line.alpha, 0.05, 0.0, 1e-5)
    return kalman_filter(y, x, start, KalmanSettings(0.0, drift_of(memory, v_e), v_e, 0.0)), spread


@pytest.mark.parametrize("memory", TABLE)
def test_a_short_memory_eats_the_spread_as_in_the_table(memory: float) -> None:
    run, spread = table_run(7, memory)
    z = (run.innovation / np.sqrt(run.variance))[1000:]
    found = np.corrcoef(run.innovation[1000:], spread[1000:])[0, 1], z.std()
    assert found == pytest.approx(TABLE[memory], abs=0.05)


@pytest.mark.parametrize("memory", [30, 60, 300])
def test_what_is_left_of_the_spread_follows_from_the_ratio(memory: float) -> None:
    """The table is one path. Over many the innovation of an AR(1) keeps sqrt(r / (1 + r)), r = memory / half-life."""
    found = []
    for seed in range(40):
        run, spread = table_run(seed, memory)
        found.append(np.corrcoef(run.innovation[1000:], spread[1000:])[0, 1])
    ratio = memory / 60
    assert np.mean(found) == pytest.approx(np.sqrt(ratio / (1 + ratio)), abs=0.03)
