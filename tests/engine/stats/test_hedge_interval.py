from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.api import GLSAR, add_constant

from engine.stats import filter_interval, hedge_interval, huber, kalman, kalman_calibrate, ols, theil_sen, tls
from engine.stats.checks import Floats
from engine.stats.hedge_interval import METHODS, HedgeInterval
from engine.stats.kalman import KalmanState, kalman_step
from engine.stats.robust import MAD_TO_SIGMA, huber_kernel, theil_sen_kernel
from engine.stats.serial_correlation import line_variances, residual_ar1
from engine.stats.sieve_bootstrap import bootstrap_lines, huber_refit
from tests.engine.stats.worlds import ar1, cointegrated, examples, log_prices, recursion, walk

CELLS = [(500, 10), (2000, 10), (500, 20), (2000, 20), (2000, 60)]  # bars and half-life: 25 half-lives or more
COVERS = {  # in each of them, of 4,000 pairs, or 1,000 where each is bootstrapped
    "ols": (0.945, 0.951, 0.950, 0.947, 0.943), "huber": (0.946, 0.950, 0.946, 0.945, 0.938),
    "theil-sen": (0.948, 0.950, 0.945, 0.950, 0.940), "tls": (0.973, 0.974, 0.972, 0.967, 0.957),
    "kalman": (0.965, 0.986, 0.970, 0.980, 0.968),
}  # fmt: skip
BOOTSTRAPPED = ("huber", "theil-sen", "tls")


def intervals(estimator: str, n: int, half_life: int, draws: int) -> list[HedgeInterval]:
    """Of pairs with beta 1; a longer list begins with the same pairs."""
    rng = np.random.default_rng(1_000 * half_life + n)
    return [hedge_interval(*cointegrated(rng, n, half_life), estimator) for _ in range(draws)]


def coverage(found: list[HedgeInterval], beta: float = 1.0) -> float:
    return float(np.mean([each.low <= beta <= each.high for each in found]))


@pytest.mark.parametrize(("n", "half_life"), CELLS)
@pytest.mark.parametrize("estimator", METHODS)
def test_95_percent_intervals_cover_beta(estimator: str, n: int, half_life: int) -> None:
    draws = 100 if estimator in BOOTSTRAPPED else 400
    assert coverage(intervals(estimator, n, half_life, draws)) >= 0.90


@pytest.mark.soak
@pytest.mark.parametrize(("n", "half_life"), CELLS)
@pytest.mark.parametrize("estimator", METHODS)
def test_95_percent_intervals_cover_beta_in_the_long_form(estimator: str, n: int, half_life: int) -> None:
    draws = 1_000 if estimator in BOOTSTRAPPED else 4_000
    found = coverage(intervals(estimator, n, half_life, draws))
    assert found >= 0.90 and found == pytest.approx(COVERS[estimator][CELLS.index((n, half_life))], abs=0.005)


def test_a_window_of_too_few_half_lives_is_marked() -> None:
    def marked(n: int, half_life: int) -> float:
        return float(np.mean([not each.is_window_long_enough for each in intervals("ols", n, half_life, 400)]))

    assert marked(500, 60) > 0.9  # 8 half-lives
    assert marked(2000, 10) == 0.0  # 200
    assert 0.3 < marked(500, 20) < 0.8  # 25, of which half of the estimates fall short
    rng = np.random.default_rng(1)
    unrelated = [hedge_interval(walk(rng, 500), walk(rng, 500)) for _ in range(400)]
    assert np.mean([not each.is_window_long_enough for each in unrelated]) > 0.95


def test_the_trap_errors_of_white_noise_cover_hardly_anything() -> None:
    rng, covered = np.random.default_rng(2), 0
    for _ in range(400):
        y, x = cointegrated(rng, 2000, 60)
        line = ols(y, x)
        error = np.sqrt(line_variances(x, 0.0, line.residuals @ line.residuals / 1998)[1])
        covered += abs(line.beta - 1.0) < 1.96 * error
    assert covered / 400 < 0.25


def test_the_trap_the_filter_s_own_variance_is_too_small() -> None:
    rng, covered = np.random.default_rng(3), 0
    for _ in range(300):
        y, x = cointegrated(rng, 2000, 20)
        (state, settings) = kalman_calibrate(y[:500], x[:500], 500.0)
        for t in range(500, 2000):
            *now, _, _ = kalman_step(
                *state, y[t], x[t] - settings.centre, settings.q_beta, settings.q_alpha, settings.v_e
            )
            state = KalmanState(*now)
        covered += abs(state.beta - 1.0) < 1.96 * np.sqrt(state.p11)
    assert covered / 300 < 0.45


@pytest.mark.parametrize(
    ("n", "half_life", "correlation", "of_ols", "of_gls"),
    [(500, 10, 0.0, 0.94, 0.95), (500, 10, 0.3, 0.925, 0.0), (500, 10, 0.6, 0.875, 0.0), (2000, 60, 0.6, 0.855, 0.0)],
)
def test_the_trap_shocks_that_go_with_x_bend_a_line_and_break_generalised_least_squares(
    n: int, half_life: int, correlation: float, of_ols: float, of_gls: float
) -> None:
    """How many intervals hold beta; those of statsmodels' GLSAR at the true phi are less than half as wide."""
    rng, phi = np.random.default_rng(4), 2.0 ** (-1.0 / half_life)
    covered, widths = np.zeros(2), []
    for _ in range(600):
        dx, own = rng.standard_normal((2, n))
        shocks = 3.0 * np.sqrt(1 - phi**2) * (correlation * dx + np.sqrt(1 - correlation**2) * own)
        x = np.cumsum(dx)
        y = x + recursion(shocks, phi, 3.0 * float(rng.standard_normal()))
        found = hedge_interval(y, x)
        low, high = GLSAR(y, add_constant(x), rho=[phi]).fit().conf_int()[1]
        covered += [found.low <= 1.0 <= found.high, low <= 1.0 <= high]
        widths.append((high - low) / (found.high - found.low))
    assert covered / 600 == pytest.approx([of_ols, of_gls], abs=0.02)
    assert np.median(widths) < 0.5


@pytest.mark.parametrize("sd", [3.0, 6.0])
def test_the_interval_of_tls_holds_both_readings_of_its_spread(sd: float) -> None:
    """Noise of y alone, in which its beta is too steep, and noise of both legs, in which it is not."""
    rng, of_y, of_both = np.random.default_rng(5), [], []
    for _ in range(150):
        of_y.append(hedge_interval(*cointegrated(rng, 500, 10, sd), "tls"))
        common = walk(rng, 500)
        half = sd / np.sqrt(2.0)
        of_both.append(hedge_interval(common + ar1(rng, 500, 10, half), common + ar1(rng, 500, 10, half), "tls"))
    assert coverage(of_y) > 0.90 and coverage(of_both) > 0.90
    assert np.mean([each.beta for each in of_y]) > 1.05 > np.mean([each.beta for each in of_both])


def test_fat_tails_do_not_matter_and_help_huber() -> None:
    """Student's t with 3 degrees of freedom in the shocks of the spread."""
    rng, phi = np.random.default_rng(6), 2.0 ** (-1.0 / 5.0)
    found: dict[str, list[HedgeInterval]] = {"ols": [], "huber": []}
    for _ in range(200):
        x = walk(rng, 500)
        y = x + recursion(rng.standard_t(3, 500), phi, 0.0)
        for estimator, each in found.items():
            each.append(hedge_interval(y, x, estimator))
    assert all(coverage(each) > 0.90 for each in found.values())
    spread = {name: np.std([one.beta for one in each]) for name, each in found.items()}
    assert spread["huber"] < spread["ols"]


def test_the_line_is_that_of_the_estimator_and_the_interval_runs_about_it() -> None:
    y, x = log_prices(np.random.default_rng(7), 400, 10.0)
    for estimator, line in (("ols", ols(y, x)), ("huber", huber(y, x)), ("theil-sen", theil_sen(y, x))):
        found = hedge_interval(y, x, estimator)
        assert (found.alpha, found.beta, found.bars) == (line.alpha, line.beta, 400)
        assert (found.low, found.high) == pytest.approx(
            (line.beta - 1.959964 * found.beta_error, line.beta + 1.959964 * found.beta_error), rel=1e-6
        )
        raw, phi, _ = residual_ar1(line.residuals, 1)
        assert raw < found.phi == phi and found.half_life == pytest.approx(-np.log(2) / np.log(phi))
        assert found.half_lives == pytest.approx(400 / found.half_life)
    steep = hedge_interval(y, x, "tls")
    assert steep.beta == tls(y, x).beta and steep.low < steep.beta < steep.high
    assert steep.beta - steep.low > steep.high - steep.beta


def test_the_filter_is_the_one_that_runs() -> None:
    y, x = log_prices(np.random.default_rng(8), 900, 20.0)
    run, found = (
        kalman(y, x, 400.0, calibration=300),
        hedge_interval(y, x, "kalman", memory_half_life=400.0, calibration=300),
    )
    assert (found.beta, found.alpha) == pytest.approx((run.beta[-1], run.alpha[-1]), rel=1e-12)
    state, settings = kalman_calibrate(y[:300], x[:300], 400.0)
    residual = ols(y[:300], x[:300]).residuals
    start = filter_interval(state, settings, residual, 300)
    # P of the calibration is V_e over the sum of squares, so its error is least squares' with the long-run variance.
    _, phi, s2 = residual_ar1(residual, 1)
    dx = x[:300] - x[:300].mean()
    assert start.beta_error == pytest.approx(np.sqrt(s2 / (1 - phi) ** 2 / (dx @ dx)), rel=1e-9)
    assert start.alpha_error == pytest.approx(
        np.sqrt(s2 / (1 - phi) ** 2 * (1 / 300 + x[:300].mean() ** 2 / (dx @ dx))), rel=1e-9
    )
    assert start.bars == 300 and found.bars == 900 and found.beta_error < start.beta_error


@examples
@given(
    seed=st.integers(0, 10_000), of_y=st.floats(1e-4, 1e4), level=st.floats(-50.0, 50.0),
    estimator=st.sampled_from(["ols", "huber", "theil-sen", "kalman"]),
)  # fmt: skip
def test_another_unit_of_y_scales_everything(seed: int, of_y: float, level: float, estimator: str) -> None:
    y, x = cointegrated(np.random.default_rng(seed), 60, 4)
    one, other = hedge_interval(y, x, estimator), hedge_interval(of_y * (y + level), x, estimator)
    for name in ("beta", "beta_error", "alpha_error", "low", "high"):
        assert getattr(other, name) == pytest.approx(of_y * getattr(one, name), rel=1e-6, abs=1e-9 * of_y)
    assert other.alpha == pytest.approx(of_y * (one.alpha + level), rel=1e-6, abs=1e-6 * of_y)
    assert other.phi == pytest.approx(one.phi, rel=1e-6)


@examples
@given(seed=st.integers(0, 10_000), unit=st.floats(1e-4, 1e4), estimator=st.sampled_from(list(METHODS)))
def test_another_unit_of_both_legs_changes_no_beta(seed: int, unit: float, estimator: str) -> None:
    y, x = cointegrated(np.random.default_rng(seed), 60, 4)
    one, other = hedge_interval(y, x, estimator), hedge_interval(unit * y, unit * x, estimator)
    for name in ("beta", "beta_error", "low", "high", "phi"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, abs=1e-9)


def test_the_same_data_give_the_same_interval_and_more_draws_hardly_another() -> None:
    y, x = cointegrated(np.random.default_rng(9), 300, 8)
    for estimator in BOOTSTRAPPED:
        found = hedge_interval(y, x, estimator)
        assert found == hedge_interval(y.copy(), x.copy(), estimator)
        other = hedge_interval(y, x, estimator, seed=1)
        assert found.beta == other.beta and found.beta_error != other.beta_error
        many = hedge_interval(y, x, estimator, resamples=2_000)
        assert found.beta_error == pytest.approx(many.beta_error, rel=0.25)


def _grown(y: Floats, x: Floats, draws: int) -> Floats:
    """Spreads as the bootstrap grows them about the least squares line, by numpy's generator."""
    line, rng = ols(y, x), np.random.default_rng(10)
    raw, phi, s2 = residual_ar1(line.residuals, 1)
    shocks = line.residuals[1:] - raw * line.residuals[:-1]
    shocks = (shocks - shocks.mean()) * np.sqrt(s2 / shocks.var())
    start = np.sqrt(s2 / (1 - phi**2))
    paths = [recursion(rng.choice(shocks, y.size), phi, start * float(rng.standard_normal())) for _ in range(draws)]
    return line.alpha + line.beta * x + np.array(paths)


def test_the_bootstrap_has_the_spread_of_estimators_fitted_in_full() -> None:
    """Both short cuts, and the growing of the spreads, against another implementation."""
    y, x = cointegrated(np.random.default_rng(11), 300, 8)
    paths = _grown(y, x, 400)
    for name, kernel in (("huber", huber_kernel), ("theil-sen", theil_sen_kernel)):
        full = np.std([kernel(path, x)[1] for path in paths])
        assert hedge_interval(y, x, name, resamples=400).beta_error == pytest.approx(full, rel=0.15)
    full = np.std([tls(path, x).beta for path in paths])
    assert hedge_interval(y, x, "tls", resamples=400).beta_error == pytest.approx(full, rel=0.2)


def test_five_reweightings_are_within_a_hundredth_of_the_error_of_where_huber_settles() -> None:
    rng, off = np.random.default_rng(12), []
    for _ in range(200):
        y, x = cointegrated(rng, 200, 5)
        alpha, beta = huber_kernel(y, x)
        scale = np.median(np.abs(y - alpha - beta * x)) / MAD_TO_SIGMA
        off.append((huber_refit(y, x, scale)[1] - beta) / hedge_interval(y, x).beta_error)
    assert np.sqrt(np.mean(np.square(off))) < 0.01


def test_a_leg_whose_price_repeats_has_an_interval_and_a_flat_one_none() -> None:
    y, x = cointegrated(np.random.default_rng(13), 200, 5)
    steps = np.repeat(x[::10], 10)
    found = hedge_interval(y, steps, "theil-sen")
    assert found.low < found.beta < found.high
    off = bootstrap_lines(y, np.ones(200), 0.0, 1.0, 1, 0.5, 0.5, 1.0, 3, 1)
    assert np.isnan(off).all()


def test_what_cannot_be_estimated_is_refused_by_name() -> None:
    y, x = cointegrated(np.random.default_rng(14), 100, 5)
    for arguments, message in (
        ((y, x, "ridge"), "estimator is 'ridge'; expected one of ols, huber, theil-sen, tls, kalman"),
        ((y[:19], x[:19]), "y has 19 values; expected at least 20"),
        ((y, np.full(100, 3.0)), "x or the residual is constant"),
        ((2.0 * x, x, "huber"), "x or the residual is constant"),
        ((y, x[:50]), "y has 100 values and x has 50"),
    ):
        with pytest.raises(ValueError, match=message):
            hedge_interval(*arguments)
    with pytest.raises(ValueError, match="resamples is 1; expected at least 2"):
        hedge_interval(y, x, "tls", resamples=1)
    with pytest.raises(ValueError, match="calibration is 100; expected at least 3 and at most 99"):
        hedge_interval(y, x, "kalman", calibration=100)
