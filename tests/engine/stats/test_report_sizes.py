"""The sizes of a report's tests: each alone, all of them adjusted, on the noises that real markets have."""

from __future__ import annotations

import numpy as np
import pytest

from engine.stats import report, report_rows
from engine.stats.checks import Floats
from engine.stats.jit import njit
from engine.stats.report_rows import TestRow, adjusted
from tests.engine.stats.noises import NOISES, unrelated
from tests.engine.stats.worlds import ar1, cointegrated, walk


def relation_rows(y: Floats, x: Floats, draws: int) -> list[TestRow]:
    """The tests of "no relation", without the rest of a report."""
    legs = report._legs(y, x)
    return [
        *report_rows.engle_granger_rows(legs, draws, 1),
        *report_rows.phillips_ouliaris_rows(legs),
        *report_rows.gregory_hansen_rows(legs),
        *report_rows.johansen_rows(report_rows.johansen_of(legs)),
    ]


@njit
def start(seed: int) -> None:
    np.random.seed(seed)


def on_noise(noise: str, pairs: int, n: int = 500) -> tuple[float, float]:
    """Shares of unrelated pairs on which any test finds a relation: each on its own, and adjusted."""
    start(3)
    alone, together = 0, 0
    y, x = np.empty(n), np.empty(n)
    for _ in range(pairs):
        unrelated(n, NOISES[noise], 0.0, y, x)
        rows = relation_rows(y, x, draws=199)
        alone += any(each.is_rejected for each in rows)
        together += any(each.is_rejected for each in adjusted(rows))
    return alone / pairs, together / pairs


def test_on_noise_some_test_finds_something_in_one_window_of_seven_and_adjusted_in_less_than_5_percent() -> None:
    alone, together = on_noise("Gaussian", pairs=120)
    assert alone == pytest.approx(0.15, abs=0.07) and together <= 0.06


@pytest.mark.soak
@pytest.mark.parametrize(
    ("noise", "alone", "together"),
    [
        ("Gaussian", 0.16, 0.03), ("Student t3", 0.19, 0.08), ("GARCH(.12, .86)", 0.21, 0.08),
        ("GARCH-t5(.15, .83)", 0.34, 0.16), ("ARCH-like (.30, .68)", 0.36, 0.16), ("variance x 25", 0.43, 0.19),
        ("variance / 25", 0.69, 0.38),
    ],
)  # fmt: skip
def test_adjusting_does_not_mend_what_moving_variance_does_to_single_tests(
    noise: str, alone: float, together: float
) -> None:
    assert on_noise(noise, pairs=300) == (pytest.approx(alone, abs=0.06), pytest.approx(together, abs=0.06))


@pytest.mark.soak
@pytest.mark.parametrize(("deviation", "found"), [(1.0, 0.04), (2.0, 0.10), (4.3, 0.51)])
def test_a_leg_with_a_part_that_comes_back_is_found_related_to_anything(deviation: float, found: float) -> None:
    """y is a walk and an AR(1) of its own (half-life 6 bars; the deviation in steps of the walk), x another walk."""
    rng = np.random.default_rng(5)
    pairs = [(walk(rng, 600) + ar1(rng, 600, 6, deviation), walk(rng, 600)) for _ in range(400)]
    together = [any(each.is_rejected for each in adjusted(relation_rows(y, x, draws=199))) for y, x in pairs]
    assert np.mean(together) == pytest.approx(found, abs=0.06)


@pytest.mark.soak
def test_what_adjusting_costs_in_power() -> None:
    """Relations with a half-life of 20 bars in 500."""
    rng = np.random.default_rng(7)
    rows = [relation_rows(*cointegrated(rng, 500, 20), draws=199) for _ in range(300)]
    assert np.mean([each[0].is_rejected for each in rows]) == pytest.approx(0.52, abs=0.06)
    assert np.mean([any(one.is_rejected for one in adjusted(each)) for each in rows]) == pytest.approx(0.29, abs=0.06)


@pytest.mark.soak
def test_phillips_ouliaris_takes_bounce_for_a_relation() -> None:
    """Unrelated walks whose price lies two steps above or below at random."""
    rng = np.random.default_rng(7)
    sides = rng.choice([-2.0, 2.0], (300, 2, 500))
    rows = [relation_rows(walk(rng, 500) + y, walk(rng, 500) + x, draws=99) for y, x in sides]
    shares = {each.test: np.mean([row[i].is_rejected for row in rows]) for i, each in enumerate(rows[0])}
    assert shares["Phillips-Ouliaris"] == pytest.approx(0.77, abs=0.06)
    assert shares["Engle-Granger"] == pytest.approx(0.19, abs=0.06)
    assert shares["Johansen trace"] == pytest.approx(0.62, abs=0.07)


def shin_rejections(legs: int, pairs: int) -> float:
    """Shares of relations with a white residual at 500 bars that Shin's test rejects at 5 %."""
    rng = np.random.default_rng(5)
    rejected = 0
    for _ in range(pairs):
        x = np.stack([walk(rng, 500) for _ in range(legs)], axis=1)
        given = report._legs(x.sum(axis=1) + rng.standard_normal(500), x)
        rejected += report_rows.shin_rows(given, report_rows.dynamic_ols(given))[0].is_rejected
    return rejected / pairs


def test_shins_table_holds() -> None:
    assert shin_rejections(legs=1, pairs=150) == pytest.approx(0.05, abs=0.055)


@pytest.mark.soak
@pytest.mark.parametrize("legs", [1, 2, 3, 4, 5])
def test_shins_table_holds_with_more_legs(legs: int) -> None:
    assert shin_rejections(legs, pairs=300) == pytest.approx(0.05, abs=0.035)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("bars", "half_life", "covered", "rejected"), [(500, 5, 0.88, 0.12), (500, 20, 0.68, 0.53), (2_000, 20, 0.80, 0.32)]
)
def test_what_the_interval_of_dols_covers_and_shin_rejects_where_the_residual_comes_back_slowly(
    bars: int, half_life: float, covered: float, rejected: float
) -> None:
    """Relations with a hedge of 1; the interval is to cover it in 95 %, Shin's test to reject in 5 %."""
    rng = np.random.default_rng(3)
    inside, shin = 0, 0
    for _ in range(300):
        given = report._legs(*cointegrated(rng, bars, half_life))
        fitted = report_rows.dynamic_ols(given)
        inside += abs(fitted.params.iloc[0] - 1.0) < report_rows.NORMAL_5 * fitted.std_errors.iloc[0]
        shin += report_rows.shin_rows(given, fitted)[0].is_rejected
    assert (inside / 300, shin / 300) == (pytest.approx(covered, abs=0.09), pytest.approx(rejected, abs=0.09))
