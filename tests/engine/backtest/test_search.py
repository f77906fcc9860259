"""Searches: cells, units that are put together in any order, folds that share no bar, and verdicts on noise."""

from __future__ import annotations

import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from engine.backtest import (
    CellRecords,
    Costs,
    Terms,
    Venue,
    Verdict,
    WalkPlan,
    grid_cells,
    judge,
    measure_cells,
    prepare,
    random_cells,
    shared_inputs,
    sweep,
)
from engine.backtest.cell_records import folds_of, part_of
from engine.backtest.verdict import heatmap_of
from engine.pairs import PairSettings
from engine.stats.checks import Floats
from tests.engine.backtest.test_noise import FREE, MINUTE_MS, NOISE, PAID, RICH

RULE = replace(NOISE, estimator="ols", beta_window=130)
AXES = {"entry_z": tuple(1.0 + 0.25 * i for i in range(10)), "exit_z": tuple(0.1 * i for i in range(10))}
WALK = WalkPlan(train=72, test=24, purge=4)
WEEK, FORTNIGHT = 10_080, 20_160  # minutes


def noise(seed: int, bars: int) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    y = 3_000.0 * np.exp(np.cumsum(rng.normal(0.0, 8e-4, bars)))
    return y, 60_000.0 * np.exp(np.cumsum(rng.normal(0.0, 6e-4, bars))), np.arange(bars) * MINUTE_MS


def verdict(seed: int, costs: Costs, bars: int) -> Verdict:
    cells = grid_cells(RULE, AXES)
    inputs = prepare(*noise(seed, bars), RULE, costs)
    terms = Terms(costs, RICH, Venue(), "hourly", WALK)
    return judge(cells, measure_cells(inputs, [cell.settings for cell in cells], terms), RICH.capital, axes=AXES)


def test_a_grid_has_every_possible_combination_and_groups_share_inputs() -> None:
    axes = {"z_window": (20, 30), "entry_z": (0.5, 1.0), "exit_z": (0.0, 0.5), "estimator": ("ols", "tls")}
    cells = grid_cells(RULE, axes)
    assert len(cells) == 12 and all(cell.settings.exit_z < cell.settings.entry_z for cell in cells)
    for cell in cells:
        for name, place in zip(axes, cell.place, strict=True):
            assert getattr(cell.settings, name) == axes[name][place]  # type: ignore[literal-required]
    groups = shared_inputs(cells)
    assert len(groups) == 4 and sorted(n for group in groups for n in group) == list(range(12))
    for group in groups:
        assert len({(cells[n].settings.z_window, cells[n].settings.estimator) for n in group}) == 1
    for axes_, message in (
        ({}, "there are no axes"), ({"entry": (1.0,)}, "axis 'entry' is no setting"),
        ({"entry_z": (1.0, 1.0)}, "expected at least one, each once"), ({"exit_z": (9.0,)}, "no combination is poss"),
        ({"entry_z": tuple(range(1, 100)), "z_window": tuple(range(5, 500))}, "expected at most 10,000"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            grid_cells(RULE, axes_)


def test_random_points_are_functions_of_the_seed_and_cover_their_axes() -> None:
    axes = {"entry_z": (1.0, 3.0), "z_window": (20, 120), "estimator": ("ols", "huber", "tls")}
    cells = random_cells(RULE, axes, 64, seed=5)
    assert cells == random_cells(RULE, axes, 64, seed=5) != random_cells(RULE, axes, 64, seed=6)
    entries = np.sort([cell.settings.entry_z for cell in cells])
    assert entries[0] >= 1.0 and entries[-1] <= 3.0 and np.diff(entries).max() < 3 * 2.0 / 64
    windows = [cell.settings.z_window for cell in cells]
    assert all(isinstance(window, int) for window in windows) and len(set(windows)) > 40
    assert {cell.settings.estimator for cell in cells} == {"ols", "huber", "tls"}


def test_units_give_the_same_records_whatever_they_are_and_wherever_they_stop() -> None:
    cells = grid_cells(RULE, {"entry_z": (1.0, 1.5, 2.0), "exit_z": (0.0, 0.3, 0.6)})
    inputs = prepare(*noise(1, 6_000), RULE, PAID)
    terms = Terms(PAID, RICH, Venue(), "hourly", WalkPlan(24, 12))
    whole = measure_cells(inputs, [cell.settings for cell in cells], terms)
    units = [(8, 0), (3, 4, 5), (1, 2), (7, 6)]
    parts = [measure_cells(inputs, [cells[n].settings for n in unit], terms) for unit in units]
    joined = CellRecords.joined(parts, units)
    for field in fields(CellRecords):
        np.testing.assert_array_equal(getattr(joined, field.name), getattr(whole, field.name))


@pytest.mark.parametrize("anchored", [False, True])
def test_folds_share_no_bar_and_each_part_is_a_backtest_of_its_own(anchored: bool) -> None:
    y, x, times = noise(2, 6_000)
    inputs = prepare(y, x, times + 17 * MINUTE_MS, RULE, PAID)
    terms = Terms(PAID, RICH, Venue(), "hourly", WalkPlan(24, 12, anchored, purge=2, embargo=1))
    folds = folds_of(inputs, terms)
    tested = np.zeros(inputs.bars, dtype=int)
    for fold in folds:
        assert fold.train_to + 120 == fold.test_from  # the purge, in bars
        assert (inputs.open_times_ms[[fold.train_from, fold.test_from]] % 3_600_000 == 0).all()
        tested[fold.test] += 1
    assert len(folds) >= 5 and tested.max() == 1
    cell = replace(RULE, entry_z=1.5)
    found = measure_cells(inputs, [cell], terms)
    for number, fold in enumerate(folds):
        alone = sweep(part_of(inputs, fold.test), [cell], PAID, RICH, bucket_ms=3_600_000)
        np.testing.assert_array_equal(found.test[:, found.fold_of_period == number], alone.pnl)
    later = prepare(y * np.where(np.arange(y.size) < 4_000, 1.0, 1.1), x, times + 17 * MINUTE_MS, RULE, PAID)
    changed = measure_cells(later, [cell], terms)
    before = [fold.train_to <= 4_000 - 60 for fold in folds]
    np.testing.assert_array_equal(found.train[:, before], changed.train[:, before])
    with pytest.raises(ValueError, match="expected a width that divides a period"):
        folds_of(prepare(y, x, times // 60 * 7 * 60, replace(RULE, interval_ms=420_000), PAID), terms)


def test_the_plateau_is_the_middle_of_good_cells_and_not_the_lucky_one() -> None:
    axes = {"entry_z": tuple(1.0 + i for i in range(6)), "z_window": tuple(range(20, 26))}
    places = np.arange(6)
    score = 1.0 - 0.1 * np.hypot(*np.meshgrid(places - 2, places - 2))
    score[5, 5] = 9.0
    found = heatmap_of(grid_cells(PairSettings(), axes), axes, score.ravel())
    assert found.peak == (5, 5) and found.plateau == (2, 2)
    np.testing.assert_array_equal(found.score, score)
    one = heatmap_of(grid_cells(PairSettings(), {"entry_z": (1.0, 2.0)}), {"entry_z": (1.0, 2.0)}, np.array([1.0, 2.0]))
    assert one.peak == one.plateau == (1,) and np.isnan(one.around).all()


def test_a_cell_that_never_trades_has_no_ratio_and_says_so() -> None:
    cells = grid_cells(RULE, {"entry_z": (90.0, 99.0)})
    inputs = prepare(*noise(3, 2_000), RULE, PAID)
    found = judge(cells, measure_cells(inputs, [cell.settings for cell in cells], Terms(PAID, RICH, Venue())), 1e6)
    assert found.psr is None and found.dsr is None and found.walk is None
    assert found.reasons["dsr"] == "the best cell made no profit or loss"
    with pytest.raises(ValueError, match="records of 2 cells; expected 1"):
        judge(cells[:1], measure_cells(inputs, [cell.settings for cell in cells], Terms(PAID, RICH, Venue())), 1e6)


def test_what_a_few_periods_would_say_of_luck_is_withheld_with_its_reason() -> None:
    """Ten hours of four cells: no PBO, no trust in the map, no ratio of the walk-forward."""
    axes = {"entry_z": (1.0, 1.25), "exit_z": (0.0, 0.3)}
    cells = grid_cells(RULE, axes)

    def of(hours: int) -> Verdict:
        terms = Terms(FREE, RICH, Venue(), "hourly", WalkPlan(5, 2))
        inputs = prepare(*noise(4, 60 * hours), RULE, FREE)
        return judge(cells, measure_cells(inputs, [cell.settings for cell in cells], terms), 1e6, axes=axes)

    short, long = of(10), of(100)
    said = "not known: 10 periods, luck can be told from 30 on"
    assert short.overfitting is None and short.psr is None and short.dsr is None
    assert [short.reasons[name] for name in ("pbo", "psr", "map")] == [said] * 3
    assert short.walk is not None and short.walk.ratio is None and short.walk.pnl.any()
    assert short.reasons["walk: ratio"] == "not known: 4 periods of the tests, luck can be told from 30 on"
    assert long.overfitting is not None and long.psr is not None and long.reasons == {}
    assert long.walk is not None and long.walk.ratio is not None


def test_a_training_part_without_a_trade_has_no_ratio() -> None:
    """Of unknown and losing cells an unknown one is chosen, of unknown ones the first; a gain comes before both."""
    nan, pnl = np.nan, np.ones((3, 3))
    train = np.array([[nan, nan, -0.2], [nan, -0.1, -0.3], [nan, -0.1, 0.4]])
    records = CellRecords(np.zeros((3, 8)), pnl, train, np.ones((3, 3)), np.arange(3))
    walk = judge(grid_cells(RULE, {"entry_z": (1.0, 2.0, 3.0)}), records, 1e6).walk
    assert walk is not None and walk.chosen.tolist() == [0, 0, 2] and walk.known.tolist() == [0, 2, 3]
    np.testing.assert_array_equal(walk.train, [nan, nan, 0.4])
    cells = [replace(RULE, entry_z=90.0)]
    terms = Terms(PAID, RICH, Venue(), "hourly", WalkPlan(5, 2))
    assert np.isnan(measure_cells(prepare(*noise(3, 2_000), RULE, PAID), cells, terms).train).all()


def test_a_walk_forward_that_does_not_fit_names_its_periods() -> None:
    inputs = prepare(*noise(3, 150), RULE, PAID)
    with pytest.raises(ValueError, match="2 whole hours for a training part of 1, 1 left out and a test of 1; expec"):
        measure_cells(inputs, [RULE], Terms(PAID, RICH, Venue(), "hourly", WalkPlan(1, 1)))


def figures(seeds: int, bars: int, pbo_within: float) -> None:
    """A sweep of 100 cells on noise: the acceptance's figures, at no cost and after costs."""
    free, paid = ([verdict(seed, costs, bars) for seed in range(seeds)] for costs in (FREE, PAID))
    is_below = [(each.dsr or 0.0) < 0.95 for each in free]
    pbo = [each.overfitting.pbo for each in free if each.overfitting]
    ratios = [np.array([each.walk.ratio or 0.0 for each in some if each.walk]) for some in (free, paid)]
    means, errors = [each.mean() for each in ratios], [each.std(ddof=1) / np.sqrt(seeds) for each in ratios]
    sys.stdout.write(
        f"{seeds} seeds: DSR < .95 in {np.mean(is_below):.0%}, PBO {np.mean(pbo):.3f}, out of sample"
        f" {means[0]:.4f} +- {errors[0]:.4f} at no cost, {means[1]:.4f} +- {errors[1]:.4f} after costs\n"
    )
    assert np.mean(is_below) >= 0.93
    assert len(pbo) == seeds and abs(np.mean(pbo) - 0.5) <= pbo_within
    assert abs(means[0]) <= 2.0 * errors[0]
    assert means[1] <= -2.0 * errors[1]


def test_a_sweep_on_noise_finds_nothing() -> None:
    figures(5, WEEK, pbo_within=0.25)  # two standard errors; the long form has the bound of the acceptance


@pytest.mark.soak
def test_a_sweep_on_noise_finds_nothing_over_100_seeds() -> None:
    figures(100, FORTNIGHT, pbo_within=0.1)
