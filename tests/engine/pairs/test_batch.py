"""Online equals batch: every column at every prefix against a recomputation over its window, at every price level."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from engine.pairs import PairModel, PairSettings
from engine.pairs.calibration import refit_every
from engine.pairs.layout import Floats, Out
from engine.stats import engle_granger, huber, ols, theil_sen, tls
from engine.stats.checks import ArrayLike
from engine.stats.regression import Line
from engine.stats.robust import TheilSenLine
from tests.engine.pairs.worlds import CLASSIC, SLOT, bars_of, fill, model_of, reverting
from tests.engine.stats.worlds import ar1, walk

LEVELS = [1e-6, 1.0, 6e4, 1e8]
BARS = 260
Fit = Callable[[ArrayLike, ArrayLike], Line | TheilSenLine]
ROLLING: dict[str, Fit] = {"ols": ols, "tls": tls}
FITTED: dict[str, Fit] = {"huber": huber, "theil-sen": theil_sen}

each_level = pytest.mark.parametrize("level", LEVELS)
each_space = pytest.mark.parametrize("space", ["log", "price"])


def legs(space: str, level: float, bars: int = BARS) -> tuple[Floats, Floats]:
    """Prices (y, x) of a pair whose legs are ``level`` and a twentieth of it; 2 bp steps."""
    rng = np.random.default_rng(11)
    x = 2e-4 * walk(rng, bars)
    return 0.05 * level * np.exp(0.9 * x + ar1(rng, bars, 4.0, 2e-3)), level * np.exp(x)


def modelled(space: str, level: float, estimator: str) -> tuple[PairModel, Floats, Floats]:
    """A model and the two series it measures, in its own space."""
    y, x = legs(space, level)
    model = model_of(bars_of(np.log(y), np.log(x)), replace(CLASSIC, estimator=estimator, space=space))
    row = model.price_row
    measured = model.inputs(row)
    return model, *measured


@each_level
@each_space
def test_rolling_least_squares(space: str, level: float) -> None:
    model, y, x = modelled(space, level, "kalman")
    w = CLASSIC.beta_window or 0
    known = model.column(Out.BETA_OLS)
    assert np.isnan(known[:w]).all()
    batch = [ols(y[t - w : t], x[t - w : t]).beta for t in range(w, BARS)]
    assert_allclose(known[w:], batch, rtol=1e-9)


@each_level
@each_space
@pytest.mark.parametrize("estimator", ROLLING)
def test_lines_that_roll_with_every_bar(space: str, level: float, estimator: str) -> None:
    model, y, x = modelled(space, level, estimator)
    beta_bars, z_bars = CLASSIC.beta_window or 0, CLASSIC.z_window or 0
    assert np.isnan(model.column(Out.SPREAD)[:beta_bars]).all()
    for t in range(beta_bars, BARS):
        line = ROLLING[estimator](y[t - beta_bars : t], x[t - beta_bars : t])
        check_line(model, t, line, y, x, z_bars)


@each_level
@each_space
@pytest.mark.parametrize("estimator", FITTED)
def test_lines_that_stand_until_the_next_fit(space: str, level: float, estimator: str) -> None:
    model, y, x = modelled(space, level, estimator)
    beta_bars, z_bars = CLASSIC.beta_window or 0, CLASSIC.z_window or 0
    every = refit_every(CLASSIC, beta_bars)
    assert every == 4
    line: Line | TheilSenLine | None = None
    for t in range(BARS):  # the line at bar t was fitted at the last slot of the schedule before it
        if line is None:
            assert math.isnan(model.column(Out.BETA)[t])
        else:
            check_line(model, t, line, y, x, z_bars)
        if (SLOT + t) % every == 0 and t + 1 >= beta_bars:
            line = FITTED[estimator](y[t + 1 - beta_bars : t + 1], x[t + 1 - beta_bars : t + 1])
    assert line is not None


def check_line(model: PairModel, t: int, line: Line | TheilSenLine, y: Floats, x: Floats, z_bars: int) -> None:
    """Line, spread, mean, deviation and z of bar t: the whole z window measured from today's line, bar t left out."""
    shot = model.snapshot(t)
    assert shot.beta == pytest.approx(line.beta, rel=1e-8)
    spread = y - (line.beta * x + line.alpha)
    before = spread[t - z_bars : t]
    near = 1e-7 * float(np.std(before))
    assert shot.spread == pytest.approx(spread[t], abs=near)
    assert shot.mean == pytest.approx(before.mean(), abs=near)
    assert shot.deviation == pytest.approx(before.std(ddof=1), rel=1e-6)
    assert shot.z == pytest.approx((spread[t] - before.mean()) / before.std(ddof=1), abs=1e-5)


def filtered(y: Floats, x: Floats, settings: PairSettings, start: int) -> tuple[Floats, Floats, Floats]:
    """(beta before each bar, innovation, variance) by matrices, from the calibration on ``start`` bars."""
    centre = x[:start].mean()
    design = np.stack([x[:start] - centre, np.ones(start)], axis=1)
    theta, rss, _, _ = np.linalg.lstsq(design, y[:start] - y[0], rcond=None)
    theta[1] += y[0]
    v_e = float(rss[0]) / (start - 2)
    P = v_e * np.linalg.inv(design.T @ design)
    kept = 0.5 ** (1.0 / (settings.memory_half_life or 0.0))
    W = np.diag([0.0, v_e * (1 - kept) ** 2 / kept])
    out = np.full((3, y.size), np.nan)
    for t in range(start, y.size):
        F = np.array([x[t] - centre, 1.0])
        R = P + W
        error, variance = y[t] - F @ theta, F @ R @ F + v_e
        out[:, t] = theta[0], error, variance
        K = R @ F / variance
        theta = theta + K * error
        keep = np.eye(2) - np.outer(K, F)
        P = keep @ R @ keep.T + v_e * np.outer(K, K)
    return out[0], out[1], out[2]


@each_level
@each_space
@pytest.mark.parametrize("z_scale", ["rolling", "filter"])
def test_the_filter(space: str, level: float, z_scale: str) -> None:
    y, x = legs(space, level)
    chosen = replace(CLASSIC, space=space, z_scale=z_scale)
    model = model_of(bars_of(np.log(y), np.log(x)), chosen)
    y, x = model.inputs(model.price_row)
    start, z_bars = chosen.calibration_bars, chosen.z_window or 0
    beta, innovation, variance = filtered(y, x, chosen, start)
    assert_allclose(model.column(Out.BETA), beta, rtol=1e-8)
    assert_allclose(model.column(Out.SPREAD), innovation, atol=1e-7 * float(np.nanstd(innovation)))
    assert_allclose(model.column(Out.MEMORY)[start:], math.log(2) / np.log(variance / v_e_of(model))[start:], rtol=1e-5)
    z = innovation / np.sqrt(variance)
    if z_scale == "rolling":
        z[: start + z_bars] = np.nan
        for t in range(start + z_bars, BARS):
            before = innovation[t - z_bars : t]
            z[t] = (innovation[t] - before.mean()) / before.std(ddof=1)
    assert_allclose(model.column(Out.Z), z, atol=1e-5)


def v_e_of(model: PairModel) -> float:
    assert model.calibration is not None and model.calibration.start is not None
    return model.calibration.start.v_e


@each_level
@each_space
def test_the_gate_tests_the_window_that_ends_at_its_bar(space: str, level: float) -> None:
    model, y, x = modelled(space, level, "ols")
    w, every = CLASSIC.test_window or 0, CLASSIC.gate_every
    tested = [t for t in range(w - 1, BARS) if (SLOT + t) % every == 0]
    assert len(tested) == model.gate_tests > 30
    for t in tested:
        batch = engle_granger(y[t + 1 - w : t + 1], x[t + 1 - w : t + 1])
        shot = model.snapshot(t)
        assert shot.gate_statistic == pytest.approx(batch.statistic, abs=1e-8)
        assert (shot.gate_critical, shot.gate_pvalue) == pytest.approx((batch.critical[10], batch.pvalue))
        assert_array_equal(model.column(Out.GATE_STATISTIC)[t : t + every], shot.gate_statistic)


@each_level
def test_scale_does_not_show_in_log_space(level: float) -> None:
    """z is the same whether a price is quoted in dollars or cents, whichever leg and whatever the estimator."""
    y, x = legs("log", 1.0)
    for estimator in ("kalman", "ols", "huber", "theil-sen", "tls"):
        chosen = replace(CLASSIC, estimator=estimator)
        one = model_of(bars_of(np.log(y), np.log(x)), chosen).column(Out.Z)
        other = model_of(bars_of(np.log(y * level), np.log(x / level)), chosen).column(Out.Z)
        assert_allclose(other, one, atol=1e-6)


def test_coverage_counts_the_bars_in_which_both_legs_traded() -> None:
    bars = fill(fill(reverting(1, 200), "y", 100, 110), "x", 105, 120)
    model = model_of(bars)
    w = CLASSIC.z_window or 0
    real = np.ones(200)
    real[100:120] = 0.0
    batch = [real[t - w + 1 : t + 1].mean() if t + 1 >= w else math.nan for t in range(200)]
    assert_array_equal(model.column(Out.COVERAGE), batch)


def test_a_round_trip_costs_four_fills() -> None:
    for space in ("log", "price"):
        model, y, x = modelled(space, 6e4, "ols")
        shot = model.snapshot(BARS - 1)
        fraction = CLASSIC.fee_bps * 1e-4 + 1e-5  # fee and half-spread
        sizes = (1.0, 1.0) if space == "log" else (y[-1], x[-1])
        cost = 2 * fraction * (sizes[0] + abs(shot.beta) * sizes[1])
        assert shot.cost_z == pytest.approx(cost / shot.deviation)
    fixed = model_of(reverting(1, 100), replace(CLASSIC, estimator="ols", half_spread_bps=2.0))
    shot = fixed.snapshot(99)
    assert shot.cost_z == pytest.approx(2 * 7e-4 * (1 + abs(shot.beta)) / shot.deviation)
