"""The gate: its size on noise, its hysteresis, its dwell, and what it counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.pairs import Action, PairModel, PairSettings, Reason, classic, defended
from engine.pairs.gate import CLOSE_ROW
from engine.pairs.layout import At, Floats, Out
from engine.stats.mackinnon import eg_critical
from engine.stats.random import advanced, mixed
from engine.stats.unitroot import BIC
from engine.stats.wild_bootstrap import DRAWS, wild_bootstrap_kernel
from tests.engine.pairs.worlds import CLASSIC, SLOT, WIDTH_MS, bars_of, columns_of, model_of, reverting, walking
from tests.engine.stats.worlds import cointegrated, walk

EVERY_BAR = classic(interval_ms=WIDTH_MS, gate_every=1)


def gated(seed: int, half_life: float, chosen: PairSettings, bars: int = 4_000) -> PairModel:
    """A pair that is truly cointegrated."""
    y, x = cointegrated(np.random.default_rng(seed), bars, half_life)
    return model_of(bars_of(5.0 + 1e-4 * y, 9.0 + 1e-4 * x), chosen)


def flips_of(is_open: Floats) -> int:
    return int(np.count_nonzero(np.diff(is_open)))


def test_one_evaluation_on_noise_opens_on_at_most_seven_percent() -> None:
    """2,000 independent pairs, BIC lags, the 5 % value, a window of 500 bars: the model's first test."""
    rng = np.random.default_rng(2026)
    chosen = replace(EVERY_BAR, gate_every=500)
    slot = SLOT - SLOT % 500 - 499  # so that the bar that fills the window is on the schedule
    opened = []
    for _ in range(2_000):
        bars = bars_of(8.0 + 1e-4 * walk(rng, 500), 11.0 + 1e-4 * walk(rng, 500))
        model = PairModel(chosen, slot)
        model.extend(bars)
        assert model.gate_tests == 1
        opened.append(model.snapshot(499).gate)
    assert 0.03 <= np.mean(opened) <= 0.07


def test_a_rolling_gate_on_noise_opens_for_a_while_in_nearly_every_pair() -> None:
    """Why the share of time and the number of tests are shown: one opening proves nothing."""
    models = [model_of(walking(seed, 3_500), classic(interval_ms=WIDTH_MS)) for seed in range(120)]
    shares = [model.gate_open_share for model in models]
    assert np.mean(shares) == pytest.approx(0.09, abs=0.03)
    assert np.quantile(shares, (0.05, 0.95)) == pytest.approx((0.01, 0.25), abs=0.03)
    assert np.mean([np.nanmax(model.column(Out.GATE)) for model in models]) >= 0.9
    assert {model.gate_tests for model in models} == {250}


@pytest.mark.parametrize("half_life", [25, 60])
def test_hysteresis_flips_a_fifth_as_often_at_the_same_share_of_time(half_life: int) -> None:
    """Against a gate that opens and closes at one value, set so that it is open as long; both tested at every bar."""
    ours = naive = at_5 = 0
    for seed in range(8):
        model = gated(seed, half_life, EVERY_BAR)
        statistic = model.column(Out.GATE_STATISTIC)[499:]
        level = np.quantile(statistic, model.gate_open_share)
        assert np.mean(statistic < level) == pytest.approx(model.gate_open_share, abs=0.001)
        naive += flips_of(statistic < level)
        at_5 += flips_of(statistic < eg_critical(1, 500.0))
        ours += model.gate_flips
    assert naive >= 5 * ours > 0
    assert at_5 >= 3 * ours  # the textbook gate, although it is open far less


def test_it_counts_what_the_columns_show() -> None:
    for chosen in (EVERY_BAR, classic(interval_ms=WIDTH_MS), replace(CLASSIC, gate_dwell=0)):
        model = gated(3, 25, chosen)
        gate = model.column(Out.GATE)
        known = gate[~np.isnan(gate)]
        assert model.gate_open_share == known.mean()
        assert model.gate_flips == flips_of(known) > 0
        window, every = chosen.test_window or 0, chosen.gate_every
        due = [i for i in range(window - 1, model.size) if (SLOT + i) % every == 0]
        assert model.gate_tests == len(due)
        assert np.isnan(gate[: due[0]]).all() and model.state(At.TESTED) == SLOT + due[-1]


def test_it_opens_at_its_level_and_closes_at_twenty_percent() -> None:
    for level, row in ((1, 0), (5, 1), (10, 2)):
        model = gated(5, 25, replace(EVERY_BAR, gate_level=level, gate_dwell=0))
        gate, statistic = model.column(Out.GATE)[499:], model.column(Out.GATE_STATISTIC)[499:]
        is_open, opens, closes = gate[0], eg_critical(row, 500.0), eg_critical(3, 500.0)
        for now, tau in zip(gate, statistic, strict=True):
            is_open = float(tau < closes) if is_open else float(tau < opens)
            assert now == is_open
        np.testing.assert_array_equal(model.column(Out.GATE_CRITICAL)[499:], opens)


def test_it_keeps_its_state_for_the_dwell() -> None:
    model = gated(6, 25, replace(EVERY_BAR, gate_dwell=40))
    gate = model.column(Out.GATE)[499:]
    turns = np.flatnonzero(np.diff(gate))
    assert turns.size > 3 and np.diff(turns).min() >= 40


def test_the_schedule_is_absolute() -> None:
    bars = reverting(1, 900)
    early = model_of(bars, CLASSIC)
    for later in (1, 5, 6, 17):
        model = model_of(bars[:, later:], CLASSIC, SLOT + later)
        np.testing.assert_array_equal(
            model.column(Out.GATE_STATISTIC)[100:], early.column(Out.GATE_STATISTIC)[later + 100 :]
        )


def test_a_spread_too_slow_for_any_window_never_opens_the_gate() -> None:
    """40 half-lives would be more than 5,000 bars: the test runs, and the gate stays closed."""
    rng = np.random.default_rng(3)
    chosen = defended(interval_ms=WIDTH_MS, calibration_bars=5_000, gate_every=1, fee_bps=0.0)
    slow = cointegrated(rng, 9_000, 400)
    model = model_of(bars_of(5.0 + 1e-4 * slow[0], 9.0 + 1e-4 * slow[1]), chosen)
    found = model.calibration
    assert found is not None and found.half_life > 125 and found.test_window == 5_000 and not found.is_testable
    assert model.gate_tests > 3_000 and np.nanmax(model.column(Out.GATE)) == 0.0
    assert (model.column(Out.GATE_STATISTIC)[5_000:] < model.column(Out.GATE_CRITICAL)[5_000:]).any()
    fixed = model_of(bars_of(5.0 + 1e-4 * slow[0], 9.0 + 1e-4 * slow[1]), replace(chosen, test_window=5_000))
    assert np.nanmax(fixed.column(Out.GATE)) == 1.0  # who sets the window has decided


def test_a_calibration_without_reversion_keeps_the_gate_closed_for_the_run() -> None:
    """Y walked away from X over the calibration and keeps to it from then on: the test would open, but for the lock."""
    rng = np.random.default_rng(4)
    y, x = cointegrated(rng, 9_000, 20)
    y[:500] += 0.002 * (500.0 - np.arange(500)) ** 2
    bars = bars_of(5.0 + 1e-4 * y, 9.0 + 1e-4 * x)
    chosen = defended(interval_ms=WIDTH_MS, z_window=50, z_scale="rolling", cost_filter=False, break_alarm=None)
    model = model_of(bars, chosen)
    found = model.calibration
    assert found is not None and not found.reverts and found.half_life == np.inf and found.test_window == 5_000
    statistic, critical = model.column(Out.GATE_STATISTIC), model.column(Out.GATE_CRITICAL)
    assert (statistic[5_600:] < critical[5_600:]).all() and np.nanmax(model.column(Out.GATE)) == 0.0
    actions = model.column(Out.ACTION)
    assert not np.isin(actions, [Action.ENTER_LONG, Action.ENTER_SHORT]).any()
    reasons = model.column(Out.REASON)[5_600:]
    assert set(reasons[actions[5_600:] == Action.NO_ENTRY]) == {Reason.GATE_CLOSED}
    assert np.nanmax(model_of(bars, replace(chosen, test_window=500)).column(Out.GATE)) == 1.0


def test_a_leg_that_stands_still_has_no_statistic_and_no_open_gate() -> None:
    bars = reverting(2, 900)
    bars[1, 300:] = bars[1, 300]
    model = model_of(bars)
    shot = model.snapshot(899)
    assert np.isnan([shot.gate_statistic, shot.gate_pvalue]).all() and shot.gate == 0.0
    assert not np.isnan(model.snapshot(299).gate_statistic)


def test_without_a_gate_nothing_is_tested_and_entries_are_free() -> None:
    model = model_of(walking(1), replace(CLASSIC, gate="off"))
    assert model.gate_tests == 0 and np.isnan(model.gate_open_share)
    assert np.isnan(model.column(Out.GATE)).all()
    actions, reasons = model.column(Out.ACTION), model.column(Out.REASON)
    assert (actions == Action.ENTER_LONG).any()
    assert not np.isin(reasons, [Reason.GATE_CLOSED, Reason.WARMUP]).any()


def test_a_closed_gate_and_one_not_tested_yet_say_so() -> None:
    model = model_of(walking(2, 2_000), classic(interval_ms=WIDTH_MS))
    refused = model.column(Out.ACTION) == Action.NO_ENTRY
    gate, reasons = model.column(Out.GATE), model.column(Out.REASON)
    assert set(reasons[refused & np.isnan(gate)]) == {Reason.WARMUP}
    flat = refused & (gate == 0.0) & (model.column(Out.POSITION) == 0.0)
    assert flat.any() and set(reasons[flat]) == {Reason.GATE_CLOSED}


ROBUST = replace(EVERY_BAR, gate="robust", gate_dwell=0)


def own_pvalue(model: PairModel, place: int, first_slot: int, level: float) -> float:
    """Of the window that ends at ``place``, from the prices and from the slots of the run and of the window."""
    y, x = (leg.copy() for leg in model.inputs(model.price_row, place - 499, place + 1))
    run_seed = np.uint64(mixed(np.uint64(advanced(np.uint64(0), first_slot))))
    seed = np.uint64(advanced(run_seed, first_slot + place - 499))
    return wild_bootstrap_kernel(y, x, BIC, -1, level, DRAWS, seed)[2]


@pytest.mark.parametrize(("level", "row", "half_life"), [(1, 0, 25), (5, 1, 30), (10, 2, 40)])
def test_a_robust_gate_opens_where_both_tests_agree_and_closes_as_the_plain_one(
    level: int, row: int, half_life: float
) -> None:
    model = gated(8, half_life, replace(ROBUST, gate_level=level), bars=3_000)
    gate, statistic, shown = (model.column(each)[499:] for each in (Out.GATE, Out.GATE_STATISTIC, Out.GATE_BOOTSTRAP))
    is_open, asked, refused = False, 0, 0
    for at, (now, tau, pvalue) in enumerate(zip(gate, statistic, shown, strict=True)):
        if is_open:
            is_open = bool(tau < eg_critical(CLOSE_ROW, 500.0))
            expected = shown[at - 1] if is_open else np.nan  # it stands while the gate is open
        elif tau < eg_critical(row, 500.0):
            expected = own_pvalue(model, 499 + at, SLOT, level / 100)
            is_open, asked = expected <= level / 100, asked + 1
            refused += not is_open
        else:
            expected = np.nan
        assert now == is_open
        assert pvalue == expected or (np.isnan(pvalue) and np.isnan(expected))
    assert asked > refused > 0 and model.gate_flips > 0


def test_the_draws_belong_to_the_run_and_to_the_bar() -> None:
    """The same bars give another run another p-value, and the same run the same one however it is cut, cut off, or
    put right afterwards."""
    y, x = cointegrated(np.random.default_rng(9), 1_000, 25)
    bars = bars_of(5.0 + 1e-4 * y, 9.0 + 1e-4 * x)
    whole, later = model_of(bars, ROBUST), model_of(bars[:, 30:], ROBUST, SLOT + 30)
    model = PairModel(ROBUST, SLOT)
    for start in range(0, 1_000, 7):
        model.extend(bars[:, start : start + 7])
    np.testing.assert_array_equal(columns_of(model), columns_of(whole))
    np.testing.assert_array_equal(columns_of(model_of(bars[:, :800], ROBUST)), columns_of(whole)[:, :800])
    model.revise(600, 1.01 * bars[:, 600:640])
    assert not np.array_equal(columns_of(model), columns_of(whole), equal_nan=True)
    model.revise(600, bars[:, 600:640])
    np.testing.assert_array_equal(columns_of(model), columns_of(whole))
    one, other = (each.column(Out.GATE_BOOTSTRAP)[-300:] for each in (whole, later))
    both = ~np.isnan(one) & ~np.isnan(other)
    assert both.sum() > 50 and (one[both] != other[both]).any()
    np.testing.assert_array_equal(whole.column(Out.GATE_STATISTIC)[-300:], later.column(Out.GATE_STATISTIC)[-300:])


def test_nothing_is_drawn_without_the_robust_gate_nor_during_the_dwell() -> None:
    assert np.isnan(gated(8, 10, EVERY_BAR, bars=1_000).column(Out.GATE_BOOTSTRAP)).all()
    model = gated(8, 30, replace(ROBUST, gate_dwell=60), bars=1_500)
    gate, pvalue = model.column(Out.GATE)[499:], model.column(Out.GATE_BOOTSTRAP)[499:]
    closings = np.flatnonzero(np.diff(gate) == -1.0) + 1
    assert closings.size > 0
    for at in closings:
        assert np.isnan(pvalue[at : at + 60]).all()


def test_a_robust_gate_is_not_opened_by_a_fall_of_the_variance() -> None:
    """math.md section 8: a 25-fold fall in mid-window opens the plain gate on 23 % of unrelated pairs."""
    rng, opened = np.random.default_rng(10), []
    slot = SLOT - SLOT % 500 - 499
    size = np.where(np.arange(500) < 250, 5e-4, 1e-4)
    for _ in range(300):
        bars = bars_of(*(9.0 + np.cumsum(size * rng.standard_normal(500)) for _ in range(2)))
        opened.append([model_of(bars, replace(ROBUST, gate=gate, gate_every=500), slot).snapshot(499).gate
                       for gate in ("engle-granger", "robust")])  # fmt: skip
    plain, robust = np.mean(opened, axis=0)
    assert plain > 0.15 and 0.025 <= robust <= 0.07
