"""The error of the hedge in use and the speeds of both legs, as they stand beside a pair's figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.pairs import PairModel, classic, evidence_of
from engine.pairs.hedge_evidence import RESAMPLES, error_correction_of, hedge_of
from engine.pairs.layout import At, Out
from engine.pairs.settings import ESTIMATORS, MAX_WINDOW
from engine.stats import (
    HedgeInterval,
    KalmanSettings,
    KalmanState,
    error_correction,
    filter_interval,
    hedge_interval,
    ols,
)
from tests.engine.pairs.worlds import PRESETS, SLOT, WIDTH_MS, bars_of, fill, model_of, reverting, walking
from tests.engine.stats.worlds import ar1, walk

DEFAULT = classic(interval_ms=WIDTH_MS)
LINES = [name for name in PRESETS if not name.startswith("kalman")]


def interval_of(model: PairModel) -> object:
    return hedge_of(model, model.windows().get("test", 0))


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("bars", [420, 607])
def test_the_interval_is_that_of_the_line_that_the_last_bar_was_measured_from(name: str, bars: int) -> None:
    model = model_of(reverting(1, bars), PRESETS[name])
    found, window = hedge_of(model, 0), model.windows()["beta"]
    assert found is not None and found.bars == window
    assert found.beta == pytest.approx(float(model.column(Out.BETA)[-1]), rel=1e-9)
    assert found.alpha == pytest.approx(float(model.column(Out.ALPHA)[-1]), rel=1e-9)
    fits = [stop for stop in range(window, bars) if is_same_line(model, stop - window, stop, found)]
    y, x = model.inputs(model.price_row, fits[-1] - window, fits[-1])
    assert found == hedge_interval(y, x, model.settings.estimator, resamples=RESAMPLES)


def is_same_line(model: PairModel, start: int, stop: int, line: HedgeInterval) -> bool:
    """By both numbers: the median slope of two windows may be the same."""
    y, x = model.inputs(model.price_row, start, stop)
    found = hedge_interval(y, x, model.settings.estimator, resamples=2)
    return (found.beta, found.alpha) == (line.beta, line.alpha)


def test_the_interval_of_the_filter_rests_on_the_bars_that_taught_it() -> None:
    bars = fill(reverting(2, 900, 8.0), "x", 700, 760)
    model = model_of(bars, DEFAULT)
    found, calibration = hedge_of(model, 500), model.calibration
    assert found is not None and calibration is not None
    assert found.bars == 900 - 60 and found.method == "filter variance"
    assert found.beta == pytest.approx(float(model.column(Out.BETA)[-1]), abs=found.beta_error / 10)
    state = KalmanState(*(model.state(row) for row in (At.K_BETA, At.K_ALPHA, At.P11, At.P12, At.P22)))
    y, x = model.inputs(model.price_row, 400)
    settings = KalmanSettings(0.0, 0.0, calibration.start.v_e, calibration.start.centre)
    assert found == filter_interval(state, settings, ols(y, x).residuals, 840)
    ungated = hedge_of(model_of(bars, replace(DEFAULT, gate="off")), 0)
    y, x = model.inputs(model.price_row)  # without a test window, up to 5,000 bars
    assert model.size < MAX_WINDOW and ungated is not None
    assert ungated == filter_interval(state, settings, ols(y, x).residuals, 840)


def test_the_speeds_are_those_over_the_test_window() -> None:
    model = model_of(reverting(3, 900, 10.0), DEFAULT)
    found = evidence_of(model)
    y, x = model.inputs(model.price_row, 400)
    assert found.correction == error_correction(y, x) and found.correction.adjusting in ("y", "both")
    assert found.hedge == hedge_of(model, 500)


@pytest.mark.parametrize("space", ["log", "price"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_intervals_of_running_pairs_cover_the_true_beta(estimator: str, space: str) -> None:
    """Half-life 8, a beta window of 400 bars: 50 half-lives. In price space both legs stand near one price."""
    rng, covered, marked = np.random.default_rng(4), 0, 0
    chosen = replace(DEFAULT, estimator=estimator, space=space, beta_window=400)
    for _ in range(60):
        x = 1e-4 * walk(rng, 1_000)
        y = 0.9 * x + ar1(rng, 1_000, 8.0, 5e-4)
        if space == "price":
            y, x = np.log1p(y), np.log1p(x)
        found = hedge_of(model_of(bars_of(3.0 + y, 3.0 + x), chosen), 500)
        assert found is not None
        covered += found.low <= 0.9 <= found.high
        marked += not found.is_window_long_enough
    assert covered >= 54 and marked <= 15


def test_on_unrelated_walks_the_window_is_too_short() -> None:
    found = [hedge_of(model_of(walking(seed, 700), replace(DEFAULT, estimator="ols")), 500) for seed in range(60)]
    assert np.mean([each is not None and each.is_window_long_enough for each in found]) < 0.1


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_before_there_is_a_line_there_is_no_interval(estimator: str) -> None:
    chosen = replace(DEFAULT, estimator=estimator)
    for bars in (0, 1, 30, 200):
        model = PairModel(chosen, SLOT)
        model.extend(reverting(5, 600)[:, :bars])
        assert interval_of(model) is None
        assert error_correction_of(model, model.windows()["test"]) is None
    model = model_of(reverting(5, 600), replace(chosen, gate="off"))
    assert interval_of(model) is not None and error_correction_of(model, 0) is None


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_prices_that_stand_still_give_nothing(estimator: str) -> None:
    moving = reverting(6, 500)
    still = np.repeat(moving[:, -1:], 600, axis=1)
    model = model_of(np.concatenate([moving, still], axis=1), replace(DEFAULT, estimator=estimator))
    found = evidence_of(model)
    assert found.hedge is None and found.correction is None
    flat = model_of(bars_of(np.full(900, 2.0), np.full(900, 3.0)), replace(DEFAULT, estimator=estimator))
    assert evidence_of(flat).hedge is None and evidence_of(flat).correction is None
