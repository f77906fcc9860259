from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2
from statsmodels.stats.diagnostic import acorr_ljungbox

from engine.stats import (
    KalmanSettings,
    KalmanState,
    effective_memory,
    kalman,
    kalman_filter,
    kalman_health,
    ljung_box,
    nis_band,
    whiten,
)
from engine.stats.checks import Floats
from engine.stats.health import light, memory_of
from engine.stats.kalman import KalmanRun, drift_of
from tests.engine.stats.worlds import ar1, log_prices, walk


def from_the_model(seed: int, n: int, settings: KalmanSettings) -> KalmanRun:
    """A pair that is exactly what the filter presumes, and its run."""
    rng = np.random.default_rng(seed)
    x = 0.01 * walk(rng, n)
    beta = 0.9 + np.sqrt(settings.q_beta) * walk(rng, n)
    alpha = np.sqrt(settings.q_alpha) * walk(rng, n)
    y = beta * x + alpha + np.sqrt(settings.v_e) * rng.standard_normal(n)
    return kalman_filter(y, x, KalmanState(0.9, 0.0, 1e-2, 0.0, 1e-3), settings)


def test_on_its_own_model_the_errors_are_inside_their_band() -> None:
    settings = KalmanSettings(1e-8, 1e-9, 1e-6, 0.0)
    inside, quiet = [], []
    for seed in range(200):
        run = from_the_model(seed, 700, settings)
        found = kalman_health(run.innovation[200:], run.variance[200:], settings.v_e, 10.0)
        inside.append(found.nis_low <= found.nis_white <= found.nis_high)
        quiet.append(found.ljung_box.pvalue > 0.05)
        assert found.nis == pytest.approx(1.0, abs=0.3) and abs(found.rho) < 0.2
    assert np.mean(inside) == pytest.approx(0.95, abs=0.05)
    assert np.mean(quiet) == pytest.approx(0.95, abs=0.05)


def test_on_a_real_spread_whitening_makes_the_errors_readable() -> None:
    y, x = log_prices(np.random.default_rng(1), 6000, half_life=60)
    run = kalman(y, x, 1500)
    found = kalman_health(run.innovation, run.variance, run.settings.v_e, 60.0)
    raw = ljung_box((run.innovation / np.sqrt(run.variance))[500:])
    assert raw.pvalue < 1e-12 < 0.01 < found.ljung_box.pvalue
    assert found.rho == pytest.approx(2 ** (-1 / 60), abs=0.01)


@pytest.mark.parametrize(("memory", "colour", "kept"), [(120, "red", 0.9), (450, "amber", 0.8), (6000, "green", 0.2)])
def test_the_light_follows_the_measured_memory(memory: float, colour: str, kept: float) -> None:
    """It is measured and not taken as stated: while beta is still being learnt, a long memory is shorter than set."""
    y, x = log_prices(np.random.default_rng(2), 12_000, half_life=60)
    run = kalman(y, x, memory)
    found = kalman_health(run.innovation[6000:], run.variance[6000:], run.settings.v_e, 60.0)
    assert kept * memory < found.memory_bars < memory
    assert (found.light, found.ratio) == (colour, pytest.approx(found.memory_bars / 60))


def test_a_moving_beta_shortens_the_memory_away_from_the_middle() -> None:
    memory, spread = 1500.0, 0.0155  # Var(x) of the calibration, and x now two deviations away
    v_e = 4e-6
    q = drift_of(memory, v_e)
    x = np.full(30_000, 2 * spread)
    start = KalmanState(0.9, 0.0, 1e-4, 0.0, 1e-6)
    still = kalman_filter(0.9 * x, x, start, KalmanSettings(0.0, q, v_e, 0.0))
    moving = kalman_filter(0.9 * x, x, start, KalmanSettings(q / spread**2, q, v_e, 0.0))
    assert effective_memory(still.variance[-1:], v_e) == pytest.approx(memory, rel=0.05)
    assert effective_memory(moving.variance[-1:], v_e) < 0.5 * memory


def test_memory_at_one_bar_and_over_many() -> None:
    v_e = 2.0
    for memory in (10.0, 1500.0):
        variance = v_e * 2 ** (1 / memory)  # 1 - F K = V_e / Q = 2^(-1/H)
        assert memory_of(variance, v_e) == pytest.approx(memory, rel=1e-6)
        assert effective_memory([np.nan, variance, variance], v_e) == pytest.approx(memory, rel=1e-6)
    assert memory_of(v_e, v_e) == np.inf and effective_memory([v_e], v_e) == np.inf
    assert np.isnan(memory_of(np.nan, v_e)) and np.isnan(effective_memory([np.nan], v_e))


def test_without_a_half_life_there_is_no_light() -> None:
    assert light(100.0, float("nan")) is None and light(float("nan"), 10.0) is None and light(100.0, 0.0) is None
    assert [light(memory, 10.0) for memory in (49.0, 50.0, 99.0, 100.0, np.inf)] == [
        "red", "amber", "amber", "green", "green",
    ]  # fmt: skip


@pytest.mark.parametrize("n", [50, 1000])
def test_ljung_box_equals_statsmodels(n: int) -> None:
    values = ar1(np.random.default_rng(n), n, 2)
    for lags, fitted in ((10, 0), (10, 1), (5, 2)):
        theirs = acorr_ljungbox(values, lags=[lags], model_df=fitted)
        ours = ljung_box(values, lags, fitted)
        assert ours.statistic == pytest.approx(float(theirs["lb_stat"].iloc[0]), rel=1e-8)
        assert ours.pvalue == pytest.approx(float(theirs["lb_pvalue"].iloc[0]), abs=1e-8)


def test_the_band_is_chi_squares() -> None:
    assert nis_band(500) == pytest.approx(tuple(chi2.ppf([0.025, 0.975], 500) / 500), rel=1e-9)


def test_whitening_takes_out_an_ar1() -> None:
    white, rho = whiten(ar1(np.random.default_rng(3), 20_000, 10, sd=2.0))
    assert rho == pytest.approx(2 ** (-1 / 10), abs=0.01)
    assert white.std() == pytest.approx(2.0, rel=0.1)
    assert ljung_box(white).pvalue > 0.01


@pytest.mark.parametrize("errors", [1.02 ** np.arange(200), np.ones(200)])
def test_errors_that_run_away_or_stand_still_leave_the_memory_known(errors: Floats) -> None:
    found = kalman_health(errors, np.full(200, 2.0), 1.0, 0.5)
    assert (found.memory_bars, found.ratio, found.light) == (pytest.approx(1.0), pytest.approx(2.0), "red")
    assert found.nis == pytest.approx(np.mean(errors**2) / 2)
    assert np.isnan([found.nis_white, found.ljung_box.statistic, found.ljung_box.pvalue]).all()
    assert not found.rho < 1.0


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="29 known bars; expected at least 30"):
        kalman_health([np.nan] * 20 + [1.0] * 29, [1.0] * 49, 1.0, 10.0)
    with pytest.raises(ValueError, match="values are constant"):
        ljung_box(np.ones(50))
    with pytest.raises(ValueError, match="lags is 1; expected at least 2"):
        ljung_box(np.arange(50.0), lags=1, fitted=1)
    with pytest.raises(ValueError, match="autocorrelation is"):
        whiten(2.0 ** np.arange(20))
