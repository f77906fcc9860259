"""A pair's evidence: power, nulls, coverage, health, breaks, counts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.pairs import PairModel, classic, evidence_of
from engine.pairs.evidence import ALONE, DAY_MS
from engine.pairs.layout import Floats, In, Out
from engine.stats import eg_power, engle_granger, half_life, kalman_health, ols
from engine.stats.mackinnon import eg_critical
from tests.engine.pairs.worlds import PRESETS, SLOT, WIDTH_MS, bars_of, fill, model_of, reverting, walking
from tests.engine.stats.worlds import ar1, walk

DEFAULT = classic(interval_ms=WIDTH_MS)


def pair(seed: int, half_life_bars: float, bars: int) -> tuple[Floats, Floats]:
    """Log prices (y, x): the recipe of the Kalman table, a spread of 20 bp."""
    rng = np.random.default_rng(seed)
    x = 11.0 + 2e-4 * walk(rng, bars)
    return 0.9 * x - 3.0 + ar1(rng, bars, half_life_bars, 2e-3), x


def test_the_test_and_its_power_are_those_of_the_window_that_ends_now() -> None:
    y, x = pair(1, 20.0, 1_200)
    model = model_of(bars_of(y, x), DEFAULT)
    found = evidence_of(model)
    residual = ols(y[-500:], x[-500:]).residuals
    raw = half_life(residual, residual=True)
    assert found.test_bars == 500 and found.half_life is not None and found.test is not None
    assert found.half_life.bars == pytest.approx(raw.bars) and found.half_life.null_median == 0.087 * 500
    assert found.half_life.low < found.half_life.bars < found.half_life.high
    assert found.test.power == pytest.approx(eg_power(500, raw.bars), abs=1e-9)
    assert found.test.bars_needed == pytest.approx(35 * raw.bars, rel=0.1)
    assert (found.test.null_half_life, found.test.null_residual) == (0.153 * 500, 0.087 * 500)
    assert found.test.critical_5 == pytest.approx(eg_critical(1, 500.0)) == pytest.approx(-3.348, abs=1e-3)


@pytest.mark.parametrize("ratio", [10, 20, 25, 40, 50])
def test_power_at_the_true_half_life_is_how_often_the_gate_opens(ratio: int) -> None:
    """The figure that is shown against the model's own first test on 1,000 true pairs, one lag, 500 bars."""
    chosen = replace(DEFAULT, gate_every=500, gate_lags="1", calibration_bars=5_000)
    slot = SLOT - SLOT % 500 - 499
    rng = np.random.default_rng(ratio)
    opened = []
    for _ in range(1_000):
        x = walk(rng, 500)
        y = x + ar1(rng, 500, 500 / ratio, 3.0)
        opened.append(model_of(bars_of(8.0 + 1e-4 * y, 11.0 + 1e-4 * x), chosen, slot).snapshot(499).gate)
    assert np.mean(opened) == pytest.approx(eg_power(500, 500 / ratio), abs=0.04)


def test_noise_shows_its_null_half_life_and_no_power() -> None:
    found = [evidence_of(model_of(walking(seed, 700), DEFAULT)) for seed in range(60)]
    shown = [each.half_life.raw_bars for each in found if each.half_life is not None]
    assert np.median(shown) == pytest.approx(0.087 * 500, rel=0.25)
    assert np.nanmedian([each.test.power for each in found if each.test is not None]) < 0.2


def test_a_leg_that_comes_back_by_itself_is_told_from_legs_that_walk() -> None:
    """Any walk beside a stationary leg is 'related'; of 100 walks one is named by chance."""
    walks = np.array([evidence_of(model_of(walking(seed, 700), DEFAULT)).legs for seed in range(100)])
    assert 0.0 <= np.mean(walks < ALONE) <= 0.03 and walks.shape == (100, 2)
    rng = np.random.default_rng(9)
    for _ in range(5):
        y, x = 8.0 + ar1(rng, 700, 3.0, 1e-3), 11.0 + 1e-4 * walk(rng, 700)
        alone, other = evidence_of(model_of(bars_of(y, x), DEFAULT)).legs
        assert alone < ALONE < other
        assert engle_granger(y[-500:], x[-500:]).pvalue < 0.01, "and so it is 'related' to a walk"


def test_before_a_window_is_full_nothing_is_said_about_it() -> None:
    for bars in (0, 1, 30, 300, 499):
        model = PairModel(DEFAULT, SLOT)
        model.extend(reverting(1, 600)[:, :bars])
        found = evidence_of(model)
        assert found.half_life is None and found.bounce is None
        assert found.test is not None and math.isnan(found.test.power)
        assert (found.tests, found.tests_today, found.flips) == (0, 0, 0) and math.isnan(found.open_share)
        assert all(math.isnan(each.share) == (each.bars > bars) for each in found.coverage)


def test_without_a_gate_there_is_no_test_window() -> None:
    found = evidence_of(model_of(reverting(1), replace(DEFAULT, gate="off")))
    assert found.test_bars == 0 and found.test is None and found.half_life is None and found.bounce is None
    assert [each.name for each in found.coverage] == ["beta", "z"]


def test_each_window_has_its_coverage_and_its_gap() -> None:
    bars = fill(reverting(2, 700), "x", 600, 660)
    bars = fill(bars, "y", 470, 480, tainted=True)
    found = {each.name: each for each in evidence_of(model_of(bars, DEFAULT)).coverage}
    assert {name: each.bars for name, each in found.items()} == {"beta": 200, "z": 50, "test": 500}
    assert found["z"].share == pytest.approx(40 / 50)
    assert found["beta"].share == pytest.approx(140 / 200)
    assert found["test"].share == pytest.approx(430 / 500)
    assert [found[name].is_touched for name in ("z", "beta", "test")] == [False, False, True]


def test_tests_of_today_are_counted_from_midnight() -> None:
    every, bars = DEFAULT.gate_every, 900
    per_day = DAY_MS // WIDTH_MS
    midnight = (SLOT // per_day + 1) * per_day
    for before in (0, 100, 600, 899):  # bars before midnight
        model = model_of(reverting(3, bars), DEFAULT, midnight - before)
        tested = [i for i in range(499, bars) if (midnight - before + i) % every == 0]
        found = evidence_of(model)
        assert found.tests == len(tested)
        assert found.tests_today == sum(i >= before for i in tested)


def test_health_is_that_of_the_last_bars_in_which_the_filter_learnt() -> None:
    y, x = pair(5, 30.0, 2_000)
    bars = fill(bars_of(y, x), "x", 1_900, 1_930)
    model = model_of(bars, replace(DEFAULT, memory_half_life=300.0))
    found, calibration = evidence_of(model).health, model.calibration
    assert found is not None and calibration is not None and calibration.start is not None
    assert np.isnan(model.column(Out.MEMORY)[1_900:1_930]).all()
    real = np.r_[1_470:1_900, 1_930:2_000]
    variance = calibration.start.v_e * np.exp2(1 / model.column(Out.MEMORY)[real])
    residual = ols(*model.inputs(model.price_row)).residuals
    bars_of_run = half_life(residual, residual=True).bars
    expected = kalman_health(model.column(Out.SPREAD)[real], variance, calibration.start.v_e, bars_of_run)
    assert found == expected
    assert 200 < found.memory_bars < 300  # while beta is still being learnt the memory is shorter than set


def half_life_of(model: PairModel) -> float:
    found = evidence_of(model).half_life
    assert found is not None
    return found.bars


@pytest.mark.parametrize(("half_lives", "colours"), [(2, {"red"}), (8, {"amber"}), (60, {"green"})])
def test_the_light_is_red_where_the_filter_eats_the_spread(half_lives: int, colours: set[str]) -> None:
    found = []
    for seed in range(6):
        y, x = pair(seed, 30.0, 4_000)
        chosen = replace(DEFAULT, memory_half_life=30.0 * half_lives, calibration_bars=1_000, test_window=2_000)
        health = evidence_of(model_of(bars_of(y, x), chosen)).health
        assert health is not None and health.light is not None
        found.append(health.light)
    assert set(found) <= colours


@pytest.mark.parametrize(("memory", "correlation", "deviation"), [(120, 0.60, 0.54), (1_500, 0.95, 0.91)])
def test_a_long_memory_keeps_the_spread_and_a_short_one_eats_it(
    memory: int, correlation: float, deviation: float
) -> None:
    """N6: at 25 half-lives of memory the innovation correlates with the true spread by 0.9 or more, at 2 it does not.

    math.md's table states V_e by the first 500 spread values; here it is the calibration's residual variance, which
    a short calibration understates, so the deviation of z may lie above the table's.
    """
    shown, spreads = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x = 11.0 + 2e-4 * walk(rng, 6_000)
        spread = ar1(rng, 6_000, 60.0, 2e-3)
        chosen = replace(DEFAULT, memory_half_life=float(memory), calibration_bars=1_500, z_scale="filter", gate="off")
        model = model_of(bars_of(0.9 * x + spread - 3.0, x), chosen)
        late = slice(2_000, None)
        spreads.append(np.corrcoef(model.column(Out.SPREAD)[late], spread[late])[0, 1])
        shown.append(np.std(model.column(Out.Z)[late]))
    if memory == 1_500:
        assert np.median(spreads) >= 0.9 and deviation * 0.88 <= np.median(shown) <= 1.4
    else:
        assert np.median(spreads) < 0.85 and correlation < 0.85


def test_other_estimators_have_no_filter_to_be_healthy() -> None:
    for name, chosen in PRESETS.items():
        found = evidence_of(model_of(reverting(1, 1_200), chosen))
        assert (found.health is None) == ("kalman" not in name), name


def test_the_evidence_says_how_near_the_break_alarm_is() -> None:
    y, x = pair(3, 20.0, 900)
    assert evidence_of(model_of(bars_of(y, x), DEFAULT)).breaks is None, "off"
    chosen = replace(DEFAULT, break_alarm=5_000)
    assert evidence_of(model_of(bars_of(y[:300], x[:300]), chosen)).breaks is None, "not calibrated yet"
    calm = evidence_of(model_of(bars_of(y, x), chosen)).breaks
    assert calm is not None and calm.bars == 5_000 and max(calm.level, calm.beta) < 0.6
    y[-10:] += 0.03
    found = evidence_of(model_of(bars_of(y, x), chosen)).breaks
    assert found is not None and calm.level < found.level < 1.0


def test_a_relation_that_runs_away_has_no_whitened_errors_and_still_a_light() -> None:
    y, x = pair(3, 20.0, 2_000)
    y[1_600:] += 1e-3 * 1.02 ** np.arange(400)
    found = evidence_of(model_of(bars_of(y, x), DEFAULT))
    assert found.health is not None and math.isnan(found.health.nis_white) and found.health.nis > 10.0


def test_a_spread_of_prints_is_measured_from_the_line_of_the_mids() -> None:
    rng = np.random.default_rng(4)
    y, x = pair(4, 20.0, 800)
    bars = bars_of(y, x)
    bars[7] *= 1 + 4e-4 * rng.choice([-1, 1], 800)  # Y's prints bounce by 4 bp
    found = evidence_of(model_of(bars, DEFAULT)).bounce
    assert found is not None
    noise = np.var(np.log(bars[7]) - y)
    assert found.level_share == pytest.approx(noise / np.var(ols(y[-500:], x[-500:]).residuals), rel=0.3)
    assert found.half_life_prints < found.half_life_mid
    same = evidence_of(model_of(bars_of(y, x), DEFAULT)).bounce
    assert same is not None and (same.level_share, same.ratio, same.is_bounce) == (0.0, 1.0, False)


def test_one_bar_whose_price_is_a_print_leaves_bounce_unknown() -> None:
    bars = bars_of(*pair(4, 20.0, 800))
    bars[8, 500] = np.nan
    assert evidence_of(model_of(bars, DEFAULT)).bounce is None
    model = model_of(bars[:, :499], replace(DEFAULT, test_window=400))
    assert evidence_of(model).bounce is not None
    np.testing.assert_array_equal(model_of(bars, DEFAULT).inputs(In.LAST)[1][500], bars[1, 500])


def test_prices_that_stand_still_have_no_evidence_and_no_warning() -> None:
    found = evidence_of(model_of(bars_of(np.full(900, 2.0), np.full(900, 3.0)), DEFAULT))
    assert (found.half_life, found.bounce, found.health, found.breaks) == (None, None, None, None)
    one = evidence_of(model_of(bars_of(np.full(900, 2.0), 3.0 + 1e-4 * walk(np.random.default_rng(1), 900)), DEFAULT))
    assert one.breaks is None and one.health is None


def test_the_gate_statistic_beside_it_is_of_the_same_residual() -> None:
    y, x = pair(6, 20.0, 900)
    slot = SLOT - SLOT % 12 - 899  # the last bar is on the schedule
    model = model_of(bars_of(y, x), DEFAULT, slot)
    assert model.snapshot(899).gate_statistic == pytest.approx(engle_granger(y[-500:], x[-500:]).statistic, abs=1e-8)
